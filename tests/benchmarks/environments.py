"""Python environments for the contestants' packages, which are not dependencies of the project."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path


def isolated_python(*requirements: str) -> str:
    """The interpreter of an environment with these packages; the first call creates it."""
    key = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"energy-pipeline-benchmark-{key}"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if not complete.exists():
        subprocess.run(["uv", "venv", "--quiet", "--clear", str(folder)], check=True)
        subprocess.run(
            ["uv", "pip", "install", "--quiet", "--python", str(python), *requirements], check=True
        )
        complete.touch()
    return str(python)

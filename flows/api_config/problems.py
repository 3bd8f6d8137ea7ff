"""Problems of a configuration: where, what, and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One problem of the configuration or of an argument.

    Attributes:
        where: The file, environment variable or argument.
        path: The JSON path in the file (`$.apis[0].url`), or "".
        cause: What is wrong, without the values of secrets.
        suggestion: The nearest valid word or what to do, or "".
    """

    where: str
    path: str
    cause: str
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: {self.path}" if self.path else self.where
        advice = f" ({self.suggestion})" if self.suggestion else ""
        return f"{place}: {self.cause}{advice}"


class ConfigError(ValueError):
    """The configuration, or a selection from it, is not valid.

    Attributes:
        problems: Every problem found.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def nearest_word(word: str, valid_words: Iterable[str]) -> str:
    """The valid word most similar to `word`, ignoring case, or ""."""
    by_folded = {valid.casefold(): valid for valid in valid_words}
    close = difflib.get_close_matches(word.strip().casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[close[0]] if close else ""

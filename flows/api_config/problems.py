"""What is wrong with a configuration, said so that the reader can mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the configuration or with what was asked of it.

    Attributes:
        where: The file, environment variable or command the problem stands in.
        path: JSON path inside that file (`$.apis[0].url`), or "" where there is none.
        cause: What is wrong; never the value of a secret.
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
    """The configuration, or a choice made from it, cannot be used; holds every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def nearest_word(word: str, valid_words: Iterable[str]) -> str:
    """The valid word that `word` most likely stands for, ignoring case, or ""."""
    by_folded = {valid.casefold(): valid for valid in valid_words}
    close = difflib.get_close_matches(word.strip().casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[close[0]] if close else ""

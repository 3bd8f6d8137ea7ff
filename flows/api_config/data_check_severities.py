"""The key `checks`: the severity of each data check's findings."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict

CheckSeverity = Literal["off", "warn", "fail"]


class DataChecks(BaseModel):
    """The severity of each check: `warn` reports findings, `fail` also fails the API, `off` disables it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    duplicate_keys: CheckSeverity = "warn"
    """Rows with equal values in all key_columns, and key_columns that are missing."""
    missing_hours: CheckSeverity = "warn"
    """Hours without a row, or times of a finer series; a day has 23 or 25 hours when the clocks change."""
    window: CheckSeverity = "warn"
    """Rows outside the window that was asked for; where all are outside, the window fails in any case."""
    columns: CheckSeverity = "warn"
    """Columns that were added or removed since the last stored object."""
    types: CheckSeverity = "warn"
    """Columns whose type changed since the last stored object, e.g. from numbers to text."""
    row_count: CheckSeverity = "warn"
    """Fewer than half or more than twice the rows of the last stored object."""

    @property
    def compares(self) -> bool:
        """Whether any check needs the last stored object."""
        return {self.columns, self.types, self.row_count} != {"off"}


def _one_for_all(value: object) -> object:
    """Expand `"checks": "fail"` to all checks."""
    if isinstance(value, str) and value in get_args(CheckSeverity):
        return dict.fromkeys(DataChecks.model_fields, value)
    return value


DataCheckSeverities = Annotated[
    DataChecks, BeforeValidator(_one_for_all, json_schema_input_type=DataChecks | CheckSeverity)
]

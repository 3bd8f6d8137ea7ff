"""What is to be done about each kind of finding in an API's data: the key `checks`."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict

CheckSeverity = Literal["off", "warn", "fail"]


class DataChecks(BaseModel):
    """How serious each finding is: `fail` fails the API, though its data is stored; `off` keeps quiet."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    duplicate_keys: CheckSeverity = "warn"
    """Rows that agree in all of key_columns."""
    missing_hours: CheckSeverity = "warn"
    """Hours without a row, by the calendar of the zone: a day has 23 or 25 when the clocks change."""
    columns: CheckSeverity = "warn"
    """Columns that are new or gone since the last stored object."""
    types: CheckSeverity = "warn"
    """Columns that held numbers in the last stored object and hold text now, or the like."""
    row_count: CheckSeverity = "warn"
    """Fewer than half, or more than twice, the rows of the last stored object."""

    @property
    def compares(self) -> bool:
        """Whether the last stored object has to be looked at."""
        return {self.columns, self.types, self.row_count} != {"off"}


def _one_for_all(value: object) -> object:
    """`"checks": "fail"` says it for all of them."""
    if isinstance(value, str) and value in get_args(CheckSeverity):
        return dict.fromkeys(DataChecks.model_fields, value)
    return value


DataCheckSeverities = Annotated[
    DataChecks, BeforeValidator(_one_for_all, json_schema_input_type=DataChecks | CheckSeverity)
]

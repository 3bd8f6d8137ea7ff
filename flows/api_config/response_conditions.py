"""Conditions on responses: an error in an HTTP 200, or "no data" in an error status."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from flows.api_config.field_types import Path, Scalar, one_or_many

Status = Annotated[int, Field(ge=100, le=599)]
Scalars = Annotated[
    list[Scalar],
    BeforeValidator(
        one_or_many, json_schema_input_type=str | int | float | bool | list[str | int | float | bool]
    ),
]


class ResponseCondition(BaseModel):
    """A condition on a response; all keys that are given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    status: Annotated[list[Status], BeforeValidator(one_or_many, json_schema_input_type=int | list[int])] = (
        Field(default_factory=list)
    )
    """The HTTP status, or several."""
    at: Path | None = None
    """Path to a value that must not be null, "", {}, [], false or 0; each item of a list on it is tried."""
    equals: Annotated[Scalars, Field(min_length=1)] | None = None
    """The value, or one of several values, that must be at "at"; compared as text."""
    contains: Annotated[str, Field(min_length=1)] | None = None
    """A text that the value at "at" must contain; case is ignored."""
    text: Annotated[str, Field(min_length=1)] | None = None
    """A text that the first 4,096 bytes of the response must contain; case is ignored."""
    message: Path | None = None
    """Path to the provider's error message. Default: the value at "at"."""

    @model_validator(mode="after")
    def _holds_a_condition(self) -> ResponseCondition:
        if not self.status and self.at is None and self.text is None:
            raise PydanticCustomError("no_condition", 'needs "at", "text" or "status"')
        if self.at is None and (self.equals or self.contains):
            raise PydanticCustomError("no_place", 'has "equals" or "contains" without "at"')
        return self


ResponseConditions = Annotated[
    list[ResponseCondition],
    BeforeValidator(one_or_many, json_schema_input_type=ResponseCondition | list[ResponseCondition]),
]

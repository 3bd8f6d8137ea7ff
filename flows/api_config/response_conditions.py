"""Replies that mean something else than their status says: errors in a 200, "no data" in an error."""

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


class ReplyCondition(BaseModel):
    """What to recognise a reply by; where several keys are given, all must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    status: Annotated[list[Status], BeforeValidator(one_or_many, json_schema_input_type=int | list[int])] = (
        Field(default_factory=list)
    )
    """The HTTP status, or several."""
    at: Path | None = None
    """Keys down to a place that holds something (not null, "", {}, [], false, 0); lists are entered."""
    equals: Annotated[Scalars, Field(min_length=1)] | None = None
    """What is to stand there, or several of which one is; compared as text."""
    contains: Annotated[str, Field(min_length=1)] | None = None
    """A text to be part of what stands there; case is ignored."""
    text: Annotated[str, Field(min_length=1)] | None = None
    """A text to be among the first 4,096 bytes of the reply; case is ignored."""
    message: Path | None = None
    """Where the provider says what is wrong; what is at "at", where not given."""

    @model_validator(mode="after")
    def _holds_a_condition(self) -> ReplyCondition:
        if not self.status and self.at is None and self.text is None:
            raise PydanticCustomError("no_condition", 'names nothing to look for: "at", "text" or "status"')
        if self.at is None and (self.equals or self.contains):
            raise PydanticCustomError("no_place", 'has "equals" or "contains" without "at"')
        return self


ReplyConditions = Annotated[
    list[ReplyCondition],
    BeforeValidator(one_or_many, json_schema_input_type=ReplyCondition | list[ReplyCondition]),
]

"""The models of `api_config.json`: what one API is and how it is to be collected."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from flows.api_config.auth import ISONE_DEFAULT_AUTH, ISONE_HOST, Auth
from flows.api_config.field_types import (
    Folder,
    HeaderName,
    ParameterName,
    Path,
    Prefix,
    Scalar,
    SentText,
    Text,
    check_template,
    check_url,
    one_or_many,
    refuse_control_characters,
)
from flows.api_config.paging import Pagination
from flows.api_config.reply_conditions import ReplyConditions
from flows.api_config.templates import NAME_PATTERN

Unit = Literal["hour", "day", "month", "year"]
Format = Literal["json", "csv", "xml", "zip"]
OutputFormat = Literal["csv", "parquet", "raw"]


def _check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError):
        raise PydanticCustomError(
            "timezone", "is not a time zone: name one like America/New_York or UTC"
        ) from None
    return name


def _refuse_repeats(values: list[str]) -> list[str]:
    repeated = next((value for value in values if values.count(value) > 1), None)
    if repeated is not None:
        raise PydanticCustomError("repeated", "holds '{value}' twice", {"value": repeated})
    return values


class Dates(BaseModel):
    """The windows of time an API is asked for, in the zone its data lives in.

    Attributes:
        unit: What one window is made of.
        timezone: Where units begin, e.g. `America/New_York`: a day there has 23 or 25 hours twice a year.
        max_window: How many units one request may ask for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unit: Unit = "day"
    timezone: Annotated[str, AfterValidator(_check_timezone)] = "UTC"
    max_window: int = Field(default=1, ge=1, le=10_000)


PlaceholderName = Annotated[str, Field(pattern=NAME_PATTERN)]
# what to fill in for a placeholder; control characters would break a URL or a header
EnumeratedValues = Annotated[
    list[Annotated[Scalar, AfterValidator(refuse_control_characters), Field(min_length=1)]],
    Field(min_length=1, max_length=10_000),
    AfterValidator(_refuse_repeats),
]


class CommonOptions(BaseModel):
    """The optional keys, valid under one API and under the top-level `defaults`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    allow_insecure: bool = False
    auth: (
        Annotated[
            list[Auth],
            Field(min_length=1),
            BeforeValidator(one_or_many, json_schema_input_type=Auth | list[Auth]),
        ]
        | None
    ) = None
    headers: dict[HeaderName, SentText] = Field(default_factory=dict)
    params: dict[ParameterName, SentText] = Field(default_factory=dict)
    format: Format = "json"
    skip_rows: int = Field(default=0, ge=0)
    records: Path | None = None
    columns_from: Path | None = None
    rows_from: Path | None = None
    columnar: Path | None = None
    explode: list[Path] | None = None
    pagination: Pagination | None = None
    dates: Dates | None = None
    values: dict[PlaceholderName, EnumeratedValues] = Field(default_factory=dict)
    key_columns: Annotated[list[Text], Field(min_length=1), AfterValidator(_refuse_repeats)] | None = None
    error_when: ReplyConditions = Field(default_factory=list)
    empty_when: ReplyConditions = Field(default_factory=list)
    timeout_seconds: float = Field(default=30, gt=0, le=3600)
    max_attempts: int = Field(default=4, ge=1, le=20)
    requests_per_second: float | None = Field(default=None, gt=0)
    max_concurrency: int | None = Field(default=None, ge=1)
    max_response_mb: float = Field(default=512, gt=0)
    verify_tls: bool = True
    outputs: Annotated[list[OutputFormat], Field(min_length=1), AfterValidator(_refuse_repeats)] = Field(
        default=["csv"]
    )
    enabled: bool = True


class ApiConfig(CommonOptions):
    """One API to collect.

    Attributes:
        name: What people call it; unique, case ignored.
        url: `https://…`, maybe with placeholders; plain `http://` only to this machine or with
            `allow_insecure`.
        history_url: What to ask instead of `url` when dates are asked for.
        output_folder: Folder in the bucket, e.g. `iso_ne_fuel_mix`.
        csv_prefix: Start of each object's name, e.g. `fuel_mix`.
    """

    name: Text
    url: Text
    history_url: Text | None = None
    output_folder: Folder
    csv_prefix: Prefix

    @field_validator("url", "history_url")
    @classmethod
    def _check_url(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None:
            check_template(url)
            check_url(url, allow_insecure=bool(info.data.get("allow_insecure")))
        return url

    @property
    def auth_entries(self) -> tuple[Auth, ...]:
        """The auth to use: what is configured, or the default for the API's host."""
        if self.auth is not None:
            return tuple(self.auth)
        return (ISONE_DEFAULT_AUTH,) if urlsplit(self.url).hostname == ISONE_HOST else ()

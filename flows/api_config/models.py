"""The models of `api_config.json`: what one API is and how it is to be collected."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from flows.api_config.auth import ISONE_DEFAULT_AUTH, ISONE_HOST, Auth
from flows.api_config.data_check_severities import DataChecks, DataCheckSeverities
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
from flows.api_config.problems import nearest_word
from flows.api_config.response_conditions import ResponseConditions
from flows.api_config.templates import NAME_PATTERN

Unit = Literal["hour", "day", "month", "year"]
Format = Literal["json", "csv", "xml", "zip"]
OutputFormat = Literal["csv", "parquet", "raw"]


def _check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        nearest = nearest_word(name, available_timezones())
        advice = f"did you mean {nearest}?" if nearest else "name one like America/New_York or UTC"
        raise PydanticCustomError("timezone", "is not a time zone: {advice}", {"advice": advice}) from None
    return name


def _refuse_repeats(values: list[str]) -> list[str]:
    repeated = next((value for value in values if values.count(value) > 1), None)
    if repeated is not None:
        raise PydanticCustomError("repeated", "holds '{value}' twice", {"value": repeated})
    return values


class Dates(BaseModel):
    """The windows of time an API is asked for, in the zone its data lives in."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    unit: Unit = "day"
    """What windows are made of."""
    timezone: Annotated[str, AfterValidator(_check_timezone)] = "America/New_York"
    """Where units begin: a day there may have 23 or 25 hours twice a year. UTC has no such days."""
    max_window: int = Field(default=1, ge=1, le=10_000)
    """How many units one request may ask for."""
    settled_after_days: int = Field(default=0, ge=0, le=3660)
    """How long after its end a unit's data may still change: what was stored before is collected again."""


PlaceholderName = Annotated[str, Field(pattern=NAME_PATTERN)]
# what to fill in for a placeholder; control characters would break a URL or a header
EnumeratedValues = Annotated[
    list[Annotated[Scalar, AfterValidator(refuse_control_characters), Field(min_length=1)]],
    Field(min_length=1, max_length=10_000),
    AfterValidator(_refuse_repeats),
]


class CommonOptions(BaseModel):
    """The optional keys, valid under one API and under the top-level `defaults`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    allow_insecure: bool = False
    """Allow plain http:// to other machines."""
    allow_local_redirects: bool = False
    """Follow redirects from other machines to this one or to link-local addresses."""
    auth: (
        Annotated[
            list[Auth],
            Field(min_length=1),
            BeforeValidator(one_or_many, json_schema_input_type=Auth | list[Auth]),
        ]
        | None
    ) = None
    """How the API lets us in: one kind, or a list of them. Secrets are references, never literals."""
    headers: dict[HeaderName, SentText] = Field(default_factory=dict)
    """Sent with each request; values may hold placeholders."""
    params: dict[ParameterName, SentText] = Field(default_factory=dict)
    """Query parameters of each request; values may hold placeholders."""
    format: Format = "json"
    """What the API answers in; zip is an archive of csv or xml."""
    skip_rows: int = Field(default=0, ge=0)
    """Lines of a CSV before its header."""
    records: Path | None = None
    """Keys down to the records. Default: through objects of a single key, to a list or an object."""
    columns_from: Path | None = None
    """Columnar JSON as a header and rows: keys down to the names of the columns; see rows_from."""
    rows_from: Path | None = None
    """Columnar JSON as a header and rows: keys down to the list of rows, each a list."""
    columnar: Path | None = None
    """Columnar JSON as one object of equally long lists: keys down to it."""
    explode: list[Path] | None = None
    """Nested lists to turn into rows, each by its keys from the record; [] for none."""
    pagination: Pagination | None = None
    """How the API hands out its data page by page."""
    dates: Dates | None = None
    """The windows of time that {start} and {end} stand for."""
    values: dict[PlaceholderName, EnumeratedValues] = Field(default_factory=dict)
    """What to put for placeholders of your own, e.g. {"location": [4001, 4002]} for {location}."""
    key_columns: Annotated[list[Text], Field(min_length=1), AfterValidator(_refuse_repeats)] | None = None
    """The columns that together identify a row."""
    checks: DataCheckSeverities = DataChecks()
    """How serious findings in the data are: one word for all, or one for each."""
    error_when: ResponseConditions = Field(default_factory=list)
    """Replies that are errors whatever their status says, and where the provider says why."""
    empty_when: ResponseConditions = Field(default_factory=list)
    """Replies that mean "no data", whatever their status says."""
    timeout_seconds: float = Field(default=30, gt=0, le=3600)
    """For one attempt as a whole, from connecting to the last byte."""
    deadline_seconds: float = Field(default=900, gt=0, le=86_400)
    """For all of an API's pages and attempts together, from the first request on; waits for others aside."""
    max_attempts: int = Field(default=4, ge=1, le=20)
    """How often one request is tried in a run."""
    requests_per_second: float | None = Field(default=None, gt=0)
    """For the host; the strictest of its APIs counts. Default: no limit."""
    max_concurrency: int | None = Field(default=None, ge=1)
    """Requests under way at once, for the host; the strictest of its APIs counts. Default: 8."""
    max_response_mb: float = Field(default=512, gt=0)
    """The largest reply taken, decompressed, in MB of 1,000,000 bytes."""
    verify_tls: bool = True
    """Whether the server's certificate must be trusted."""
    outputs: Annotated[list[OutputFormat], Field(min_length=1), AfterValidator(_refuse_repeats)] = Field(
        default=["csv"]
    )
    """What to store; raw is the reply as it came."""
    enabled: bool = True
    """False leaves the API out unless it is named."""


class ApiConfig(CommonOptions):
    """One API to collect."""

    name: Text
    """What people call it; unique, case ignored."""
    url: Text
    """https://…, maybe with placeholders; plain http:// only to this machine or with allow_insecure."""
    history_url: Text | None = None
    """What to ask instead of url when dates are asked for."""
    output_folder: Folder
    """Folder in the bucket, e.g. iso_ne_fuel_mix."""
    csv_prefix: Prefix
    """Start of each object's name, e.g. fuel_mix."""

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

"""The models of `api_config.json`: an API and how it is collected."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
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
    """The windows of an API: their unit and time zone."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    unit: Unit = "day"
    """The length of a window."""
    timezone: Annotated[str, AfterValidator(_check_timezone)] = "America/New_York"
    """The time zone whose calendar the units follow; with DST, a day may have 23 or 25 hours."""
    max_window: int = Field(default=1, ge=1, le=10_000)
    """The most units that one request of a backfill may ask for."""
    settled_after_days: int = Field(default=0, ge=0, le=3660)
    """Days after its end for which a unit's data may change: objects stored earlier are collected again."""

    @model_validator(mode="after")
    def _hours_are_whole(self) -> Dates:
        zone = ZoneInfo(self.timezone)
        offsets = [zone.utcoffset(datetime(2024, month, 1)) or timedelta() for month in (1, 7)]  # noqa: DTZ001 - local
        if self.unit == "hour" and (offsets[0] - offsets[1]) % timedelta(hours=1):
            raise PydanticCustomError(
                "hours_of_zone",
                'the unit "hour" is not supported in {zone}, whose clock does not change by a whole hour: '
                'use the unit "day", or the time zone UTC',
                {"zone": self.timezone},
            )
        return self


PlaceholderName = Annotated[str, Field(pattern=NAME_PATTERN)]
# values of a placeholder; a control character would break a URL or a header
EnumeratedValues = Annotated[
    list[Annotated[Scalar, AfterValidator(refuse_control_characters), Field(min_length=1)]],
    Field(min_length=1, max_length=10_000),
    AfterValidator(_refuse_repeats),
]


class CommonOptions(BaseModel):
    """The optional keys, valid in an API and in the top-level `defaults`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    allow_insecure: bool = False
    """Whether plain http:// to other machines is allowed."""
    allow_local_redirects: bool = False
    """Whether redirects from other machines to this one or to link-local addresses are followed."""
    auth: (
        Annotated[
            list[Auth],
            Field(min_length=1),
            BeforeValidator(one_or_many, json_schema_input_type=Auth | list[Auth]),
        ]
        | None
    ) = None
    """How requests are authenticated: one auth entry or a list. Secrets are references, never literals."""
    headers: dict[HeaderName, SentText] = Field(default_factory=dict)
    """Headers of each request; values may hold placeholders."""
    params: dict[ParameterName, SentText] = Field(default_factory=dict)
    """Query parameters of each request; values may hold placeholders."""
    format: Format = "json"
    """The format of responses; zip is an archive of csv, xml or json files."""
    skip_rows: int = Field(default=0, ge=0)
    """Lines of a CSV before its header."""
    records: Path | None = None
    """Path to the records. Default: through objects of a single key, to a list or an object."""
    columns_from: Path | None = None
    """JSON with a header and rows: path to the column names. Needs rows_from."""
    rows_from: Path | None = None
    """JSON with a header and rows: path to the rows, a list of lists. Needs columns_from."""
    columnar: Path | None = None
    """Columnar JSON: path to an object of equally long lists."""
    explode: list[Path] | None = None
    """Nested lists whose items become rows: their paths from the record; [] for none."""
    pagination: Pagination | None = None
    """How further pages are requested."""
    dates: Dates | None = None
    """The windows that {start} and {end} refer to."""
    values: dict[PlaceholderName, EnumeratedValues] = Field(default_factory=dict)
    """Values of your own placeholders, e.g. {"location": [4001, 4002]} for {location}."""
    values_may_be_empty: bool = False
    """Whether a window is stored although some of `values` have no rows in it. Default: it fails."""
    key_columns: Annotated[list[Text], Field(min_length=1), AfterValidator(_refuse_repeats)] | None = None
    """The columns that together identify a row."""
    time_column: Text | Literal[False] | None = None
    """The column of the rows' times, which must lie in the window that was asked for; false for none.

    Default: the first of key_columns whose values all are times."""
    checks: DataCheckSeverities = DataChecks()
    """The severity of the findings of data checks: one for all, or one for each check."""
    error_when: ResponseConditions = Field(default_factory=list)
    """Conditions under which a response is an error, whatever its status, and where its message is."""
    empty_when: ResponseConditions = Field(default_factory=list)
    """Conditions under which a response holds no data, whatever its status."""
    timeout_seconds: float = Field(default=30, gt=0, le=3600)
    """The timeout of one attempt, from connecting to the last byte."""
    deadline_seconds: float = Field(default=900, gt=0, le=86_400)
    """The deadline of all pages and attempts together, from the first request; waits for other APIs aside."""
    max_attempts: int = Field(default=4, ge=1, le=20)
    """The most attempts at one request in a run."""
    requests_per_second: float | None = Field(default=None, gt=0)
    """Request rate for the host; the lowest among its APIs applies. Default: no limit."""
    max_concurrency: int | None = Field(default=None, ge=1)
    """Requests to the host at the same time; the lowest among its APIs applies. Default: 8."""
    max_response_mb: float = Field(default=512, gt=0)
    """The largest accepted response, decompressed, in MB of 1,000,000 bytes."""
    verify_tls: bool = True
    """Whether the server's certificate is verified."""
    outputs: Annotated[list[OutputFormat], Field(min_length=1), AfterValidator(_refuse_repeats)] = Field(
        default=["csv"]
    )
    """The formats to store; raw is the response as it was received."""
    enabled: bool = True
    """False leaves the API out of runs that do not name it."""


class ApiConfig(CommonOptions):
    """One API to collect."""

    name: Text
    """The unique name of the API; case is ignored."""
    url: Text
    """https://…, may hold placeholders; plain http:// only to this machine or with allow_insecure."""
    history_url: Text | None = None
    """The URL of past dates, if it differs from url."""
    output_folder: Folder
    """The folder in the bucket, e.g. iso_ne_fuel_mix."""
    csv_prefix: Prefix
    """The start of each object's name, e.g. fuel_mix."""

    @field_validator("url", "history_url")
    @classmethod
    def _check_url(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None:
            check_template(url)
            check_url(url, allow_insecure=bool(info.data.get("allow_insecure")))
        return url

    @property
    def auth_entries(self) -> tuple[Auth, ...]:
        """The configured auth entries, or the default of the API's host."""
        if self.auth is not None:
            return tuple(self.auth)
        return (ISONE_DEFAULT_AUTH,) if urlsplit(self.url).hostname == ISONE_HOST else ()

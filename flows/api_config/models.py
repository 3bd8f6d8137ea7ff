"""The models of `api_config.json`: what one API is and how it is to be collected."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from flows.api_config.auth import HEADER_NAME_PATTERN, ISONE_DEFAULT_AUTH, ISONE_HOST, Auth

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# names of headers and parameters under which services take keys; letters only, lower case
_SECRET_NAMES = {
    "authorization", "proxyauthorization", "cookie", "apikey", "xapikey", "accesstoken", "token", "authtoken",
    "securitytoken", "subscriptionkey", "ocpapimsubscriptionkey", "password", "secret", "clientsecret",
}  # fmt: skip
# S3 servers that keep objects as files refuse a longer part of a key
_MAX_KEY_PART_BYTES = 200


def _refuse_control_characters(value: str) -> str:
    if _CONTROL_CHARACTERS.search(value):
        raise PydanticCustomError("control_character", "holds a control character")
    return value


def _refuse_empty(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("empty_text", "is empty")
    return value.strip()


def _refuse_placeholders(value: str) -> str:
    if "{" in value or "}" in value:
        raise PydanticCustomError("placeholder", "holds { or }: placeholders are not supported here")
    return value


def _check_key_part(part: str) -> None:
    if part in {"", ".", ".."}:
        raise PydanticCustomError("folder_part", "has an empty, '.' or '..' part")
    if len(part.encode()) > _MAX_KEY_PART_BYTES:
        raise PydanticCustomError("long_part", f"has a part of more than {_MAX_KEY_PART_BYTES} bytes")


def _check_folder(value: str) -> str:
    if value.startswith("/"):
        raise PydanticCustomError(
            "absolute_folder", "is absolute: folders are relative to the bucket's folder"
        )
    if "\\" in value:
        raise PydanticCustomError("backslash", r"holds a \: folders are separated by /")
    folder = value.removesuffix("/")
    for part in folder.split("/"):
        _check_key_part(part)
    return folder


def _check_prefix(value: str) -> str:
    if "/" in value or "\\" in value:
        raise PydanticCustomError("prefix_separator", "holds a / or \\: that belongs into output_folder")
    _check_key_part(value)
    return value


def _refuse_secret_name(name: str) -> str:
    if re.sub(r"[^a-z]", "", name.casefold()) in _SECRET_NAMES:
        raise PydanticCustomError("secret_name", "carries a secret: say so in auth, by reference")
    return name


def _as_sent(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _one_or_many(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, AfterValidator(_refuse_control_characters), AfterValidator(_refuse_empty)]
SentText = Annotated[
    str,
    BeforeValidator(_as_sent),
    AfterValidator(_refuse_control_characters),
    AfterValidator(_refuse_placeholders),
]
ParameterName = Annotated[str, AfterValidator(_refuse_secret_name)]
HeaderName = Annotated[ParameterName, Field(pattern=HEADER_NAME_PATTERN)]
Path = Annotated[list[str], Field(min_length=1), BeforeValidator(_one_or_many)]


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class CommonOptions(BaseModel):
    """The optional keys, valid under one API and under the top-level `defaults`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    allow_insecure: bool = False
    auth: Annotated[list[Auth], Field(min_length=1), BeforeValidator(_one_or_many)] | None = None
    headers: dict[HeaderName, SentText] = Field(default_factory=dict)
    params: dict[ParameterName, SentText] = Field(default_factory=dict)
    format: Literal["json"] = "json"
    records: Path | None = None
    explode: list[Path] | None = None
    timeout_seconds: float = Field(default=30, gt=0, le=3600)
    max_attempts: int = Field(default=4, ge=1, le=20)
    requests_per_second: float | None = Field(default=None, gt=0)
    max_concurrency: int | None = Field(default=None, ge=1)
    max_response_mb: float = Field(default=512, gt=0)
    verify_tls: bool = True
    enabled: bool = True


class ApiConfig(CommonOptions):
    """One API to collect.

    Attributes:
        name: What people call it; unique, case ignored.
        url: `https://…`; plain `http://` only to this machine or with `allow_insecure`.
        output_folder: Folder in the bucket, e.g. `iso_ne_fuel_mix`.
        csv_prefix: Start of each object's name, e.g. `fuel_mix`.
    """

    name: Text
    url: Text
    output_folder: Annotated[Text, AfterValidator(_check_folder)]
    csv_prefix: Annotated[Text, AfterValidator(_check_prefix)]

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str, info: ValidationInfo) -> str:
        _refuse_placeholders(url)
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise PydanticCustomError("url", "is not a URL") from None
        if parts.scheme not in {"http", "https"}:
            raise PydanticCustomError("url_scheme", "is not an http:// or https:// URL")
        if not host or any(character.isspace() for character in url):
            raise PydanticCustomError("url", "is not a URL with a host")
        if parts.username is not None or parts.password is not None:
            raise PydanticCustomError("url_secret", "holds a user name or password: use auth instead")
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            _refuse_secret_name(name)
        if parts.fragment:
            raise PydanticCustomError("url_fragment", "holds a # part, which is never sent")
        if parts.scheme == "http" and not is_loopback(host) and not info.data.get("allow_insecure"):
            raise PydanticCustomError(
                "insecure_url", 'is plain http: use https, or say "allow_insecure": true'
            )
        return url

    @property
    def auth_entries(self) -> tuple[Auth, ...]:
        """The auth to use: what is configured, or the default for the API's host."""
        if self.auth is not None:
            return tuple(self.auth)
        return (ISONE_DEFAULT_AUTH,) if urlsplit(self.url).hostname == ISONE_HOST else ()

"""Types of configuration values, with their validation."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from flows.api_config.templates import TemplateError, parse_template

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# RFC 9110 tokens: other characters could inject a header
HEADER_NAME_PATTERN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
# names of headers and parameters that carry secrets; letters only, lower case
_SECRET_NAMES = {
    "authorization", "proxyauthorization", "cookie", "apikey", "xapikey", "accesstoken", "token", "authtoken",
    "securitytoken", "subscriptionkey", "ocpapimsubscriptionkey", "password", "secret", "clientsecret",
}  # fmt: skip
# S3 servers that store objects as files refuse longer parts of a key
_MAX_KEY_PART_BYTES = 200


def refuse_control_characters(value: str) -> str:
    """Refuse text that could break a header, a key or a line of a log."""
    if _CONTROL_CHARACTERS.search(value):
        raise PydanticCustomError("control_character", "holds a control character")
    return value


def _refuse_empty(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("empty_text", "is empty")
    return value.strip()


def check_template(value: str) -> str:
    """Refuse text whose placeholders cannot be filled in."""
    try:
        parse_template(value)
    except TemplateError as error:
        raise PydanticCustomError("template", "{reason}", {"reason": str(error)}) from None
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
        raise PydanticCustomError("prefix_separator", "holds a / or \\: folders belong in output_folder")
    _check_key_part(value)
    return value


def _refuse_secret_name(name: str) -> str:
    if re.sub(r"[^a-z]", "", name.casefold()) in _SECRET_NAMES:
        raise PydanticCustomError(
            "secret_name", "carries a secret: use auth, which takes secrets by reference"
        )
    return name


def as_sent(value: Any) -> Any:
    """A number or boolean as the text that is sent for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def one_or_many(value: Any) -> Any:
    """A list of one item, where a key that takes a list is given a single item."""
    return value if isinstance(value, list) else [value]


Text = Annotated[str, AfterValidator(refuse_control_characters), AfterValidator(_refuse_empty)]
Scalar = Annotated[str, BeforeValidator(as_sent, json_schema_input_type=str | int | float | bool)]
SentText = Annotated[Scalar, AfterValidator(refuse_control_characters), AfterValidator(check_template)]
ParameterName = Annotated[str, AfterValidator(_refuse_secret_name)]
HeaderName = Annotated[ParameterName, Field(pattern=HEADER_NAME_PATTERN)]
Folder = Annotated[Text, AfterValidator(_check_folder)]
Prefix = Annotated[Text, AfterValidator(_check_prefix)]
# the keys from the top of a document to a value; a key may hold spaces, dots, "@" and "$"
Path = Annotated[
    list[str], Field(min_length=1), BeforeValidator(one_or_many, json_schema_input_type=str | list[str])
]


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str, *, allow_insecure: bool) -> str:
    """Refuse a URL that is not http(s), holds a secret, or would be sent in plain text.

    Args:
        url: A URL or a template of one, whose placeholders come after the host.
        allow_insecure: Whether plain http to other machines is allowed.

    Raises:
        PydanticCustomError: If it is refused.
    """
    try:
        parts = urlsplit(url)
        has_placeholder = "{" in parts.netloc or "}" in parts.netloc
        host, _ = parts.hostname, None if has_placeholder else parts.port
    except ValueError:
        raise PydanticCustomError("url", "is not a URL") from None
    if parts.scheme not in {"http", "https"}:
        raise PydanticCustomError("url_scheme", "is not an http:// or https:// URL")
    if has_placeholder:
        raise PydanticCustomError("url_template", "holds a placeholder in its host: name the host")
    if not host or any(character.isspace() for character in url):
        raise PydanticCustomError("url", "is not a URL with a host")
    if parts.username is not None or parts.password is not None:
        raise PydanticCustomError("url_secret", "holds a user name or password: use auth instead")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        _refuse_secret_name(name)
    if parts.fragment:
        raise PydanticCustomError("url_fragment", "holds a # part, which is never sent")
    if parts.scheme == "http" and not is_loopback(host) and not allow_insecure:
        raise PydanticCustomError("insecure_url", 'is plain http: use https, or set "allow_insecure": true')
    return url

"""The user metadata of an object: where its data is from, and what it was requested with."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

COLLECTED_AT = "collected-at"
SHA256 = "sha256"
WINDOW_START, WINDOW_END = "window-start", "window-end"
"""Of objects that are named by the date of their window."""
WITHOUT_ROWS, RANGE_SEPARATOR = "without-rows", ".."
"""The units of a window without a row, as ranges of stamps: `20240110..20240112 20240120..20240120`."""
REQUEST = "request"
"""The API's `values` that the object was requested with, as JSON: `{"zone":["A","B"]}`."""

_REASON = "rejected-because"
# S3 takes 2 KB of user metadata in all, of which only the texts have no bound of their own
_MAX_BYTES = 2048
_MAX_TEXT = 700
# left for the reason of a rejection
_ROOM_FOR_REASON = 250
_DIGEST_LENGTH = 16


def object_metadata(
    *,
    api_name: str,
    source_url: str,
    collected_at: datetime,
    rows: int,
    columns: int,
    body: bytes,
    run_id: str,
    pipeline_version: str,
    window: tuple[datetime, datetime] | None = None,
    without_rows: Iterable[tuple[str, str]] = (),
    values: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, str]:
    """The user metadata of an object.

    S3 takes ASCII only: other characters, and `%`, are percent-encoded as in URLs, which
    `urllib.parse.unquote` decodes. Long texts are cut, ending in `...`. `window` is the start and the
    exclusive end of the window that it holds, `without_rows` the first and the last stamp of each range of
    the units in it without a row (ranges that do not fit are left out), `values` the API's values of its
    placeholders.
    """
    dates = dict(
        zip((WINDOW_START, WINDOW_END), (moment.isoformat() for moment in window or ()), strict=False)
    )
    metadata = {
        "api-name": _ascii(api_name),
        "source-url": _ascii(source_url, safe="%"),
        COLLECTED_AT: collected_at.astimezone(UTC).isoformat(timespec="seconds"),
        "rows": str(rows),
        "columns": str(columns),
        SHA256: hashlib.sha256(body).hexdigest(),
        "run-id": run_id,
        "pipeline-version": pipeline_version,
        **dates,
    }
    if values:
        metadata |= _request(values, _room(metadata) - _ROOM_FOR_REASON)
    gaps = _ranges_text(without_rows, _room(metadata) - _ROOM_FOR_REASON - len(WITHOUT_ROWS))
    return {**metadata, WITHOUT_ROWS: gaps} if window and gaps else metadata


def with_reason(metadata: Mapping[str, str], reason: str) -> dict[str, str]:
    """These metadata with the reason for which the object was rejected."""
    most = min(_room(metadata) - len(_REASON), _MAX_TEXT)
    return {**metadata, _REASON: _ascii(" ".join(reason.split()), most=most)}


def values_not_requested(
    metadata: Mapping[str, str], values: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """The values by placeholder that an object was not requested with; {} where that is not known.

    Of lists that were too long for the metadata only the length and a digest are known: all values are
    returned if the digest differs, unless the list has become shorter.
    """
    try:
        requested = json.loads(unquote(metadata[REQUEST]))
    except (KeyError, ValueError):
        return {}
    lacking = {name: _lacking(requested.get(name), list(wanted)) for name, wanted in values.items()}
    return {name: found for name, found in lacking.items() if found}


def _lacking(requested: Any, wanted: list[str]) -> list[str]:
    match requested:
        case list():
            return [value for value in wanted if value not in requested]
        case {"count": int(count), "sha256": digest}:
            return wanted if len(wanted) >= count and digest != _digest(wanted) else []
        case _:
            return wanted


def _request(values: Mapping[str, Sequence[str]], room: int) -> dict[str, str]:
    listed = {name: list(several) for name, several in values.items()}
    counted = {name: {"count": len(many), "sha256": _digest(many)} for name, many in listed.items()}
    for content in (listed, counted):
        # the values of a placeholder are texts of the configuration, which refuses secrets there
        text = _quoted(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
        if len(REQUEST) + len(text) <= room:
            return {REQUEST: text}
    return {}


def _ranges_text(ranges: Iterable[tuple[str, str]], room: int) -> str:
    texts: list[str] = []
    for first, last in ranges:
        text = f"{first}{RANGE_SEPARATOR}{last}"
        room -= len(text) + 1
        if room < 0:
            break
        texts.append(text)
    return " ".join(texts)


def _digest(values: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(values)).encode()).hexdigest()[:_DIGEST_LENGTH]


def _room(metadata: Mapping[str, str]) -> int:
    return _MAX_BYTES - sum(len(name) + len(value) for name, value in metadata.items())


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=" !\"#$&'()*+,-./:;<=>?@[]^_`{|}~" + safe)


def _ascii(text: str, safe: str = "", most: int = _MAX_TEXT) -> str:
    # the percent-encoding of a URL must not be encoded again
    encoded = _quoted(text.strip(), safe)
    if len(encoded) <= most:
        return encoded
    cut = re.sub(r"%[0-9A-F]?$", "", encoded[: most - 3])
    # the last character must not be cut in the middle of its bytes
    escapes = re.search(r"(?:%[0-9A-F]{2})*$", cut)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(unquote_to_bytes(escapes[0] if escapes else ""))
    begun = len(decoder.getstate()[0])
    cut = cut[: len(cut) - begun * len("%XX")]
    return cut + "..."

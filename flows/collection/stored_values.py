"""Stored windows that were requested without some of the API's `values`, which were added to them later."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from flows.api_config import ApiConfig
from flows.object_store import ObjectStore, values_not_requested
from flows.object_store.dated_objects import DatedObject

logger = logging.getLogger(__name__)

_LOOKS_AT_ONCE = 16
_SHOWN = 5


def keys_without_some_values(
    api: ApiConfig, stored: Iterable[DatedObject], store: ObjectStore
) -> frozenset[str]:
    """The keys of objects that lack some of the API's `values`, which are to be collected again.

    A value that is added is lacking in the objects stored before. They are looked up in the order in which
    they were stored, until none lacks a value, so that an API to which none was added costs one request,
    and one without `values` none.

    Args:
        api: The API.
        stored: One object for each of its stored windows.
        store: The bucket.

    Raises:
        StorageError: The bucket cannot be asked.
    """
    in_order = sorted(stored, key=lambda each: each.stored_at) if api.values else []
    found: set[str] = set()
    lacking: dict[str, list[str]] = {}
    at_once = 1
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as threads:
        while in_order:
            keys = [each.key for each in in_order[:at_once]]
            of_keys = dict(zip(keys, threads.map(store.metadata_of, keys), strict=True))
            without = {key: values_not_requested(of_keys[key], api.values) for key in keys}
            found |= {key for key, values in without.items() if values}
            for values in without.values():
                lacking |= {name: several for name, several in values.items() if name not in lacking}
            if not any(without.values()):
                break
            in_order = in_order[at_once:]
            at_once = _LOOKS_AT_ONCE
    if found:
        logger.warning(
            "%s: %d stored windows lack %s, which was added later: they are collected again",
            api.name,
            len(found),
            _listed(lacking),
        )
    return frozenset(found)


def _listed(lacking: Mapping[str, list[str]]) -> str:
    values = [f"{name} {value}" for name, several in lacking.items() for value in several]
    more = f" and {len(values) - _SHOWN} more" if values[_SHOWN:] else ""
    return ", ".join(values[:_SHOWN]) + more

"""The type of the flows' parameter `apis`, for which Prefect's UI shows a multi-select."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from flows.api_config import ConfigError, Settings, load_config


def _configured_names() -> list[str]:
    try:
        return [api.name for api in load_config(Settings().config_file).apis]
    except ConfigError:
        # the flow must still be importable: its run reports the problems of the configuration
        return []


def _names_schema(names: list[str]) -> dict[str, Any]:
    items: dict[str, Any] = {"type": "string", "enum": names} if names else {"type": "string"}
    return {"type": "array", "items": items, "uniqueItems": True}


# The form offers the API names that are configured when the deployment is created. The type itself accepts
# any strings, since an output folder is valid too. Prefect takes titles from the names of the parameters and
# descriptions from the flow's docstring; those of a pydantic Field have no effect.
ApiNames = Annotated[
    list[str] | None,
    # Python callers may pass a single name
    BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
    WithJsonSchema(_names_schema(_configured_names())),
]

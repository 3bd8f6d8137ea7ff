"""The parameters of the flows as the Prefect UI shows them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from flows.api_config import ConfigError, Settings, load_config


def _configured_names() -> list[str]:
    try:
        return [api.name for api in load_config(Settings().config_file).apis]
    except ConfigError:
        # the flow must still load: its run reports what is wrong with the configuration
        return []


def _names_schema(names: list[str]) -> dict[str, Any]:
    items: dict[str, Any] = {"type": "string", "enum": names} if names else {"type": "string"}
    return {"type": "array", "items": items, "uniqueItems": True}


# The schema offers the names in the configuration in force when the deployment is made, as a
# multi-select; the value stays free text, since an output folder is a valid choice too.
ApiNames = Annotated[
    list[str] | None,
    # a single name, as a caller in Python may give it
    BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
    WithJsonSchema(_names_schema(_configured_names())),
    Field(title="APIs", description="The APIs to run; none for all that are enabled."),
]
ConfigFile = Annotated[
    str | None,
    Field(description="Configuration file to use instead of the one in the settings."),
]
S3Block = Annotated[
    str | None,
    Field(description="Name of the S3Bucket block to store into instead of the one in the settings."),
]
StartDate = Annotated[
    date, Field(title="Start date", description="The first day, by the calendar of each API's zone.")
]
EndDate = Annotated[date, Field(title="End date", description="The last day, inclusive; not after today.")]
Force = Annotated[
    bool, Field(title="Collect again", description="Collect also the dates that are stored already.")
]

"""The JSON Schema of `api_config.json`, by which editors complete and check it.

`python -m flows.api_config.schema` writes it anew after a change of the models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flows.api_config.models import ApiConfig, CommonOptions

SCHEMA_FILE = Path(__file__).parent.parent / "api_config.schema.json"


class ApiConfigFile(BaseModel):
    """What energy-pipeline collects."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    schema_location: str | None = Field(default=None, alias="$schema")
    """This schema, for editors."""
    defaults: CommonOptions = Field(default_factory=CommonOptions)
    """Optional keys for every API; what an API says itself goes first."""
    apis: list[ApiConfig] = Field(min_length=1)
    """The APIs to collect."""


def config_schema() -> dict[str, Any]:
    """The schema, made from the models; what one key says about another is checked by `validate` alone."""
    schema = ApiConfigFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as it stands in the file."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")

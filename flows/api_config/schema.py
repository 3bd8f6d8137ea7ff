"""The JSON Schema of `api_config.json`, for editors.

Run `python -m flows.api_config.schema` after a change of the models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flows.api_config.models import ApiConfig, CommonOptions

SCHEMA_FILE = Path(__file__).parent.parent / "api_config.schema.json"


class ApiConfigFile(BaseModel):
    """The configuration of energy-pipeline."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    schema_location: str | None = Field(default=None, alias="$schema")
    """The path of this schema, for editors."""
    defaults: CommonOptions = Field(default_factory=CommonOptions)
    """Optional keys of every API; an API's own keys take precedence."""
    apis: list[ApiConfig] = Field(min_length=1)
    """The APIs to collect."""


def config_schema() -> dict[str, Any]:
    """The schema of the models. It does not check keys against each other, as `validate` does."""
    schema = ApiConfigFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as JSON text."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")

"""Create or update the pipeline's blocks from the environment: `python -m blocks.register`.

Reads (from the environment or `.env`): ENERGY_PIPELINE_S3_BUCKET (needed), ENERGY_PIPELINE_S3_BLOCK,
ENERGY_PIPELINE_S3_FOLDER, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; ISONE_API_USERNAME and ISONE_API_PASSWORD. Without AWS
keys, runs use the ordinary AWS chain of the machine they run on. Run it as often as you like: it
prints what it changed and changes nothing that is as it should be.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TypeVar, cast

from prefect.blocks.core import Block
from prefect.exceptions import ObjectNotFound
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr

from blocks.api_credentials import ApiCredentials
from flows.api_config import Settings, environment
from flows.object_store.buckets import bucket_by_name

AWS_CREDENTIALS_DOCUMENT = "aws-for-energy"
ISONE_CREDENTIALS_DOCUMENT = "iso-ne-credentials"

BlockType = TypeVar("BlockType", bound=Block)


def register_blocks(settings: Settings, variables: Mapping[str, str]) -> list[str]:
    """Create or update the blocks; a line for each says what became of it."""
    for block_type in (ApiCredentials, AwsCredentials, S3Bucket):
        block_type.register_type_and_schema()
    return [*_register_bucket(settings, variables), _register_isone(variables)]


def _register_bucket(settings: Settings, variables: Mapping[str, str]) -> list[str]:
    if not settings.s3_bucket:
        return [f"S3Bucket '{settings.s3_block}': left alone, ENERGY_PIPELINE_S3_BUCKET is not set"]
    bucket = bucket_by_name(settings.s3_bucket, variables)
    bucket.bucket_folder = variables.get("ENERGY_PIPELINE_S3_FOLDER", "")
    bucket.credentials, credentials_line = _saved(AWS_CREDENTIALS_DOCUMENT, bucket.credentials)
    _, bucket_line = _saved(settings.s3_block, bucket)
    return [credentials_line, bucket_line]


def _register_isone(variables: Mapping[str, str]) -> str:
    username, password = variables.get("ISONE_API_USERNAME"), variables.get("ISONE_API_PASSWORD")
    if not username or not password:
        cause = "ISONE_API_USERNAME and ISONE_API_PASSWORD are not both set"
        return f"ApiCredentials '{ISONE_CREDENTIALS_DOCUMENT}': left alone, {cause}"
    credentials = ApiCredentials(username=SecretStr(username), password=SecretStr(password))
    return _saved(ISONE_CREDENTIALS_DOCUMENT, credentials)[1]


def _saved(document: str, wanted: BlockType) -> tuple[BlockType, str]:
    """The block as it is stored now, and a line that says what was changed for it."""
    label = f"{type(wanted).__name__} '{document}'"
    existing = _loaded(type(wanted), document)
    if existing is None:
        wanted.save(document)
        return wanted, f"{label}: created"
    fields = type(wanted).model_fields
    changed = sorted(name for name in fields if getattr(existing, name) != getattr(wanted, name))
    if not changed:
        return existing, f"{label}: unchanged"
    wanted.save(document, overwrite=True)
    return wanted, f"{label}: updated {', '.join(changed)}"


def _loaded(block_type: type[BlockType], document: str) -> BlockType | None:
    try:
        return cast("BlockType", block_type.load(document))
    except ValueError as error:
        if not isinstance(error.__cause__, ObjectNotFound):
            raise
        return None


def main() -> int:
    """Register the blocks and print what changed."""
    for line in register_blocks(Settings(), environment()):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

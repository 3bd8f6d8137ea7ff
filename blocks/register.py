"""Create or update the pipeline's blocks from the environment: `python -m blocks.register`.

Reads from the environment or `.env`: ENERGY_PIPELINE_S3_BUCKET (required), ENERGY_PIPELINE_S3_BLOCK,
ENERGY_PIPELINE_S3_FOLDER, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; ISONE_API_USERNAME and ISONE_API_PASSWORD. Without AWS
keys, runs use boto3's credential chain on the machine they run on. Idempotent: prints a line for
each block and updates only blocks that differ.
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
    """Create or update the blocks.

    Returns:
        One line for each block: created, updated, unchanged or skipped, and why.
    """
    for block_type in (ApiCredentials, AwsCredentials, S3Bucket):
        block_type.register_type_and_schema()
    return [*_register_bucket(settings, variables), _register_isone(variables)]


def _register_bucket(settings: Settings, variables: Mapping[str, str]) -> list[str]:
    if not settings.s3_bucket:
        return [f"S3Bucket '{settings.s3_block}': skipped, ENERGY_PIPELINE_S3_BUCKET is not set"]
    bucket = bucket_by_name(settings.s3_bucket, variables)
    bucket.bucket_folder = variables.get("ENERGY_PIPELINE_S3_FOLDER", "")
    bucket.credentials, credentials_line = _save(AWS_CREDENTIALS_DOCUMENT, bucket.credentials)
    _, bucket_line = _save(settings.s3_block, bucket)
    return [credentials_line, bucket_line]


def _register_isone(variables: Mapping[str, str]) -> str:
    username, password = variables.get("ISONE_API_USERNAME"), variables.get("ISONE_API_PASSWORD")
    if not username or not password:
        cause = "ISONE_API_USERNAME and ISONE_API_PASSWORD are not both set"
        return f"ApiCredentials '{ISONE_CREDENTIALS_DOCUMENT}': skipped, {cause}"
    credentials = ApiCredentials(username=SecretStr(username), password=SecretStr(password))
    return _save(ISONE_CREDENTIALS_DOCUMENT, credentials)[1]


def _save(document: str, wanted: BlockType) -> tuple[BlockType, str]:
    """Save a block if it differs from the saved one; returns the saved block and a line about the change."""
    label = f"{type(wanted).__name__} '{document}'"
    existing = _load(type(wanted), document)
    if existing is None:
        wanted.save(document)
        return wanted, f"{label}: created"
    fields = type(wanted).model_fields
    changed = sorted(name for name in fields if getattr(existing, name) != getattr(wanted, name))
    if not changed:
        return existing, f"{label}: unchanged"
    wanted.save(document, overwrite=True)
    return wanted, f"{label}: updated {', '.join(changed)}"


def _load(block_type: type[BlockType], document: str) -> BlockType | None:
    try:
        return cast("BlockType", block_type.load(document))
    except ValueError as error:
        if not isinstance(error.__cause__, ObjectNotFound):
            raise
        return None


def main() -> int:
    """Register the blocks and print a line for each."""
    for line in register_blocks(Settings(), environment()):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

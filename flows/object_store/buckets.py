"""A bucket known by its name: an `S3Bucket` block on the ordinary AWS chain."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from flows.api_config import ExplicitBucket

if TYPE_CHECKING:
    from prefect_aws import S3Bucket

# bounds how long a dead endpoint is waited for; the task's own retries come on top
_CLIENT_CONFIG: dict[str, Any] = {
    "connect_timeout": 10,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "max_pool_connections": 32,
    "user_agent_extra": "energy-pipeline",
}


def open_bucket(
    bucket: str,
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: SecretStr | None = None,
    session_token: str | None = None,
    bucket_folder: str = "",
) -> S3Bucket:
    """A block for a bucket; what is not given is left to the ordinary AWS chain.

    With an endpoint of one's own the bucket is addressed in the path, since such servers seldom
    have a name for each bucket.
    """
    from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket

    config = {**_CLIENT_CONFIG, "s3": {"addressing_style": "path"}} if endpoint_url else _CLIENT_CONFIG
    credentials = AwsCredentials(
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        profile_name=profile or None,
        region_name=region,
        aws_client_parameters=AwsClientParameters(endpoint_url=endpoint_url, config=config),
    )
    return S3Bucket(bucket_name=bucket, credentials=credentials, bucket_folder=bucket_folder)


@contextmanager
def without_blank_profiles() -> Iterator[None]:
    """Hide blank `AWS_PROFILE` variables, each of which botocore takes for the name of a profile."""
    names = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    blank = [name for name in names if not os.environ.get(name, "-").strip()]
    hidden = {name: os.environ.pop(name) for name in blank}
    try:
        yield
    finally:
        os.environ.update(hidden)


def bucket_by_name(
    name: str, variables: Mapping[str, str], explicit: ExplicitBucket | None = None
) -> S3Bucket:
    """A block for a bucket known by its name, with AWS settings from `variables` (`AWS_…`)."""
    explicit = explicit or ExplicitBucket()
    secret_key = variables.get("AWS_SECRET_ACCESS_KEY")
    # in the AWS chain, keys in the environment go before a profile named there
    profile_named_there = None if secret_key else variables.get("AWS_PROFILE")
    return open_bucket(
        name,
        profile=explicit.profile or profile_named_there,
        region=explicit.region or variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION"),
        endpoint_url=variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL"),
        access_key_id=variables.get("AWS_ACCESS_KEY_ID"),
        secret_access_key=SecretStr(secret_key) if secret_key else None,
        session_token=variables.get("AWS_SESSION_TOKEN"),
    )


def secrets_of(block: S3Bucket) -> tuple[str, ...]:
    """The secrets that a block holds itself."""
    credentials = block.credentials
    key = getattr(credentials, "aws_secret_access_key", None)
    token = getattr(credentials, "aws_session_token", None)
    return tuple(secret for secret in (key.get_secret_value() if key else None, token) if secret)


def static_secrets(client: Any) -> tuple[str, ...]:
    """The secrets of a client whose credentials stay as they are, e.g. a profile's keys."""
    from botocore.credentials import Credentials

    credentials = client._request_signer._credentials
    # those of roles are asked for when they are looked at
    if type(credentials) is not Credentials:
        return ()
    return tuple(filter(None, (credentials.secret_key, credentials.token)))

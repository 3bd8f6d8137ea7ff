"""`S3Bucket` blocks for buckets given by name, on AWS's default credential chain."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from flows.api_config import ExplicitBucket

if TYPE_CHECKING:
    from prefect_aws import S3Bucket

# bounds the wait for an endpoint that does not respond; the task retries on top of it
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
    """An `S3Bucket` block; what is not given comes from AWS's default credential chain.

    With `endpoint_url` the bucket is addressed in the path, since other servers than AWS's seldom have a
    host name for each bucket.
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
    """An `S3Bucket` block for a bucket's name, with the AWS settings of `variables` (`AWS_…`)."""
    explicit = explicit or ExplicitBucket()
    secret_key = variables.get("AWS_SECRET_ACCESS_KEY")
    # AWS's chain prefers keys in the environment to a profile named there
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
    """The secrets that a block itself holds."""
    credentials = block.credentials
    key = getattr(credentials, "aws_secret_access_key", None)
    token = getattr(credentials, "aws_session_token", None)
    return tuple(secret for secret in (key.get_secret_value() if key else None, token) if secret)


def static_secrets(client: Any) -> tuple[str, ...]:
    """The secrets of a client with static credentials, e.g. the keys of a profile."""
    from botocore.credentials import Credentials

    credentials = client._request_signer._credentials
    # reading those of a role would request them
    if type(credentials) is not Credentials:
        return ()
    return tuple(filter(None, (credentials.secret_key, credentials.token)))

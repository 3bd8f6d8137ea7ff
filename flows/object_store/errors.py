"""Errors of boto3 in words for the reader, and whether a retry may help."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from flows.api_config import redacted

_NO_BUCKET_NAME = "that is no name of a bucket: give the name alone, without s3:// and folders"
_ADVICE = {
    "NoSuchBucket": "there is no such bucket: make it, or correct the name",
    "AccessDenied": "access is denied: the credentials lack a permission "
    "(s3:PutObject, s3:GetObject, s3:ListBucket)",
    "403": "access is denied: a permission is lacking (s3:GetObject, s3:ListBucket), or the keys are wrong",
    "404": "there is no such bucket: make it, or correct the name",
    "InvalidAccessKeyId": "the access key is not known: check AWS_ACCESS_KEY_ID or the profile",
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY or the profile",
    "ExpiredToken": "the session token has expired: log in again",
    "InvalidToken": "the session token is not valid: log in again",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "BadDigest": "what arrived is not what was sent, and was not stored",
    "XAmzContentSHA256Mismatch": "what arrived is not what was sent, and was not stored",
    "InvalidBucketName": _NO_BUCKET_NAME,
    "PermanentRedirect": "the bucket is in another region: set AWS_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set AWS_REGION",
}
_RETRYABLE_CODES = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestTimeout",
    "OperationAborted",
    "ConditionalRequestConflict",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "IncompleteBody",
}
# operations by which a profile gets its keys
_CREDENTIAL_OPERATIONS = {"AssumeRole", "AssumeRoleWithWebIdentity", "GetRoleCredentials", "CreateToken"}
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


class StorageError(Exception):
    """An object could not be stored or read.

    The message says in one line what failed, where, and what to do, without secrets.

    Attributes:
        code: S3's error code, or the name of the client's exception.
        retryable: Whether the same request may succeed later.
    """

    def __init__(self, reason: str, *, code: str, retryable: bool) -> None:
        super().__init__(reason)
        self.code = code
        self.retryable = retryable


def storage_error(error: Exception, what: str, secrets: Iterable[str] = ()) -> StorageError:
    """The StorageError for an exception of boto3 or botocore.

    Args:
        error: The exception.
        what: What was being done, e.g. `storing s3://bucket/key`.
        secrets: Redacted in the message, since a server may repeat them.
    """
    explained = _explained(error, what)
    return StorageError(redacted(str(explained), secrets), code=explained.code, retryable=explained.retryable)


def _explained(error: Exception, what: str) -> StorageError:
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "Unknown")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = _one_line(error.response.get("Error", {}).get("Message") or "no reason was given")
        if error.operation_name in _CREDENTIAL_OPERATIONS:
            cause = f"no credentials could be had ({error.operation_name}): {said}"
        else:
            cause = _ADVICE.get(code, said)
        retryable = code in _RETRYABLE_CODES or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR
        return StorageError(f"{what} failed: {code}: {cause}", code=code, retryable=retryable)
    return _client_side_error(error, what)


def _client_side_error(error: Exception, what: str) -> StorageError:
    from botocore import exceptions

    code = type(error).__name__
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        cause, retryable = "no AWS credentials were found: set a profile or keys", False
    elif isinstance(error, exceptions.ParamValidationError) and "Invalid bucket name" in str(error):
        cause, retryable = _NO_BUCKET_NAME, False
    elif isinstance(error, exceptions.NoRegionError):
        cause, retryable = "no region is set: set AWS_REGION", False
    elif isinstance(error, exceptions.ProfileNotFound):
        cause, retryable = f"{error}", False
    elif isinstance(error, ValueError) and not isinstance(error, exceptions.BotoCoreError):
        # its message repeats the URL, which may hold a password
        cause, retryable = "the endpoint's URL is not one: give it as http(s)://host:port", False
    elif isinstance(error, exceptions.SSLError):
        cause, retryable = f"the endpoint's certificate is not trusted: {_without_query(str(error))}", False
    elif isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        cause, retryable = f"the endpoint does not answer: {_without_query(str(error))}", True
    else:
        cause, retryable = _without_query(str(error)), False
    return StorageError(f"{what} failed: {cause}", code=code, retryable=retryable)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _without_query(text: str) -> str:
    """Remove the queries of URLs, which hold credentials where they are signed."""

    def shortened(match: re.Match[str]) -> str:
        parts = urlsplit(match.group())
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    return _one_line(re.sub(r"https?://[^\s\"']+", shortened, text))

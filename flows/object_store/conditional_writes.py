"""Storing an object only where its key is free, also on servers that refuse conditional writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.object_store.objects import StorableObject
from flows.object_store.uploads import is_uploaded_in_parts, upload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CONFLICT_ATTEMPTS = 5
_EXISTS_CODES = {"PreconditionFailed", "412"}
# the last is the response to completing a multipart upload a second time
_CONFLICT_CODES = {"ConditionalRequestConflict", "409", "NoSuchUpload"}
# how servers without conditional writes respond to one
_NOT_IMPLEMENTED_CODES = {"NotImplemented", "501", "InvalidArgument", "InvalidRequest"}
_ABSENT_CODES = {"404", "NoSuchKey", "NotFound"}


def put_new(client: S3Client, bucket: str, key: str, storable: StorableObject) -> bool:
    """Store an object where the key is free; False where it is taken.

    Raises:
        ClientError: The server refuses the object for another reason.
    """
    from botocore.exceptions import ClientError

    for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
        # a large object would be refused only after all its parts were sent
        if is_uploaded_in_parts(storable) and metadata_at(client, bucket, key) is not None:
            return False
        try:
            upload(client, bucket, key, storable, only_if_new=True)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _EXISTS_CODES:
                return False
            if code in _NOT_IMPLEMENTED_CODES:
                return _put_unless_listed(client, bucket, key, storable)
            if code not in _CONFLICT_CODES or attempt == _CONFLICT_ATTEMPTS:
                raise
        else:
            return True
    return False


def metadata_at(client: S3Client, bucket: str, key: str) -> dict[str, str] | None:
    """The user metadata of the object with a whole key; None where there is none.

    Raises:
        ClientError: The bucket cannot be asked.
    """
    from botocore.exceptions import ClientError

    try:
        return client.head_object(Bucket=bucket, Key=key)["Metadata"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT_CODES:
            return None
        raise


def _put_unless_listed(client: S3Client, bucket: str, key: str, storable: StorableObject) -> bool:
    """Store an object where a request finds the key free, on a server without conditional writes."""
    if metadata_at(client, bucket, key) is not None:
        return False
    upload(client, bucket, key, storable, only_if_new=False)
    return True

"""Uploading an object: in one request, or in parts where it is large."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flows.object_store.objects import StorableObject

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_MIB = 2**20
# one request may hold 5 GiB, but is repeated as a whole when the connection breaks
SINGLE_REQUEST_BYTES = 64 * _MIB
# S3 takes 10,000 parts, each but the last of at least 5 MiB
PART_BYTES = 32 * _MIB


def is_uploaded_in_parts(storable: StorableObject) -> bool:
    """Whether an object is too large for one request."""
    return len(storable.body) > SINGLE_REQUEST_BYTES


def upload(client: S3Client, bucket: str, key: str, storable: StorableObject, *, only_if_new: bool) -> None:
    """Upload an object; where that fails, no part of it is visible under the key.

    Args:
        client: The S3 client, which sends a checksum with each request for the server to verify.
        bucket: The bucket's name.
        key: The whole key.
        storable: The object.
        only_if_new: Refuse where the key is taken.
    """
    described: dict[str, Any] = {
        "ContentType": storable.content_type,
        "Metadata": dict(storable.metadata),
    }
    condition: Any = {"IfNoneMatch": "*"} if only_if_new else {}
    place: Any = {"Bucket": bucket, "Key": key}
    if is_uploaded_in_parts(storable):
        _upload_in_parts(client, place, storable.body, described, condition)
    else:
        client.put_object(**place, Body=storable.body, **described, **condition)


def _upload_in_parts(
    client: S3Client, place: Any, body: bytes, described: dict[str, Any], condition: Any
) -> None:
    # boto3's own multipart upload takes no condition
    started = client.create_multipart_upload(**place, **described, ChecksumAlgorithm="CRC32")
    upload_of = {**place, "UploadId": started["UploadId"]}
    try:
        parts = [
            _part(client, upload_of, number, body[start : start + PART_BYTES])
            for number, start in enumerate(range(0, len(body), PART_BYTES), 1)
        ]
        client.complete_multipart_upload(**upload_of, MultipartUpload={"Parts": parts}, **condition)
    except BaseException:
        # parts of an unfinished upload are charged and not visible
        with contextlib.suppress(Exception):
            client.abort_multipart_upload(**upload_of)
        raise


def _part(client: S3Client, upload_of: Any, number: int, content: bytes) -> Any:
    sent = client.upload_part(**upload_of, PartNumber=number, Body=content, ChecksumAlgorithm="CRC32")
    # servers without checksums return none
    checksum = {"ChecksumCRC32": sent["ChecksumCRC32"]} if "ChecksumCRC32" in sent else {}
    return {"PartNumber": number, "ETag": sent["ETag"], **checksum}

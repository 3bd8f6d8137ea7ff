"""Putting bytes under a key: in one request, or in parts where there are too many for one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flows.object_store.objects import StorableObject

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_MIB = 2**20
# one request takes 5 GiB at the most, and is sent again as a whole when it breaks
SINGLE_REQUEST_BYTES = 64 * _MIB
# S3 takes 10,000 parts, each but the last of 5 MiB or more
PART_BYTES = 32 * _MIB


def is_uploaded_in_parts(storable: StorableObject) -> bool:
    """Whether an object is too large for one request."""
    return len(storable.body) > SINGLE_REQUEST_BYTES


def upload(client: S3Client, bucket: str, key: str, storable: StorableObject, *, only_if_new: bool) -> None:
    """Put an object under a key; whatever fails, no part of it is to be seen there.

    Args:
        client: Asks the bucket; it sends a checksum with each request, which the server verifies.
        bucket: Its name.
        key: Where to.
        storable: What to put there.
        only_if_new: Refuse where something stands under that key.
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
    # boto3's own way of uploading in parts takes no condition
    started = client.create_multipart_upload(**place, **described, ChecksumAlgorithm="CRC32")
    upload_of = {**place, "UploadId": started["UploadId"]}
    try:
        parts = [
            _part(client, upload_of, number, body[start : start + PART_BYTES])
            for number, start in enumerate(range(0, len(body), PART_BYTES), 1)
        ]
        client.complete_multipart_upload(**upload_of, MultipartUpload={"Parts": parts}, **condition)
    except BaseException:
        # parts without an end are paid for and never seen
        with contextlib.suppress(Exception):
            client.abort_multipart_upload(**upload_of)
        raise


def _part(client: S3Client, upload_of: Any, number: int, content: bytes) -> Any:
    sent = client.upload_part(**upload_of, PartNumber=number, Body=content, ChecksumAlgorithm="CRC32")
    # a server that does not know checksums gives none
    checksum = {"ChecksumCRC32": sent["ChecksumCRC32"]} if "ChecksumCRC32" in sent else {}
    return {"PartNumber": number, "ETag": sent["ETag"], **checksum}

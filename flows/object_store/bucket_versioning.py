"""Whether a bucket keeps the versions of objects that are replaced."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class BucketVersioning:
    """Whether versioning is enabled for a bucket, which is asked once, for several threads.

    Args:
        client: The S3 client.
        bucket: The bucket's name.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._is_enabled: bool | None = None
        self._lock = threading.Lock()

    @property
    def is_enabled(self) -> bool:
        """Whether the bucket keeps replaced objects; False where the server does not say so.

        Access to the setting (`s3:GetBucketVersioning`) may be denied, and not all servers know it.

        Raises:
            BotoCoreError: The server does not respond.
        """
        from botocore.exceptions import ClientError

        with self._lock:
            if self._is_enabled is None:
                try:
                    found = self._client.get_bucket_versioning(Bucket=self._bucket)
                    self._is_enabled = found.get("Status") == "Enabled"
                except ClientError:
                    self._is_enabled = False
            return self._is_enabled

"""The bucket: storing without overwriting other objects, reading, and finding the newest object."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.object_store.buckets import secrets_of, static_secrets, without_blank_profiles
from flows.object_store.dated_objects import DatedObject, HeldDates, dated_objects, held_dates
from flows.object_store.errors import StorageError, storage_error
from flows.object_store.listing import CsvOf, ListedObject, newest_object
from flows.object_store.objects import COLLECTED_AT, StorableObject, StoredObject, numbered_key
from flows.object_store.uploads import is_uploaded_in_parts, upload

if TYPE_CHECKING:
    from prefect_aws import S3Bucket
    from types_boto3_s3 import S3Client

_MAX_NUMBER = 1000
_CONFLICT_ATTEMPTS = 5
_EXISTS_CODES = {"PreconditionFailed", "412"}
# the last is the response to completing a multipart upload a second time
_CONFLICT_CODES = {"ConditionalRequestConflict", "409", "NoSuchUpload"}
# how servers without conditional writes respond to one
_NOT_IMPLEMENTED_CODES = {"NotImplemented", "501", "InvalidArgument", "InvalidRequest"}
_ABSENT_CODES = {"404", "NoSuchKey", "NotFound"}


class ObjectStore:
    """The bucket of an `S3Bucket` block, for several threads; StorageError where no client can be made."""

    def __init__(self, block: S3Bucket) -> None:
        self.bucket = block.bucket_name
        self._folder = block.bucket_folder.strip("/")
        self._secrets = secrets_of(block)
        opening = f"opening s3://{self.bucket}"
        with self._failing(opening):
            # once, before threads start: the block would make a client for each thread
            try:
                with without_blank_profiles():
                    self._client: S3Client = block.credentials.get_client("s3")
            except ValueError as error:
                # raised by botocore for an endpoint that is no URL
                raise storage_error(error, opening, self._secrets) from None
            self._secrets += static_secrets(self._client)

    @property
    def bucket_folder(self) -> str:
        """The block's folder, which precedes all keys."""
        return self._folder

    def in_folder(self, bucket_folder: str) -> ObjectStore:
        """This store with another bucket folder."""
        store = copy.copy(self)
        store._folder = bucket_folder.strip("/")
        return store

    def store(self, storable: StorableObject) -> StoredObject:
        """Store an object under its key, or the next free `_2`, `_3`, … where the key holds other content.

        An object of a window replaces one of the same window that was collected earlier. Content that
        is there already is not stored again. On a server that refuses conditional writes the key is looked
        up first, so that two runs that store under one key at the same moment could overwrite each
        other; a server that ignores the condition overwrites.

        Raises:
            StorageError: The object could not be stored.
        """
        first_key = self._whole_key(storable.key)
        if storable.is_dated:
            return self._replace(first_key, storable)
        for number in range(1, _MAX_NUMBER):
            key = first_key if number == 1 else numbered_key(first_key, number)
            with self._failing(f"storing {self._uri(key)}"):
                is_new = self._put_new(key, storable)
                if is_new or self._holds(key, storable):
                    return StoredObject(key, self._uri(key), len(storable.body), already_there=not is_new)
        raise StorageError(
            f"storing {self._uri(first_key)} failed: {_MAX_NUMBER} objects of this name are there",
            code="TooManyObjects",
            retryable=False,
        )

    def find(self, storable: StorableObject) -> StoredObject | None:
        """The object where it is in the bucket already, under its own key and with the same metadata.

        Raises:
            StorageError: The bucket cannot be asked.
        """
        key = self._whole_key(storable.key)
        with self._failing(f"asking for {self._uri(key)}"):
            if not _describes(self._metadata_at(key), storable):
                return None
        return StoredObject(key, self._uri(key), len(storable.body), already_there=True)

    def _replace(self, key: str, storable: StorableObject) -> StoredObject:
        is_there = is_late = False
        with self._failing(f"storing {self._uri(key)}"):
            if not self._put_new(key, storable):
                metadata = self._metadata_at(key) or {}
                is_there = _describes(metadata, storable)
                # an object from the spool must not replace one that was collected after it; times in ISO 8601
                # and UTC sort as text
                is_late = metadata.get(COLLECTED_AT, "") > storable.metadata[COLLECTED_AT]
                if not (is_there or is_late):
                    self._put(key, storable, only_if_new=False)
        already_there = is_there or is_late
        return StoredObject(key, self._uri(key), len(storable.body), already_there, is_late)

    def check(self) -> None:
        """Check that the bucket exists and that the credentials give access to it.

        Raises:
            StorageError: It does not exist, or access is denied.
        """
        with self._failing(f"asking for s3://{self.bucket}"):
            self._client.head_bucket(Bucket=self.bucket)

    def read(self, key: str) -> bytes:
        """The content of the object with a whole key, as in `StoredObject.key`.

        Raises:
            StorageError: It cannot be read.
        """
        with self._failing(f"reading {self._uri(key)}"):
            return self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def read_start(self, key: str, size: int) -> tuple[bytes, dict[str, str]]:
        """The first `size` bytes of the object with a whole key, and its user metadata.

        Raises:
            StorageError: It cannot be read.
        """
        with self._failing(f"reading {self._uri(key)}"):
            found = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=0-{size - 1}")
            return found["Body"].read(), found["Metadata"]

    def latest(self, output_folder: str, csv_prefix: str, csv_of: CsvOf | None = None) -> ListedObject | None:
        """The object of one API with the latest date in its key; given `csv_of`, of runs or windows only.

        Raises:
            StorageError: The bucket cannot be listed.
        """
        prefix = self._whole_key(f"{output_folder}/{csv_prefix}_")
        with self._failing(f"listing s3://{self.bucket}/{prefix}"):
            return newest_object(self._client, self.bucket, prefix, datetime.now(UTC), csv_of)

    def dated(
        self, output_folder: str, csv_prefix: str, stamps: tuple[str, str], outputs: Sequence[str]
    ) -> dict[str, DatedObject]:
        """The objects of each window, from the first to the last stamp; see `dated_objects`.

        Raises:
            StorageError: The bucket cannot be listed.
        """
        prefix = self._whole_key(f"{output_folder}/{csv_prefix}_")
        with self._failing(f"listing s3://{self.bucket}/{prefix}"):
            return dated_objects(self._client, self.bucket, prefix, stamps, outputs)

    def dates_in(self, key: str) -> HeldDates | None:
        """The dates that the object with a whole key holds, by its metadata.

        Raises:
            StorageError: The bucket cannot be asked.
        """
        with self._failing(f"asking for {self._uri(key)}"):
            return held_dates(self._metadata_at(key) or {})

    def _put_new(self, key: str, storable: StorableObject) -> bool:
        """Store an object where the key is free; False where it is taken."""
        from botocore.exceptions import ClientError

        for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
            # a large object would be refused only after all its parts were sent
            if is_uploaded_in_parts(storable) and self._metadata_at(key) is not None:
                return False
            try:
                self._put(key, storable, only_if_new=True)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _EXISTS_CODES:
                    return False
                if code in _NOT_IMPLEMENTED_CODES:
                    # a server without conditional writes
                    return self._put_unless_listed(key, storable)
                if code not in _CONFLICT_CODES or attempt == _CONFLICT_ATTEMPTS:
                    raise
            else:
                return True
        return False

    def _put_unless_listed(self, key: str, storable: StorableObject) -> bool:
        if self._metadata_at(key) is not None:
            return False
        self._put(key, storable, only_if_new=False)
        return True

    def _put(self, key: str, storable: StorableObject, *, only_if_new: bool) -> None:
        upload(self._client, self.bucket, key, storable, only_if_new=only_if_new)

    def _holds(self, key: str, storable: StorableObject) -> bool:
        """Whether the object under `key` has the same content."""
        metadata = self._metadata_at(key)
        if metadata is None:
            return False
        digest = hashlib.sha256(storable.body).hexdigest()
        if "sha256" in metadata:
            return metadata["sha256"] == digest
        return hashlib.sha256(self.read(key)).hexdigest() == digest

    def _metadata_at(self, key: str) -> dict[str, str] | None:
        from botocore.exceptions import ClientError

        try:
            return self._client.head_object(Bucket=self.bucket, Key=key)["Metadata"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT_CODES:
                return None
            raise

    def _whole_key(self, key: str) -> str:
        return f"{self._folder}/{key}" if self._folder else key

    def _uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, Boto3Error, ClientError) as error:
            # without the client's exception, whose text may hold secrets
            raise storage_error(error, what, self._secrets) from None


def _describes(metadata: dict[str, str] | None, storable: StorableObject) -> bool:
    """Whether these are the metadata of this object, its digest and run included."""
    return "sha256" in storable.metadata and metadata == dict(storable.metadata)

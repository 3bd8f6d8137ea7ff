"""The bucket: storing without ever overwriting, reading, and finding the newest."""

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
from flows.object_store.listing import ListedObject, newest_object
from flows.object_store.objects import COLLECTED_AT, StorableObject, StoredObject, numbered_key
from flows.object_store.uploads import is_uploaded_in_parts, upload

if TYPE_CHECKING:
    from prefect_aws import S3Bucket
    from types_boto3_s3 import S3Client

_MAX_NUMBER = 1000
_CONFLICT_ATTEMPTS = 5
_EXISTS_CODES = {"PreconditionFailed", "412"}
# the last is the answer to ending an upload in parts whose end was asked for before
_CONFLICT_CODES = {"ConditionalRequestConflict", "409", "NoSuchUpload"}
# how servers without conditional writes answer to one
_NOT_IMPLEMENTED_CODES = {"NotImplemented", "501", "InvalidArgument", "InvalidRequest"}
_ABSENT_CODES = {"404", "NoSuchKey", "NotFound"}


class ObjectStore:
    """The bucket of an `S3Bucket` block, for many threads at once.

    Raises:
        StorageError: Where no client can be made for the block.
    """

    def __init__(self, block: S3Bucket) -> None:
        self.bucket = block.bucket_name
        self._folder = block.bucket_folder.strip("/")
        self._secrets = secrets_of(block)
        opening = f"opening s3://{self.bucket}"
        with self._failing(opening):
            # asked once, before threads start: the block builds one for each thread otherwise
            try:
                with without_blank_profiles():
                    self._client: S3Client = block.credentials.get_client("s3")
            except ValueError as error:
                # how botocore refuses an endpoint's URL
                raise storage_error(error, opening, self._secrets) from None
            self._secrets += static_secrets(self._client)

    @property
    def bucket_folder(self) -> str:
        """The block's folder, in front of all keys."""
        return self._folder

    def in_folder(self, bucket_folder: str) -> ObjectStore:
        """This store with another folder in front of all keys."""
        store = copy.copy(self)
        store._folder = bucket_folder.strip("/")
        return store

    def store(self, storable: StorableObject) -> StoredObject:
        """Store an object under its key, or the next free `_2`, `_3`, … where other content stands.

        What is named by its data's date takes the place of what was collected earlier, under the same key.
        Content that stands there already is not stored again. On a server that refuses conditional
        writes the name is looked up first, so that two runs that meet at one name in the same
        moment could overwrite one another; one that ignores the condition in silence overwrites.

        Raises:
            StorageError: Where it could not be stored.
        """
        first_key = self._whole_key(storable.key)
        if storable.is_dated:
            return self._replace(first_key, storable)
        for number in range(1, _MAX_NUMBER):
            key = first_key if number == 1 else numbered_key(first_key, number)
            with self._failing(f"storing {self._uri(key)}"):
                if self._put_new(key, storable):
                    return StoredObject(key, self._uri(key), len(storable.body), already_there=False)
                if self._holds(key, storable):
                    return StoredObject(key, self._uri(key), len(storable.body), already_there=True)
        raise StorageError(
            f"storing {self._uri(first_key)} failed: {_MAX_NUMBER} objects of this name are there",
            code="TooManyObjects",
            retryable=False,
        )

    def _replace(self, key: str, storable: StorableObject) -> StoredObject:
        with self._failing(f"storing {self._uri(key)}"):
            is_new = self._put_new(key, storable)
            # what waited in a spool must not take the place of what has been collected since
            is_late = not is_new and self._was_collected_after(key, storable)
            if not (is_new or is_late):
                self._put(key, storable, only_if_new=False)
        return StoredObject(key, self._uri(key), len(storable.body), already_there=is_late, is_late=is_late)

    def _was_collected_after(self, key: str, storable: StorableObject) -> bool:
        there = (self._metadata_at(key) or {}).get(COLLECTED_AT, "")
        # ISO 8601 in UTC, whose order is that of the texts
        return there > storable.metadata[COLLECTED_AT]

    def check(self) -> None:
        """Ask whether the bucket is there and lets us in.

        Raises:
            StorageError: Where it does not.
        """
        with self._failing(f"asking for s3://{self.bucket}"):
            self._client.head_bucket(Bucket=self.bucket)

    def read(self, key: str) -> bytes:
        """The content of the object under a whole key, as `StoredObject.key` gives it.

        Raises:
            StorageError: Where it cannot be read.
        """
        with self._failing(f"reading {self._uri(key)}"):
            return self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def read_start(self, key: str, size: int) -> tuple[bytes, dict[str, str]]:
        """The first `size` bytes of an object under a whole key, and its user metadata.

        Raises:
            StorageError: Where it cannot be read.
        """
        with self._failing(f"reading {self._uri(key)}"):
            found = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=0-{size - 1}")
            return found["Body"].read(), found["Metadata"]

    def latest(
        self, output_folder: str, csv_prefix: str, extension: str | None = None
    ) -> ListedObject | None:
        """The object of one API whose name has the latest date, if it has any of that extension.

        Raises:
            StorageError: Where the bucket cannot be listed.
        """
        prefix = self._whole_key(f"{output_folder}/{csv_prefix}_")
        with self._failing(f"listing s3://{self.bucket}/{prefix}"):
            return newest_object(self._client, self.bucket, prefix, datetime.now(UTC), extension)

    def dated(
        self, output_folder: str, csv_prefix: str, stamps: tuple[str, str], outputs: Sequence[str]
    ) -> dict[str, DatedObject]:
        """The objects of each date, from the first to the last stamp; see `dated_objects`.

        Raises:
            StorageError: Where the bucket cannot be listed.
        """
        prefix = self._whole_key(f"{output_folder}/{csv_prefix}_")
        with self._failing(f"listing s3://{self.bucket}/{prefix}"):
            return dated_objects(self._client, self.bucket, prefix, stamps, outputs)

    def dates_in(self, key: str) -> HeldDates | None:
        """The dates that the object under a whole key holds.

        Raises:
            StorageError: Where the bucket cannot be asked.
        """
        with self._failing(f"asking for {self._uri(key)}"):
            return held_dates(self._metadata_at(key) or {})

    def _put_new(self, key: str, storable: StorableObject) -> bool:
        """Store where nothing stands yet; False where something does."""
        from botocore.exceptions import ClientError

        for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
            # what is large is not sent only to be refused at its end
            if is_uploaded_in_parts(storable) and self._metadata_at(key) is not None:
                return False
            try:
                self._put(key, storable, only_if_new=True)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _EXISTS_CODES:
                    return False
                if code in _NOT_IMPLEMENTED_CODES:
                    # a server without conditional writes: two runs in the same second could meet here
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
        """Whether the object under `key` has the content to be stored."""
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
            # the client's own words may hold what ours leave out
            raise storage_error(error, what, self._secrets) from None

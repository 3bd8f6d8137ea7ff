"""The bucket: storing without overwriting other objects, reading, and finding the newest object."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.object_store.bucket_versioning import BucketVersioning
from flows.object_store.buckets import secrets_of, static_secrets, without_blank_profiles
from flows.object_store.conditional_writes import metadata_at, put_new
from flows.object_store.dated_objects import (
    DatedObject,
    HeldDates,
    dated_objects,
    has_same_content,
    held_dates,
    is_new_data,
)
from flows.object_store.errors import StorageError, storage_error
from flows.object_store.listing import CsvOf, ListedObject, newest_object
from flows.object_store.metadata import COLLECTED_AT
from flows.object_store.objects import SUPERSEDED, StorableObject, StoredObject, key_in, numbered_key
from flows.object_store.uploads import upload

if TYPE_CHECKING:
    from prefect_aws import S3Bucket
    from types_boto3_s3 import S3Client

_MAX_NUMBER = 1000


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
        self._versioning = BucketVersioning(self._client, self.bucket)

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

        An object of a window replaces one of the same window that was collected earlier and has other
        content, which is kept in the folder of superseded objects unless the bucket has versioning. Content
        that is there already is not stored again. On a server that refuses conditional writes the key is
        looked up first, so that two runs that store under one key at the same moment could overwrite each
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
                is_new = put_new(self._client, self.bucket, key, storable)
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
            if not put_new(self._client, self.bucket, key, storable):
                earlier = self._metadata_at(key)
                is_there = not is_new_data(storable, earlier)
                # an object from the spool must not replace one that was collected after it; times in ISO 8601
                # and UTC sort as text
                is_late = (earlier or {}).get(COLLECTED_AT, "") > storable.metadata[COLLECTED_AT]
                if not (is_there or is_late):
                    if earlier is not None and not has_same_content(storable, earlier):
                        self._keep_superseded(key, storable)
                    upload(self._client, self.bucket, key, storable, only_if_new=False)
        already_there = is_there or is_late
        return StoredObject(key, self._uri(key), len(storable.body), already_there, is_late)

    def _keep_superseded(self, key: str, successor: StorableObject) -> None:
        """Store the object under a whole key in the folder of superseded objects, before it is replaced.

        It is read and stored again rather than copied by the server: the rules against overwriting hold for
        it too, on servers without conditional copies as well.
        """
        if self._versioning.is_enabled:
            return
        found = self._client.get_object(Bucket=self.bucket, Key=key)
        held = held_dates(found["Metadata"])
        superseded = StorableObject(
            # an object that somebody else put there does not say when it was collected
            key_in(SUPERSEDED, successor.key, held.collected_at if held else found["LastModified"]),
            found["Body"].read(),
            found.get("ContentType", successor.content_type),
            found["Metadata"],
        )
        self.store(superseded)

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
        return held_dates(self.metadata_of(key))

    def metadata_of(self, key: str) -> dict[str, str]:
        """The user metadata of the object with a whole key; {} where there is none.

        Raises:
            StorageError: The bucket cannot be asked.
        """
        with self._failing(f"asking for {self._uri(key)}"):
            return self._metadata_at(key) or {}

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
        return metadata_at(self._client, self.bucket, key)

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

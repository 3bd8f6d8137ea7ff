"""Users of the embedded S3 server: an owner with a random key, stored with the data, and others."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_OWNER_FILE = "access_key.json"
_IDENTITIES_FILE = "s3_identities.json"
_FULL_ACCESS = ("Admin", "Read", "Write", "List", "Tagging")


@dataclass(frozen=True)
class S3Identity:
    """A user of the server and its permissions.

    Attributes:
        name: The name in the server's log.
        access_key: The access key ID.
        secret_key: The secret access key; not part of the `repr`.
        actions: SeaweedFS's actions: Admin, Read, Write, List, Tagging; `Read:bucket` for one bucket.
    """

    name: str
    access_key: str
    secret_key: str = field(repr=False)
    actions: tuple[str, ...] = _FULL_ACCESS


def kept_owner(folder: Path) -> S3Identity:
    """The user with full access; the first call for a folder creates it with a random key."""
    file = folder / _OWNER_FILE
    if not file.exists():
        key = {"access_key": secrets.token_hex(10).upper(), "secret_key": secrets.token_urlsafe(30)}
        _write_secret(file, json.dumps({"name": "owner", **key}))
    return S3Identity(**json.loads(file.read_text(encoding="utf-8")))


def write_identities(folder: Path, identities: Sequence[S3Identity]) -> Path:
    """Write SeaweedFS's file of users and permissions, and return its path."""
    file = folder / _IDENTITIES_FILE
    entries = [
        {
            "name": identity.name,
            "credentials": [{"accessKey": identity.access_key, "secretKey": identity.secret_key}],
            "actions": identity.actions,
        }
        for identity in identities
    ]
    _write_secret(file, json.dumps({"identities": entries}))
    return file


def _write_secret(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # written atomically: the server could not start with its data again after half a key was written
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)

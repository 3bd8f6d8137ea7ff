"""The spool: whole or not at all, once, and within its bound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.object_store import Spool, SpoolError, StorableObject


def storable(body: bytes = b"a\n1\n", key: str = "fuel/mix_20240101_000000.csv") -> StorableObject:
    return StorableObject(key, body, "text/csv; charset=utf-8", {"rows": "1"})


def test_an_object_is_kept_with_all_that_storing_it_needs(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1_000_000)
    body_file = spool.keep(storable(), "a-bucket")
    assert body_file.read_bytes() == b"a\n1\n"
    (entry,) = spool.entries()
    assert (entry.body_file, entry.bucket, entry.key) == (
        body_file,
        "a-bucket",
        "fuel/mix_20240101_000000.csv",
    )
    assert (entry.content_type, entry.metadata) == ("text/csv; charset=utf-8", {"rows": "1"})
    assert spool.state()["objects"] == 1
    assert spool.state()["bytes"] == sum(file.stat().st_size for file in (tmp_path / "spool").iterdir())
    assert spool.state()["oldest"] == entry.spooled_at


def test_the_same_object_is_kept_once_and_others_beside_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000_000)
    assert spool.keep(storable(), "a-bucket") == spool.keep(storable(), "a-bucket")
    spool.keep(storable(b"a\n2\n"), "a-bucket")
    spool.keep(storable(), "b-bucket")
    assert spool.state()["objects"] == 3


@pytest.mark.parametrize("key", ["f/" + "ü" * 120 + "_20240101.csv", "f/a b'\"\N{SNOWMAN}_20240101.csv"])
def test_any_key_is_kept(tmp_path: Path, key: str) -> None:
    spool = Spool(tmp_path, 1_000_000)
    spool.keep(storable(key=key), "a-bucket")
    assert [entry.key for entry in spool.entries()] == [key]


def test_its_bound_holds_and_the_setting_is_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1000)
    spool.keep(storable(b"a" * 400), "a-bucket")
    with pytest.raises(SpoolError, match="ENERGY_PIPELINE_MAX_SPOOL_MB"):
        spool.keep(storable(b"b" * 400), "a-bucket")
    assert spool.state()["objects"] == 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolError, match="cannot be written"):
        Spool(tmp_path / "spool", 1000).keep(storable(), "a-bucket")


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    spool = Spool(tmp_path, 10_000_000)
    spool.keep(storable(), "a-bucket")
    before = sorted(file.name for file in tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # a file that cannot grow, as on a disk that is full
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(SpoolError, match="cannot be written"):
            spool.keep(storable(b"b" * 1_000_000), "a-bucket")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert sorted(file.name for file in tmp_path.iterdir()) == before
    assert [entry.body_file.read_bytes() for entry in spool.entries()] == [b"a\n1\n"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"body_file": "elsewhere"}', json.dumps("x")])
def test_what_is_no_entry_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.spooled.json").write_text(content)
    assert Spool(tmp_path, 1000).entries() == ()
    assert (tmp_path / "x.spooled.json").read_text() == content

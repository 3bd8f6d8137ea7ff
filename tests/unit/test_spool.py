"""The spool: objects are there whole or not at all, once, within its bound, and locked by their process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from flows.object_store import CSV_CONTENT_TYPE, Spool, SpoolError, StorableObject, object_metadata
from flows.object_store.dated_objects import named_by_its_run
from flows.object_store.spool_files import claim, entry_file, remove_left_behind


def storable(body: bytes = b"a\n1\n", key: str = "fuel/mix_20240101_000000.csv") -> StorableObject:
    return StorableObject(key, body, "text/csv; charset=utf-8", {"rows": "1"})


def keep(spool: Spool, each: StorableObject, bucket: str = "a-bucket", folder: str = "") -> Path:
    """Keep an object as a run does that ends before its upload; the file with its bytes."""
    kept = spool.keep(each, bucket, folder)
    kept.release()
    return kept.body_file


def test_an_object_is_kept_with_all_that_storing_it_needs(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1_000_000)
    body_file = keep(spool, storable())
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
    assert keep(spool, storable()) == keep(spool, storable())
    keep(spool, storable(b"a\n2\n"))
    keep(spool, storable(), "b-bucket")
    assert spool.state()["objects"] == 3


def test_an_object_does_not_wait_while_its_process_is_running(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000_000)
    code = (
        "import sys; from pathlib import Path; from flows.object_store import Spool, StorableObject;"
        "storable = StorableObject('f/a.csv', b'a', 'text/csv', {});"
        "kept = Spool(Path(sys.argv[1]), 10**6).keep(storable, 'a-bucket');"
        "print('kept', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"kept\n"
        (entry,) = spool.entries()
        assert spool.state()["objects"] == 0
        assert claim(entry.body_file) is None
        process.kill()
    assert spool.state()["objects"] == 1
    claimed = claim(entry.body_file)
    assert claimed
    assert spool.state()["objects"] == 0
    claimed.discard()
    assert not any(tmp_path.iterdir())
    assert claim(entry.body_file) is None, "it is gone"


def test_runs_that_keep_the_same_object_lose_neither(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000_000)
    first, second = spool.keep(storable(), "a-bucket"), spool.keep(storable(), "a-bucket")
    first.release()
    assert spool.state()["objects"] == 0, "the second is being uploaded"
    second.release()
    assert spool.state()["objects"] == 1


@pytest.mark.parametrize("key", ["f/" + "ü" * 120 + "_20240101.csv", "f/a b'\"\N{SNOWMAN}_20240101.csv"])
def test_any_key_is_kept(tmp_path: Path, key: str) -> None:
    spool = Spool(tmp_path, 1_000_000)
    keep(spool, storable(key=key))
    assert [entry.key for entry in spool.entries()] == [key]


def test_its_bound_holds_and_the_setting_is_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1000)
    keep(spool, storable(b"a" * 400))
    with pytest.raises(SpoolError, match="ENERGY_PIPELINE_MAX_SPOOL_MB"):
        keep(spool, storable(b"b" * 400))
    assert spool.state()["objects"] == 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolError, match="cannot be written"):
        keep(Spool(tmp_path / "spool", 1000), storable())


def test_whether_it_can_be_written_is_told_before_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    assert Spool(tmp_path / "not" / "there" / "yet", 1000).refusal() is None
    assert not (tmp_path / "not").exists()
    for folder in (tmp_path / "file", tmp_path / "file" / "spool", tmp_path / ("x" * 300)):
        assert "cannot be written (ENERGY_PIPELINE_SPOOL_DIR)" in str(Spool(folder, 1000).refusal())


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    spool = Spool(tmp_path, 10_000_000)
    keep(spool, storable())
    before = sorted(file.name for file in tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # a file that cannot grow, as on a disk that is full
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(SpoolError, match="cannot be written"):
            keep(spool, storable(b"b" * 1_000_000))
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


@pytest.mark.parametrize(
    "change", [{"metadata": None}, {"key": 5}, {"metadata": {"rows": 5}}, {"spooled_at": None}, None]
)
def test_an_entry_that_is_damaged_is_counted_and_holds_up_no_other(
    tmp_path: Path, change: dict[str, object] | None
) -> None:
    spool = Spool(tmp_path, 1_000_000)
    damaged = entry_file(keep(spool, storable(b"a\n2\n")))
    written = json.loads(damaged.read_text())
    damaged.write_text(json.dumps({**written, **change}) if change else "{")
    keep(spool, storable())
    assert [entry.body_file.read_bytes() for entry in spool.entries()] == [b"a\n1\n"]
    assert spool.state()["unreadable"] == 1
    # what is in hand is written again
    keep(spool, storable(b"a\n2\n"))
    assert (spool.state()["objects"], spool.state()["unreadable"]) == (2, 0)


def test_bytes_that_are_damaged_are_written_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000_000)
    keep(spool, storable()).write_bytes(b"torn")
    assert keep(spool, storable()).read_bytes() == b"a\n1\n"
    keep(spool, storable()).unlink()
    assert keep(spool, storable()).read_bytes() == b"a\n1\n"


def test_an_entry_of_another_version_is_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000_000)
    file = entry_file(keep(spool, storable(), folder="raw"))
    written = json.loads(file.read_text())
    assert written["bucket_folder"] == "raw"
    del written["bucket_folder"]
    file.write_text(json.dumps({**written, "of_a_later_version": 1}))
    assert [entry.bucket_folder for entry in spool.entries()] == [None]


def test_what_a_bound_leaves_no_room_for_does_not_cost_the_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1000)
    kept = spool.keep_all(
        [storable(b"a" * 2000), storable(b"b", "f/b.csv"), storable(b"c" * 900)], "a-bucket"
    )
    kept.release()
    assert [file.read_bytes() for file in kept.files] == [b"b"]
    assert str(kept.files[0]) in kept.message
    assert "1 of 3 objects are kept" in kept.message
    assert "the others are lost" in kept.message
    assert "ENERGY_PIPELINE_MAX_SPOOL_MB" in str(kept.refusal)
    none_kept = spool.keep_all([storable(b"d" * 2000)], "a-bucket")
    assert none_kept.files == ()
    assert none_kept.message.startswith("the data is lost: ")
    again = spool.keep_all([storable(b"b", "f/b.csv")], "a-bucket")
    again.release()
    assert again.refusal is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
        )
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_loses_nothing_that_was_kept_before(small_disk: Path) -> None:
    spool = Spool(small_disk / "spool", 10**9)
    bodies = [bytes([65 + number]) * 400_000 for number in range(4)]
    kept = spool.keep_all([storable(body, f"f/{body[:1]!r}.csv") for body in bodies], "a-bucket")
    assert [file.read_bytes() for file in kept.files] == bodies[:2]
    assert "No space left on device" in str(kept.refusal)
    assert "2 of 4 objects are kept" in kept.message
    assert [entry.body_file.read_bytes() for entry in spool.entries()] == bodies[:2]
    assert len(list((small_disk / "spool").iterdir())) == 4, (
        "two files for each object, and none half written"
    )
    # an object that is stored makes room again
    kept.objects[0].discard()
    more = spool.keep_all([storable(bodies[2], "f/c.csv")], "a-bucket")
    assert more.refusal is None
    for each in (kept, more):
        each.release()


def test_what_killed_processes_left_half_written_is_removed_in_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000_000)
    kept = keep(spool, storable())
    draft, bare_body = tmp_path / f"{'0' * 16}-x.csv.17.partial", tmp_path / f"{'1' * 16}-x.csv"
    theirs = tmp_path / "notes.txt"
    days_ago = time.time() - 3 * 86_400
    for file in (draft, bare_body, theirs):
        file.write_bytes(b"x")
    remove_left_behind(tmp_path, time.time())
    assert draft.exists()
    for file in tmp_path.iterdir():
        os.utime(file, (days_ago, days_ago))
    remove_left_behind(tmp_path, time.time())
    assert not draft.exists()
    assert not bare_body.exists()
    assert theirs.exists()
    assert [entry.body_file for entry in spool.entries()] == [kept]


@pytest.mark.parametrize(
    ("collected_at", "drained_at", "key"),
    [
        # during its day, and stored after it
        ("2024-01-10T15:00:00+00:00", "2024-01-11T06:00:00+00:00", "a/a_20240110_150000.csv"),
        # during its day, and stored on it: it will be collected again anyway
        ("2024-01-10T15:00:00+00:00", "2024-01-10T16:00:00+00:00", "a/a_20240110.csv"),
        # whole
        ("2024-01-11T05:00:00+00:00", "2024-01-11T06:00:00+00:00", "a/a_20240110.csv"),
    ],
)
def test_a_day_that_was_collected_before_its_end_does_not_become_whole_in_the_spool(
    collected_at: str, drained_at: str, key: str
) -> None:
    metadata = object_metadata(
        api_name="a",
        source_url="https://example.com",
        collected_at=datetime.fromisoformat(collected_at),
        rows=1,
        columns=1,
        body=b"a\n1\n",
        run_id="r",
        pipeline_version="1",
        window=(
            datetime.fromisoformat("2024-01-10T00:00:00-05:00"),
            datetime.fromisoformat("2024-01-11T00:00:00-05:00"),
        ),
    )
    waiting = StorableObject("a/a_20240110.csv", b"a\n1\n", CSV_CONTENT_TYPE, metadata)
    stored = named_by_its_run(waiting, datetime.fromisoformat(drained_at))
    assert stored.key == key
    assert stored.is_dated == (key == waiting.key)

"""Runs whose S3 server is gone: nothing collected is lost, nothing is stored twice."""

from __future__ import annotations

import hashlib
import json
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.api_config import ApiConfig, ResolvedSecrets
from flows.collection.api_collector import ApiCollector
from flows.http_collector import HttpCollector
from flows.integration import EnergyDataPipelineIntegration
from flows.object_store import (
    ObjectStore,
    Spool,
    StorableObject,
    StorageError,
    uploads,
)
from flows.object_store.buckets import bucket_by_name
from flows.object_store.spool_files import entry_file
from flows.orchestration.collection_tasks import collect_and_store
from flows.request_plan import PlannedCollection, plan_collections
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import NOW, IsoneSandbox
from tests.flow.conftest import RunCommand
from tests.unit.test_http_collector import secrets_for
from tests.unit.test_spool import keep

WriteConfig = Callable[..., Path]
BUCKET = "spool-test"


@pytest.fixture
def own_s3(tmp_path: Path) -> Iterator[EmbeddedS3]:
    """A server that this test may stop and start again on the same address."""
    with EmbeddedS3(tmp_path / "s3") as server:
        server.create_bucket(BUCKET)
        yield server


def aws_variables(s3: EmbeddedS3) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_S3": s3.endpoint_url,
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_REGION": s3.region,
    }


def bodies_in(s3: EmbeddedS3) -> dict[str, bytes]:
    listed = s3.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])
    read = s3.client().get_object
    return {entry["Key"]: read(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed}


def start_again(s3: EmbeddedS3, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.start()
    s3.wait_until_ready()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint_url)


def test_what_could_not_be_uploaded_is_kept_and_the_next_run_uploads_it_first(
    prefect_client: None,
    own_s3: EmbeddedS3,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(collect_and_store, "retry_delay_seconds", [0, 0])
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))
    for name, value in aws_variables(own_s3).items():
        monkeypatch.setenv(name, value)
    apis = [isone.api("Fuel Mix", "genfuelmix/current"), isone.api("Morning", "morningreport/current")]
    pipeline = EnergyDataPipelineIntegration(write_config(*apis), BUCKET)
    own_s3.stop()
    results = pipeline.run_full_pipeline()

    assert results["statistics"]["failed_uploads"] == 2
    kept = {Path(str(result["spooled_to"])) for result in results["results"]}
    bodies = {file.read_bytes() for file in kept}
    assert len(bodies) == 2
    for result in results["results"]:
        assert "energy-pipeline drain" in str(result["error"])
        assert str(result["spooled_to"]) in str(result["error"])
    assert len(isone.faults.requests) == 2, "the APIs are not asked again for an upload"

    start_again(own_s3, monkeypatch)
    assert pipeline.get_pipeline_status()["spool"]["objects"] == 2
    again = pipeline.run_full_pipeline()
    assert again["statistics"]["successful_uploads"] == 2
    stored = bodies_in(own_s3)
    assert len(stored) == 4, "two objects of either run"
    assert bodies <= set(stored.values())
    for key, body in stored.items():
        metadata = own_s3.client().head_object(Bucket=BUCKET, Key=key)["Metadata"]
        assert metadata["sha256"] == hashlib.sha256(body).hexdigest()
        assert metadata["run-id"] in {results["run_id"], again["run_id"]}
    assert pipeline.get_pipeline_status()["spool"] == {
        "objects": 0,
        "bytes": 0,
        "oldest": None,
        "unreadable": 0,
    }
    assert not any((tmp_path / ".energy-pipeline" / "spool").iterdir())


def test_drain_tells_what_it_uploaded_and_what_still_waits(
    own_s3: EmbeddedS3, run_command: RunCommand, tmp_path: Path, on_prefect_server: None
) -> None:
    spool = Spool(tmp_path / "spool", 1_000_000)
    for number in range(3):
        keep(
            spool,
            StorableObject(f"f/x_{number:04}.csv", b"%d\n" % number, "text/csv", {"rows": "1"}),
            BUCKET,
        )
    variables = {**aws_variables(own_s3), "ENERGY_PIPELINE_SPOOL_DIR": str(tmp_path / "spool")}

    own_s3.stop()
    ended = run_command("drain", "--bucket", BUCKET, **variables)
    assert ended.returncode == 1
    assert "does not answer" in ended.stderr
    assert "2 further objects were not tried" in ended.stderr
    assert spool.state()["objects"] == 3

    own_s3.start()
    own_s3.wait_until_ready()
    variables["AWS_ENDPOINT_URL_S3"] = own_s3.endpoint_url
    ended = run_command("drain", "--bucket", BUCKET, "--json", **variables)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["stored"] == [f"s3://{BUCKET}/f/x_{number:04}.csv" for number in range(3)]
    assert list(bodies_in(own_s3).values()) == [b"0\n", b"1\n", b"2\n"]
    ended = run_command("drain", "--bucket", BUCKET, **variables)
    assert (ended.returncode, ended.stdout) == (0, "the spool is empty\n")


def test_what_is_there_already_is_not_stored_again_and_what_is_not_ours_stays(
    embedded_s3: EmbeddedS3, bucket: str, tmp_path: Path
) -> None:
    store = ObjectStore(bucket_by_name(bucket, aws_variables(embedded_s3)))
    spool = Spool(tmp_path / "spool", 1_000_000)
    # an upload whose answer was lost, and one that ended between uploading and removing
    there = StorableObject("f/there_0001.csv", b"1\n", "text/csv", {"rows": "1"})
    store.store(there)
    keep(spool, there, bucket)
    changed = keep(spool, StorableObject("f/changed_0001.csv", b"2\n", "text/csv", {}), bucket)
    changed.write_bytes(b"2")
    elsewhere = keep(spool, StorableObject("f/elsewhere_0001.csv", b"3\n", "text/csv", {}), "another-bucket")
    damaged = entry_file(keep(spool, StorableObject("f/x_0001.csv", b"4\n", "text/csv", {}), bucket))
    damaged.write_text("{")
    # of a block with a folder of its own
    keep(spool, StorableObject("f/in_folder_0001.csv", b"5\n", "text/csv", {}), bucket, "raw/ne")

    report = spool.drain(store)
    assert set(report.stored_uris) == {
        f"s3://{bucket}/f/there_0001.csv",
        f"s3://{bucket}/raw/ne/f/in_folder_0001.csv",
    }
    named = sorted(problem.split()[0] for problem in report.problems)
    assert named == sorted(map(str, [changed, elsewhere, damaged]))
    listed = embedded_s3.client().list_objects_v2(Bucket=bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == ["f/there_0001.csv", "raw/ne/f/in_folder_0001.csv"]
    assert spool.state()["objects"] == 2


def test_a_server_killed_amid_uploads_loses_nothing_and_tears_nothing(
    own_s3: EmbeddedS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "SINGLE_REQUEST_BYTES", 4_000_000)
    monkeypatch.setattr(uploads, "PART_BYTES", 5 * 2**20)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))
    store = ObjectStore(bucket_by_name(BUCKET, aws_variables(own_s3)))
    spool = Spool(tmp_path / "spool", 10**9)
    objects = [large_object(number) for number in range(16)]
    begun: queue.Queue[str] = queue.Queue()

    def keep_and_store(storable: StorableObject) -> bool:
        kept = spool.keep(storable, BUCKET)
        begun.put(storable.key)
        try:
            store.store(storable)
        except StorageError:
            kept.release()
            return False
        kept.discard()
        return True

    with ThreadPoolExecutor(8) as threads:
        outcomes = [threads.submit(keep_and_store, storable) for storable in objects]
        for _ in range(10):
            begun.get(timeout=60)
        # by SIGKILL, with eight uploads under way
        own_s3.stop()
    stored_at_once = sum(outcome.result() for outcome in outcomes)
    assert stored_at_once < len(objects)
    assert spool.state()["objects"] == len(objects) - stored_at_once

    start_again(own_s3, monkeypatch)
    found_before = check_whole(own_s3)
    report = spool.drain(ObjectStore(bucket_by_name(BUCKET, aws_variables(own_s3))))
    assert report.problems == ()
    assert spool.state()["objects"] == 0
    found = check_whole(own_s3)
    assert found == {storable.key: storable.metadata["sha256"] for storable in objects}
    assert found_before.items() <= found.items()
    assert len(found_before) >= stored_at_once


def large_object(number: int) -> StorableObject:
    """A megabyte, or for every sixth one six of them, which are uploaded in parts."""
    body = b"%04d\n" % number * (1_200_000 if number % 6 == 0 else 200_000)
    metadata = {"sha256": hashlib.sha256(body).hexdigest()}
    return StorableObject(f"lmp/lmp_{number:04}.csv", body, "text/csv", metadata)


def check_whole(s3: EmbeddedS3) -> dict[str, str]:
    """The digests of all objects, each that of its bytes."""
    found = {}
    for key, body in bodies_in(s3).items():
        metadata = s3.client().head_object(Bucket=BUCKET, Key=key)["Metadata"]
        assert hashlib.sha256(body).hexdigest() == metadata["sha256"], f"{key} is torn"
        found[key] = metadata["sha256"]
    return found


def fuel_mix(isone: IsoneSandbox, **options: object) -> tuple[PlannedCollection, ResolvedSecrets]:
    api = ApiConfig.model_validate(isone.api("Fuel Mix", "genfuelmix/current", **options))
    (collection,) = plan_collections([api], "20240102_030405", NOW)
    return collection, secrets_for(collection.requests[0])


def test_a_folder_that_cannot_be_written_is_said_once_and_uploads_go_on(
    embedded_s3: EmbeddedS3,
    bucket: str,
    isone: IsoneSandbox,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "spool").write_text("a file, not a folder")
    collection, secrets = fuel_mix(isone, outputs=["csv", "raw"])
    store = ObjectStore(bucket_by_name(bucket, aws_variables(embedded_s3)))
    with HttpCollector([collection.api], secrets) as collector:
        run = ApiCollector("run", collector, store, Spool(tmp_path / "spool", 1_000_000))
        outcomes = [run.collect_and_store(replace(collection, stamp=stamp)) for stamp in ("1", "2", "3")]
    assert [outcome.upload_status for outcome in outcomes] == ["success"] * 3
    assert len(embedded_s3.client().list_objects_v2(Bucket=bucket)["Contents"]) == 6
    said = [record.getMessage() for record in caplog.records if "cannot be written" in record.getMessage()]
    assert len(said) == 1


def test_where_the_spool_takes_only_some_outputs_the_result_says_so(
    own_s3: EmbeddedS3, isone: IsoneSandbox, tmp_path: Path
) -> None:
    collection, secrets = fuel_mix(isone, outputs=["csv", "raw"])
    store = ObjectStore(bucket_by_name(BUCKET, aws_variables(own_s3)))
    spool = Spool(tmp_path / "spool", 1500)
    own_s3.stop()
    with HttpCollector([collection.api], secrets) as collector:
        run = ApiCollector("run", collector, store, spool)
        with pytest.raises(StorageError) as raised:
            run.collect_and_store(collection)
        # as it stands while the upload waits for its next attempt, should the process be killed
        assert len(spool.entries()) == 1
        assert spool.state()["objects"] == 0
        outcome = run.failed(collection, str(raised.value))
    (entry,) = spool.entries()
    assert spool.state()["objects"] == 1, "the next run uploads it"
    assert entry.key == "fuel_mix/fuel_mix_20240102_030405.csv"
    assert outcome.spooled_to == str(entry.body_file)
    assert "1 of 2 objects are kept" in str(outcome.error)
    assert "the others are lost" in str(outcome.error)
    assert (outcome.collection_status, outcome.upload_status) == ("success", "failed")

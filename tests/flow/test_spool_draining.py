"""Runs whose S3 server is gone: nothing collected is lost, nothing is stored twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.integration import EnergyDataPipelineIntegration
from flows.object_store import ObjectStore, Spool, StorableObject
from flows.run_preparation import bucket_by_name
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import IsoneSandbox
from tests.flow.conftest import RunCommand

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
    assert pipeline.get_pipeline_status()["spool"] == {"objects": 0, "bytes": 0, "oldest": None}
    assert not any((tmp_path / ".energy-pipeline" / "spool").iterdir())


def test_drain_tells_what_it_uploaded_and_what_still_waits(
    own_s3: EmbeddedS3, run_command: RunCommand, tmp_path: Path, on_prefect_server: None
) -> None:
    spool = Spool(tmp_path / "spool", 1_000_000)
    for number in range(3):
        spool.keep(
            StorableObject(f"f/x_{number:04}.csv", b"%d\n" % number, "text/csv", {"rows": "1"}), BUCKET
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
    spool.keep(there, bucket)
    changed = spool.keep(StorableObject("f/changed_0001.csv", b"2\n", "text/csv", {}), bucket)
    changed.write_bytes(b"2")
    elsewhere = spool.keep(StorableObject("f/elsewhere_0001.csv", b"3\n", "text/csv", {}), "another-bucket")

    report = spool.drain(store)
    assert report.stored_uris == (f"s3://{bucket}/f/there_0001.csv",)
    assert sorted(problem.split()[0] for problem in report.problems) == sorted([str(changed), str(elsewhere)])
    listed = embedded_s3.client().list_objects_v2(Bucket=bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == ["f/there_0001.csv"]
    assert spool.state()["objects"] == 2

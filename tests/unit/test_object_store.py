"""Keys, metadata and CSV: the parts of storing that need no bucket."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.object_store import csv_bytes, object_key, object_metadata, run_stamp
from flows.object_store.objects import numbered_key

# what polars can hold: any text but lone surrogates
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def test_a_key_is_folder_prefix_and_stamp() -> None:
    assert object_key("a/b", "fuel_mix", "20240101_120000") == "a/b/fuel_mix_20240101_120000.csv"


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [("../a", "b"), ("/a", "b"), ("a//b", "c"), ("a", "b/../c"), ("a\n", "b"), ("", "b"), ("a", "b" * 300)],
)
def test_a_key_that_could_leave_its_folder_is_refused(folder: str, prefix: str) -> None:
    with pytest.raises(ValueError, match="the key"):
        object_key(folder, prefix, "20240101_120000")


@pytest.mark.parametrize(
    ("key", "second"),
    [
        ("a.b/c.d_1.csv", "a.b/c.d_1_2.csv"),
        ("a/b_1.raw.json", "a/b_1_2.raw.json"),
        ("a/b.raw_1.csv", "a/b.raw_1_2.csv"),
    ],
)
def test_the_number_of_a_further_object_stands_before_its_extensions(key: str, second: str) -> None:
    assert numbered_key(key, 2) == second


def test_the_stamp_is_in_utc() -> None:
    local = datetime(2024, 3, 9, 20, 30, 5, tzinfo=timezone(-timedelta(hours=5)))
    assert run_stamp(local) == "20240310_013005"


def metadata_of(api_name: str, source_url: str) -> dict[str, str]:
    return object_metadata(
        api_name=api_name,
        source_url=source_url,
        collected_at=datetime(2024, 1, 1, tzinfo=UTC),
        rows=1,
        columns=2,
        body=b"x",
        run_id="run",
        pipeline_version="1",
    )


@given(name=texts, url=texts)
@settings(deadline=None)
def test_metadata_is_ascii_small_and_reversible(name: str, url: str) -> None:
    metadata = metadata_of(name, f"https://example.com/?q=100%25&n={url}")
    assert set(metadata) == {
        "api-name",
        "source-url",
        "collected-at",
        "rows",
        "columns",
        "sha256",
        "run-id",
        "pipeline-version",
    }
    for value in metadata.values():
        assert value.isascii()
        assert value.isprintable()
    assert unquote(metadata["api-name"]) == name.strip()
    assert sum(len(key) + len(value) for key, value in metadata.items()) < 2048


def test_long_metadata_is_cut_visibly() -> None:
    metadata = object_metadata(
        api_name="é" * 5000,
        source_url="https://example.com/" + "ü" * 5000,
        collected_at=datetime(2024, 1, 1, tzinfo=UTC),
        rows=10**9,
        columns=10**6,
        body=b"x",
        run_id="3543fbd8-67f5-4f46-8b18-809d04a77073",
        pipeline_version="10.20.30.dev1",
    )
    assert set(unquote(metadata["api-name"].removesuffix("..."))) == {"é"}
    assert metadata["api-name"].endswith("...")
    assert metadata["source-url"].endswith("...")
    assert "\ufffd" not in unquote(metadata["source-url"])
    assert sum(len(key) + len(value) for key, value in metadata.items()) < 2048


def test_what_is_no_utf_8_in_a_long_url_does_not_cost_the_rest_of_it() -> None:
    metadata = metadata_of("a", "https://example.com/?q=Qu%E9bec&" + "a" * 5000)
    assert metadata["source-url"].startswith("https://example.com/?q=Qu%E9bec&aaaa")
    assert len(metadata["source-url"]) == 700


columns = st.dictionaries(
    texts.filter(lambda name: not name.startswith("\ufeff")), st.just(None), min_size=1, max_size=4
)


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_csv_reads_back_as_the_same_rows(data: st.DataObject) -> None:
    names = list(data.draw(columns))
    height = data.draw(st.integers(1, 5))
    cells = st.lists(st.none() | texts, min_size=height, max_size=height)
    frame = pl.DataFrame({name: data.draw(cells) for name in names}, schema=dict.fromkeys(names, pl.String))
    body = csv_bytes(frame)
    assert pl.read_csv(io.BytesIO(body), infer_schema=False).rows() == frame.rows()
    # by the standard library, since polars leaves doubled quotes in a header as they are
    assert next(csv.reader(io.StringIO(body.decode(), newline=""))) == frame.columns


def test_numbers_are_written_as_they_are() -> None:
    frame = pl.DataFrame(
        {"i": [2**63 - 1, None], "f": [24.46, -0.17], "b": [True, None], "t": ["007", "1.50"]}
    )
    assert csv_bytes(frame) == b"i,f,b,t\n9223372036854775807,24.46,true,007\n,-0.17,,1.50\n"

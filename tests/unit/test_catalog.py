"""The catalog: searching it, proposing entries, and putting them into a file that stays as it is written."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.api_config import ConfigError, load_config
from flows.catalog import ProposalError, append_entry, check_entry, fitted_entry, propose_entry, search

ISONE = "https://webservices.iso-ne.com/api/v1.1"
ENTRY = {"name": "new", "url": "https://example.com/x", "output_folder": "new", "csv_prefix": "n"}
OLD = {"name": "old", "url": "https://example.com/{{}}", "output_folder": "old", "csv_prefix": "o"}


def test_all_words_must_occur_and_paths_go_first() -> None:
    found = search(["LMP", "prelim"])
    assert found
    assert all("lmp" in endpoint.path for endpoint in found[:5])
    # by a column: no path and no summary has this word
    assert {endpoint.root for endpoint in search(["LossComponent"])} >= {"hourlylmp", "fiveminutelmp"}
    assert search(["lmp", "no such thing"]) == ()
    assert len(search([])) > 300


@pytest.mark.parametrize(
    "written",
    [
        "/genfuelmix/current",
        "genfuelmix/current/",
        f"{ISONE}/genfuelmix/current.json",
        "genfuelmix/current.xml",
    ],
)
def test_an_endpoint_may_be_given_as_a_path_or_url(written: str) -> None:
    entry = propose_entry(written).entry
    assert entry["url"] == f"{ISONE}/genfuelmix/current"
    assert entry["history_url"] == f"{ISONE}/genfuelmix/day/{{start:%Y%m%d}}"
    assert entry["dates"] == {"unit": "day", "timezone": "America/New_York"}
    assert entry["key_columns"] == ["BeginDate", "FuelCategory"]


@pytest.mark.parametrize(
    ("path", "values", "url", "more"),
    [
        ("/hourlylmp/da/final/current/all", {}, "/hourlylmp/da/final/current/all",
         {"history_url": f"{ISONE}/hourlylmp/da/final/day/{{start:%Y%m%d}}"}),
        # for a day it holds every node, for now only the system's own locations
        ("/hourlylmp/rt/prelim/current", {}, "/hourlylmp/rt/prelim/current", {"history_url": None}),
        ("/realtimehourlydemand/day/20240101/location/4001", {},
         "/realtimehourlydemand/day/{start:%Y%m%d}/location/4001", {"values": None}),
        ("/realtimehourlydemand/day/{day}/location/{locationId}", {"locationId": ["4001", "4002"]},
         "/realtimehourlydemand/day/{start:%Y%m%d}/location/{locationId}",
         {"values": {"locationId": ["4001", "4002"]}}),
        ("/hourlysysload/day/{day}/hour/{sh}", {}, "/hourlysysload/day/{start:%Y%m%d}/hour/{start:%H}",
         {"dates": {"unit": "hour", "timezone": "America/New_York"}}),
        ("/monthlylmpindex/year/{year}", {}, "/monthlylmpindex/year/{start:%Y}",
         {"dates": {"unit": "year", "timezone": "America/New_York"}}),
        ("/fiveminutelmp/current/locationType/LOAD ZONE", {},
         "/fiveminutelmp/current/locationType/LOAD%20ZONE", {}),
    ],
)  # fmt: skip
def test_parameters_become_dates_values_or_stay_as_written(
    path: str, values: dict[str, Any], url: str, more: dict[str, Any]
) -> None:
    entry = propose_entry(path, values).entry
    assert entry["url"] == ISONE + url
    assert {key: entry.get(key) for key in more} == more


@pytest.mark.parametrize(
    ("path", "values", "said"),
    [
        ("/genfuelmx/current", {}, "did you mean /genfuelmix/current?"),
        ("/fcmara/cp/{cp}", {}, '"2025-26"'),
        ("/genfuelmix/current", {"locationId": ["1"]}, "has no parameter locationId; it takes: none"),
        ("https://me:pw@example.com/x", {}, "use auth"),
        ("https://example.com/x?api_key=hunter2", {}, "by reference"),
        ("http://example.com/x", {}, "plain http"),
    ],
)
def test_a_refused_proposal_does_not_show_a_secret(path: str, values: Any, said: str) -> None:
    with pytest.raises(ProposalError) as raised:
        propose_entry(path, values)
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_any_other_url_gets_a_plain_entry() -> None:
    assert propose_entry("https://api.example.com/v2/load/current?zone=CT").entry == {
        "name": "example load",
        "url": "https://api.example.com/v2/load/current?zone=CT",
        "output_folder": "example_load",
        "csv_prefix": "example_load",
    }
    assert propose_entry("https://mis.example.com/csv/pal.csv").entry["format"] == "csv"


STYLES = {
    "as shipped": json.dumps({"$schema": "x", "apis": [OLD]}, indent=2) + "\n",
    "windows": json.dumps({"apis": [OLD], "defaults": {"enabled": True}}, indent=4).replace("\n", "\r\n"),
    "tabs": json.dumps({"apis": [OLD]}, indent="\t"),
    "one line": json.dumps({"apis": [OLD]}),
    "an entry a line": '{"defaults": {"headers": {"A": "]"}},\n "apis": [\n  ' + json.dumps(OLD) + "\n ]}\n",
}  # fmt: skip


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_the_rest_of_the_file_stays_as_it_is_written(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text.encode())
    file.chmod(0o640)
    append_entry(file, ENTRY)
    after = file.read_bytes().decode()
    assert json.loads(after) == {**json.loads(text), "apis": [OLD, ENTRY]}
    end_of_old = text.rindex("}", 0, text.rindex("]")) + 1
    assert after.startswith(text[:end_of_old])
    assert after.endswith(text[end_of_old:])
    assert [api.name for api in load_config(file).apis] == ["old", "new"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "config.json", tmp_path / "link.json"
    file.write_text(STYLES["tabs"])
    link.symlink_to(file)
    append_entry(link, ENTRY)
    assert link.is_symlink()
    assert len(load_config(file).apis) == 2


@pytest.mark.parametrize(
    ("entry", "path"),
    [({**ENTRY, "name": "OLD"}, "$.apis[1].name"), ({**ENTRY, "url": "ftp://x/"}, "$.apis[1].url")],
)
def test_nothing_is_written_unless_the_whole_file_is_valid(tmp_path: Path, entry: Any, path: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(STYLES["tabs"])
    for attempt in (append_entry, check_entry):
        with pytest.raises(ConfigError) as raised:
            attempt(file, entry)
        assert [(problem.where, problem.path) for problem in raised.value.problems] == [(str(file), path)]
    assert file.read_text() == STYLES["tabs"]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(STYLES["tabs"])
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        append_entry(file, ENTRY)


def test_a_name_or_place_that_is_taken_gets_a_number_unless_it_was_chosen(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(STYLES["tabs"])
    taken = {**OLD, "url": "https://example.com/other", "name": "Old"}
    fitted = fitted_entry(file, taken)
    assert (fitted["name"], fitted["output_folder"], fitted["csv_prefix"]) == ("Old 2", "old", "o_2")
    assert fitted_entry(file, taken, ["name", "csv_prefix"]) == taken
    append_entry(file, fitted)
    assert fitted_entry(file, taken)["name"] == "Old 3"


@given(
    indent=st.sampled_from([None, 0, 1, 2, 3, 8, "\t"]),
    names=st.lists(st.text(min_size=1), min_size=1, max_size=3),
)
def test_any_layout_of_a_file_takes_an_entry(
    indent: Any, names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any_layout.json"
    apis = [
        {**OLD, "name": f"{number} {name}", "csv_prefix": f"p{number}"} for number, name in enumerate(names)
    ]
    file.write_bytes(json.dumps({"apis": apis}, indent=indent).encode())
    try:
        load_config(file)
    except ConfigError:
        return
    append_entry(file, ENTRY)
    assert json.loads(file.read_bytes())["apis"] == [*apis, ENTRY]

"""Payloads made to hang a reader or to fill its memory: each ends, within bounds the system enforces."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

MEMORY_BYTES = 3_000_000_000
CPU_SECONDS = 60

# an expression for the body, and the layout; a name means that error is expected, "" that a table is
HOSTILE = {
    "deep JSON": ('b"[" * 1_000_000', {}, "DocumentError"),
    "deep JSON objects": ("b'{\"a\":' * 1_000_000", {}, "DocumentError"),
    "deep XML": ('b"<a>" * 1_000_000', {"format": "xml"}, "DocumentError"),
    "quotes": ("b'\"' * 5_000_000", {}, "DocumentError"),
    "quotes in CSV": ("b'a\\n' + b'\"' * 5_000_001", {"format": "csv"}, "DocumentError"),
    "keys all different": (
        'b"[" + b",".join(b\'{"k%d":1}\' % n for n in range(200_000)) + b"]"', {}, "DocumentError"),
    "fields that are seldom there": (
        'b"[" + b",".join(b\'{"k%d":1}\' % (n % 4000) for n in range(200_000)) + b"]"', {}, "DocumentError"),
    "one name for thousands of columns": (
        'b",".join([b"n"] * 4000) + b"\\n" + b",".join([b"1"] * 4000)', {"format": "csv"}, ""),
    "a long text beside a long list": (
        "b'{\"t\":\"' + b'x' * 1_000_000 + b'\",\"l\":[' + b'{\"a\":1},' * 99_999 + b'{\"a\":1}]}'", {},
        "DocumentError"),
    "long texts beside long lists in each of many": (
        "json.dumps([{'t': 9_999 * 'x', 'l': 5_000 * [{'a': 1}]}] * 20).encode()", {}, "DocumentError"),
    "a long text beside long lists": (
        "b'{\"h\":{\"t\":\"' + b'x' * 1_000_000 + b'\",\"l\":[' + b'1,' * 99_999 + b'1]}}'",
        {"columnar": ["h"]}, "DocumentError"),
    "a long name above many": (
        "b'{\"z\":1,\"' + b'k' * 1_000_000 + b'\":{' + b','.join(b'\"%d\":1' % n for n in range(99)) + b'}}'",
        {}, "DocumentError"),
    "a CSV of columns": ('b"," * 1_000_000 + b"\\n" + b"," * 1_000_000', {"format": "csv"}, "DocumentError"),
    "a number of a million digits": ("b'[' + b'9' * 1_000_000 + b']'", {}, ""),
    "spaces": ("b' ' * 20_000_000", {}, ""),
    "a bomb": ("bomb()", {"format": "zip", "max_bytes": 10_000_000}, "DocumentError"),
    "entities": (
        "b'<!DOCTYPE l [<!ENTITY a \"' + b'x' * 99 + b'\">]><l>' + b'&a;' * 100_000 + b'</l>'",
        {"format": "xml"}, "DocumentError"),
    "siblings all different": (
        'b"<a>" + b"".join(b"<b%d/>" % n for n in range(200_000)) + b"</a>"',
        {"format": "xml"}, "DocumentError"),
}  # fmt: skip

PROGRAM = """
import io, json, resource, zipfile
from flows.documents import DocumentError
from flows.tabulation import Layout, Part, tabulate

def bomb():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", b"0" * 300_000_000)
    return archive.getvalue()

body = {body}
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({cpu}, {cpu}))
try:
    frame = tabulate([Part(body)], Layout(**{layout})).frame
except DocumentError as error:
    print("DocumentError", len(str(error)) < 1000)
else:
    print("", frame.height)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_payloads_end_in_a_table_or_a_named_error(name: str) -> None:
    body, layout, expected = HOSTILE[name]
    program = PROGRAM.format(body=body, layout=layout, memory=MEMORY_BYTES, cpu=CPU_SECONDS)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        # each thread of polars sets memory aside for itself
        env={"POLARS_MAX_THREADS": "2"},
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-500:]}"
    outcome, _, is_short = done.stdout.rstrip("\n").partition(" ")
    assert outcome == expected
    assert is_short != "False"

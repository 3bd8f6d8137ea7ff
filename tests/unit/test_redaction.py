"""No secret is left in a text, however it is written there."""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
import unicodedata
from collections.abc import Callable
from html.entities import codepoint2name
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.api_config import redacted

SECRET = "pa/ss&+\"w\\o'rd %ü\N{SNOWMAN}\N{GRINNING FACE} 4711"

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": str.upper,
    "path": quote,
    "query": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "lower-case escapes": lambda text: quote_plus(text).lower(),
    "escaped twice": lambda text: quote_plus(quote_plus(text)),
    "json": lambda text: json.dumps(text)[1:-1],
    "json with letters": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json within json": lambda text: json.dumps(json.dumps(text))[3:-3],
    "json with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "html": html.escape,
    "python": lambda text: repr(text)[1:-1],
    "python bytes": lambda text: repr(text.encode())[2:-1],
    "latin-1": lambda text: text.encode().decode("latin-1"),
    "latin-1 as json": lambda text: json.dumps(text.encode().decode("latin-1"))[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for urls": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in a url": lambda text: quote_plus(base64.b64encode(text.encode()).decode()),
    "folded": lambda text: " ".join(text.split()),
}


def test_a_secret_is_found_in_every_form() -> None:
    missed = {}
    for form, write in FORMS.items():
        written = write(SECRET)
        found = redacted(f"see {written}, twice: {written}", [SECRET])
        if found.replace("=", "").replace("%3D", "") != "see ***, twice: ***":
            missed[form] = found
    assert not missed


def test_a_secret_is_found_where_each_character_is_escaped_in_another_way() -> None:
    forms = [form for name, form in FORMS.items() if not re.search("base64|latin|folded", name)]
    mixed = "".join(form(letter) for letter, form in zip(SECRET, itertools.cycle(forms), strict=False))
    assert redacted(f"see {mixed}!", [SECRET]) == "see ***!"


ACCENTED = "Pässwörd-ñé 4711"
ACCENTED_FORMS: dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps(text)[1:-1],
    "json in capitals": lambda text: re.sub(r"u00..", lambda match: match[0].upper(), json.dumps(text)[1:-1]),
    "json of capitals": lambda text: json.dumps(text.upper())[1:-1],
    "json in a url": lambda text: quote(json.dumps(text)[1:-1]),
    "json, every character": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "utf-8": quote,
    "utf-8, lower case": lambda text: quote(text).lower(),
    "utf-8, every octet": lambda text: "".join(f"%{octet:02x}" for octet in text.encode()),
    "utf-8 of capitals": lambda text: quote(text.upper()),
    "latin-1": lambda text: quote(text, encoding="latin-1"),
    "latin-1, lower case": lambda text: quote(text, encoding="latin-1").lower(),
    "latin-1 form": lambda text: quote_plus(text, encoding="latin-1"),
    "javascript's escape": lambda text: quote(text, encoding="latin-1").replace("%E", "%u00E"),
    "python": lambda text: ascii(text)[1:-1],
    "octal": lambda text: "".join(f"\\{octet:03o}" if octet > 127 else chr(octet) for octet in text.encode()),
    "html names": lambda text: "".join(
        f"&{codepoint2name[ord(letter)]};" if letter > "z" else letter for letter in text
    ),
    "html numbers in html": lambda text: html.escape(text.encode("ascii", "xmlcharrefreplace").decode()),
    "base64 of latin-1": lambda text: base64.b64encode(text.encode("latin-1")).decode(),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "read as windows-1252": lambda text: text.encode().decode("cp1252"),
    "latin-1 read as utf-8": lambda text: text.encode("latin-1").decode("utf-8", "replace"),
}


@pytest.mark.parametrize("form", ACCENTED_FORMS)
def test_a_secret_with_accents_is_found_in_every_form(form: str) -> None:
    written = ACCENTED_FORMS[form](ACCENTED)
    assert redacted(f"see {written}!", [ACCENTED]).replace("=", "") == "see ***!"


def test_a_secret_with_accents_is_found_in_mixed_forms() -> None:
    forms = [form for name, form in ACCENTED_FORMS.items() if "base64" not in name]
    for start in range(len(forms)):
        cycle = itertools.islice(itertools.cycle(forms), start, None)
        mixed = "".join(form(letter) for letter, form in zip(ACCENTED, cycle, strict=False))
        assert redacted(f"see {mixed}!", [ACCENTED]) == "see ***!", mixed


def test_a_user_name_and_password_sent_as_one_are_found() -> None:
    sent = base64.b64encode(b"someone:p4ssw0rd").decode()
    assert redacted(f"Basic {sent}", ["someone", "p4ssw0rd"], [("someone", "p4ssw0rd")]) == "Basic ***=="


def test_the_longest_secret_is_hidden_first() -> None:
    assert redacted("canary-4711 canary", ["canary", "canary-4711"]) == "*** ***"


def test_what_is_no_secret_stays() -> None:
    text = "HTTP 404 from https://h/x?y=%2F: nothing"
    assert redacted(text, []) == text
    assert redacted(text, [""]) == text
    assert redacted(text, ["another"]) == text


@given(
    secret=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30),
    before=st.text(max_size=10),
    after=st.text(max_size=10),
)
@settings(deadline=None)
def test_any_secret_is_hidden_in_any_text(secret: str, before: str, after: str) -> None:
    for form in (str, quote_plus, lambda text: json.dumps(text)[1:-1]):
        try:
            written = form(secret)
        except UnicodeEncodeError:
            continue
        if written not in before + after:
            assert written not in redacted(before + written + after, [secret]).replace("***", "\0")

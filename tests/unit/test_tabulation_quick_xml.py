"""XML cut from the body: what that gives is what the exact way gives, damaged or not.

Without deadlines: on busy cores the threads of polars wait for each other.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.tabulation import Layout, Part, tabulate
from flows.tabulation.stencilled_xml import tabulate_stencilled_xml
from tests.unit.test_tabulation_quick_ways import same_tables

XML_TEXTS = st.sampled_from(
    ["x", "", " ", "é", "1", "a&amp;b", 'say "x"', "two\nlines", "&#x41;", "\uffff", "\t", "]]"]
)
XML_VALUES = st.sampled_from(["x", "", " ", "é", "1", "a&lt;b", "/", "b c"])
XML_DAMAGE = st.sampled_from(
    [
        "<",
        ">",
        "</",
        "&",
        '"',
        "'",
        "=",
        "/",
        "<a>",
        "</a>",
        "<r>",
        "</r>",
        "<a/>",
        "<!-- -->",
        "<![CDATA[x]]>",
        "<?p?>",
        "\x00",
        "\x01",
        "\r",
        "\n",
        " ",
        "é",
        "x",
        ' p="1"',
        ' xmlns="u"',
        "x:",
        "<!DOCTYPE r>",
        "\ufeff",
    ]
)
XML_RECORDS = st.lists(st.tuples(XML_VALUES, XML_VALUES, XML_TEXTS, XML_TEXTS), min_size=2, max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    records=XML_RECORDS,
    space=st.sampled_from(["", "\n "]),
    head=st.sampled_from(
        ["", '<?xml version="1.0" encoding="utf-8"?>', "<?xml version='1.0' encoding='latin-1'?>", "\ufeff"]
    ),
    root=st.sampled_from(["w", 'w xmlns="u"', 'w a="1"', 'w xmlns:x="u"']),
    times=st.integers(0, 2),
    data=st.data(),
)
def test_xml_cut_from_the_body_is_that_of_the_exact_way(
    records: list[tuple[str, ...]], space: str, head: str, root: str, times: int, data: st.DataObject
) -> None:
    rows = space.join(
        f'<r>{space}<a p="{p}" q="{q}">{text}</a>{space}<b><c>{value}</c></b></r>'
        for p, q, text, value in records
    )
    text = f"{head}<{root}>{space}{rows}{space}</w>"
    for _ in range(times):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(XML_DAMAGE) + text[at + data.draw(st.integers(0, 3)) :]
    body = text.encode()
    quick = tabulate_stencilled_xml(body)
    if quick is not None:
        same_tables(quick, tabulate([Part(body)], Layout(format="xml")))


def test_plain_xml_is_cut() -> None:
    body = b'<w xmlns="u"><v>' + b'<r><a p="1">x</a><b>y, "z"</b></r>'.replace(b'"z"', b"z") * 3 + b"</v></w>"
    quick = tabulate_stencilled_xml(body)
    assert quick is not None
    assert quick.frame.rows() == [("1", "x", "y, z")] * 3
    assert same_tables(quick, tabulate([Part(body)], Layout(format="xml")))

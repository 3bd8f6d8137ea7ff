"""Paging over real HTTP: every row arrives, or the API fails by name; nothing is cut in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from flows.api_config import ApiConfig, ResolvedSecrets
from flows.collection.api_table import collect_table
from flows.http_collector import CollectionError, HttpCollector
from flows.request_plan import plan_collections
from flows.sandbox.loopback_server import LoopbackServer
from tests.conftest import NOW

Answer = Callable[[Request], Response]


@dataclass
class PagedService:
    """A server that answers as the test says, and keeps what it was asked."""

    url: str = ""
    answer: Answer = field(default=lambda _: JSONResponse([]))
    asked: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.asked.append(dict(request.query_params))
        await self.answer(request)(scope, receive, send)


@pytest.fixture(scope="module")
def server() -> Iterator[PagedService]:
    service = PagedService()
    with LoopbackServer(service) as running:
        service.url = running.base_url
        yield service


@pytest.fixture
def service(server: PagedService) -> PagedService:
    server.asked.clear()
    return server


def collect(
    service: PagedService,
    pagination: dict[str, Any],
    column: str = "n",
    secrets: ResolvedSecrets | None = None,
    **options: Any,
) -> list[Any]:
    """The values of a column of all pages, in order."""
    entry = {"name": "paged", "url": f"{service.url}/data", "output_folder": "f", "csv_prefix": "p"}
    api = ApiConfig.model_validate({**entry, "pagination": pagination, **options})
    (collection,) = plan_collections([api], "20240101_000000", NOW)
    with HttpCollector([api], secrets or ResolvedSecrets()) as collector:
        collected = collect_table(collection, collector)
        assert collector.attempts(collection) == len(service.asked) >= len(collected.responses)
    return collected.table.frame[column].to_list() if collected.table.frame.width else []


def failure_of(service: PagedService, pagination: dict[str, Any], **options: Any) -> str:
    with pytest.raises(CollectionError) as raised:
        collect(service, pagination, **options)
    return str(raised.value)


def rows(first: int, count: int) -> list[dict[str, int]]:
    return [{"n": number} for number in range(first, first + count)]


def offsets(total: int, *, start: int = 0, cap: int = 1000) -> Answer:
    """Rows by offset, never more than `cap` at once."""

    def answer(request: Request) -> Response:
        skipped = int(request.query_params["offset"]) - start
        length = min(int(request.query_params["length"]), cap, max(total - skipped, 0))
        return JSONResponse({"response": {"total": str(total), "data": rows(skipped, length)}})

    return answer


OFFSET = {"kind": "offset", "limit": 4}
RECORDS = ["response", "data"]


@pytest.mark.parametrize("total", [0, 1, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("tells_total", [True, False])
def test_offsets_reach_the_last_row(service: PagedService, total: int, start: int, tells_total: bool) -> None:
    service.answer = offsets(total, start=start)
    pagination = {**OFFSET, "start": start, **({"total": ["response", "total"]} if tells_total else {})}
    assert collect(service, pagination, records=RECORDS) == list(range(total))
    assert [asked["offset"] for asked in service.asked] == [
        str(start + min(4 * page, total)) for page in range(len(service.asked))
    ]
    # without a total, an empty page is the sign of the end
    pages = max(-(-total // 4), 1) if tells_total else -(-total // 4) + 1
    assert len(service.asked) == pages


def test_a_service_that_gives_less_than_asked_for_is_followed_by_its_total(service: PagedService) -> None:
    service.answer = offsets(10, cap=3)
    pagination = {**OFFSET, "total": ["response", "total"]}
    assert collect(service, pagination, records=RECORDS) == list(range(10))


def test_pages_that_run_dry_before_the_total_are_a_failure(service: PagedService) -> None:
    def answer(request: Request) -> Response:
        data = rows(0, 4) if request.query_params["offset"] == "0" else []
        return JSONResponse({"total": 9, "data": data})

    service.answer = answer
    said = failure_of(service, {**OFFSET, "total": "total"}, records="data")
    assert "page 2 is empty after 4 of 9 rows" in said


def test_a_total_may_be_written_as_a_decimal(service: PagedService) -> None:
    service.answer = lambda _: Response(b'{"total": 1.0, "data": [{"n": 7}]}')
    assert collect(service, {**OFFSET, "limit": 1, "total": "total"}, records="data") == [7]


@pytest.mark.parametrize("total", [None, "many", 2.5, {"a": 1}])
def test_a_total_that_is_no_number_is_a_failure(service: PagedService, total: Any) -> None:
    service.answer = lambda _: JSONResponse({"total": total, "data": rows(0, 4)})
    said = failure_of(service, {**OFFSET, "total": "total"}, records="data")
    assert "page 1 has" in said
    assert "at total" in said


def test_a_page_that_repeats_is_a_failure_even_where_its_wrapper_differs(service: PagedService) -> None:
    service.answer = lambda _: JSONResponse({"request": len(service.asked), "data": rows(0, 4)})
    said = failure_of(service, OFFSET, records="data")
    assert "page 2 repeats page 1" in said
    assert "offset=4" in said
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    "pagination", [OFFSET, {"kind": "page", "size_param": "size", "size": 4}], ids=["offset", "page"]
)
def test_the_cap_with_more_to_come_is_a_failure(service: PagedService, pagination: dict[str, Any]) -> None:
    service.answer = lambda _: JSONResponse(rows(4 * len(service.asked), 4))
    said = failure_of(service, {**pagination, "max_pages": 3})
    assert "max_pages (3)" in said
    # whether there is more to come is known from the page after
    assert len(service.asked) == 4


def test_the_cap_that_is_just_reached_is_none(service: PagedService) -> None:
    service.answer = offsets(12)
    pagination = {**OFFSET, "total": ["response", "total"], "max_pages": 3}
    assert collect(service, pagination, records=RECORDS) == list(range(12))


@pytest.mark.parametrize("total", [0, 1, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("kind", ["size", "pages", "neither"])
def test_page_numbers_reach_the_last_row(service: PagedService, total: int, kind: str) -> None:
    def answer(request: Request) -> Response:
        page = int(request.query_params["page"]) - 1
        pages = -(-total // 4)
        return JSONResponse(
            {"_meta": {"totalPages": pages}, "data": rows(4 * page, max(min(4, total - 4 * page), 0))}
        )

    service.answer = answer
    paginations: dict[str, dict[str, Any]] = {
        "size": {"kind": "page", "size_param": "size", "size": 4},
        "pages": {"kind": "page", "total_pages": ["_meta", "totalPages"]},
        "neither": {"kind": "page"},
    }
    assert collect(service, paginations[kind], records="data") == list(range(total))
    assert ("size" in service.asked[0]) == (kind == "size")


@pytest.mark.parametrize("end", [None, "", "absent"])
def test_a_cursor_is_followed_until_there_is_none(service: PagedService, end: str | None) -> None:
    def answer(request: Request) -> Response:
        page = int(request.query_params.get("cursor", "0").removeprefix("c "))
        document: dict[str, Any] = {"data": rows(2 * page, 2), "meta": {"next": f"c {page + 1}"}}
        if page == 2:
            document["meta"] = {} if end == "absent" else {"next": end}
        return JSONResponse(document)

    service.answer = answer
    pagination = {"kind": "cursor", "cursor": ["meta", "next"]}
    assert collect(service, pagination, records="data", params={"q": "x"}) == list(range(6))
    assert [asked.get("cursor") for asked in service.asked] == [None, "c 1", "c 2"]
    assert all(asked["q"] == "x" for asked in service.asked)


def test_a_cursor_that_does_not_move_is_a_failure(service: PagedService) -> None:
    service.answer = lambda _: JSONResponse({"data": rows(len(service.asked), 1), "next": "same"})
    said = failure_of(service, {"kind": "cursor", "cursor": "next"}, records="data")
    assert "page 2 names itself" in said


@pytest.mark.parametrize("where", ["body", "header", "relative", "relative header"])
def test_next_links_are_followed_from_the_body_or_the_header(service: PagedService, where: str) -> None:
    def answer(request: Request) -> Response:
        page = int(request.query_params.get("page", "0"))
        link = f"/data?page={page + 1}"
        link = link if "relative" in where else service.url + link
        if page == 2:
            return JSONResponse({"data": rows(4, 2), "next": None})
        if "header" in where:
            return JSONResponse({"data": rows(2 * page, 2)}, headers={"Link": f'<{link}>; rel="next"'})
        return JSONResponse({"data": rows(2 * page, 2), "next": link})

    service.answer = answer
    pagination = {"kind": "next_link", **({} if "header" in where else {"link": ["next"]})}
    assert collect(service, pagination, records="data", params={"q": "x"}) == list(range(6))
    # a link is whole as it comes; parameters are not added to it again
    assert service.asked == [{"q": "x"}, {"page": "1"}, {"page": "2"}]


@pytest.mark.parametrize("rel", ['"next"', "next", '"next last"', '"Next"', '"last NEXT"'])
def test_a_link_header_may_name_several_relations_in_any_case(service: PagedService, rel: str) -> None:
    def answer(request: Request) -> Response:
        page = int(request.query_params.get("page", "0"))
        first = f'<{service.url}/data?page=0>; rel="first"'
        following = f"<{service.url}/data?page={page + 1}>; rel={rel}"
        links = f"{first}, {following}" if page < 2 else first
        return JSONResponse(rows(page, 1), headers={"Link": links})

    service.answer = answer
    assert collect(service, {"kind": "next_link"}) == [0, 1, 2]


@pytest.mark.parametrize("link", ["ftp://x/", "http://x:y/"])
def test_a_next_link_that_leads_to_no_address_is_a_failure(service: PagedService, link: str) -> None:
    service.answer = lambda _: JSONResponse({"data": rows(0, 1), "next": link})
    said = failure_of(service, {"kind": "next_link", "link": "next"}, records="data")
    assert "link" in said
    assert len(service.asked) == 1


@pytest.mark.parametrize("value", [{"href": "/data?page=2"}, [5], True])
@pytest.mark.parametrize(
    "pagination",
    [{"kind": "next_link", "link": ["links", "next"]}, {"kind": "cursor", "cursor": ["links", "next"]}],
    ids=["next_link", "cursor"],
)
def test_what_paging_cannot_go_by_is_a_failure_rather_than_the_end(
    service: PagedService, pagination: dict[str, Any], value: Any
) -> None:
    service.answer = lambda _: JSONResponse({"data": rows(0, 1), "links": {"next": value}})
    said = failure_of(service, pagination, records="data")
    assert "at links > next, where paging needs a text or a number" in said


@pytest.mark.parametrize("end", [None, "", [], {}, False])
def test_what_is_empty_is_the_end(service: PagedService, end: Any) -> None:
    service.answer = lambda _: JSONResponse({"data": rows(0, 1), "next": end})
    for pagination in ({"kind": "next_link", "link": "next"}, {"kind": "cursor", "cursor": "next"}):
        service.asked.clear()
        assert collect(service, pagination, records="data") == [0]


@pytest.mark.parametrize("total", [0, 1, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("kind", ["json", "xml"])
@pytest.mark.parametrize("tells_total", [True, False])
def test_rows_in_an_object_are_counted_as_they_are_tabulated(
    service: PagedService, total: int, kind: str, tells_total: bool
) -> None:
    def answer(request: Request) -> Response:
        skipped = int(request.query_params["offset"])
        data = rows(skipped, max(min(4, total - skipped), 0))
        if kind == "json":
            about = {"request": {"command": "/v2"}, "apiVersion": "2.1"}
            return JSONResponse({"response": {"total": str(total), "data": data}, **about})
        items = "".join(f"<rec><n>{row['n']}</n></rec>" for row in data)
        return Response(f"<response><total>{total}</total><data>{items}</data></response>")

    service.answer = answer
    pagination = {**OFFSET, **({"total": ["response", "total"]} if tells_total else {})}
    column = "response_data_n" if kind == "json" else "data_rec_n"
    if total == 0:
        # an object without its list is a row of its own, as it is without pages
        column = "response_total" if kind == "json" else "total"
        assert len(collect(service, pagination, column=column, format=kind)) == 1
    else:
        found = collect(service, pagination, column=column, format=kind)
        assert [int(number) for number in found] == list(range(total))


def test_cursors_need_no_number_of_rows(service: PagedService) -> None:
    def answer(request: Request) -> Response:
        page = int(request.query_params.get("cursor", "0"))
        items = [{"n": page}] if page < 3 else []
        return JSONResponse({"items": items, "tags": ["a"], "next": page + 1 if page < 3 else None})

    service.answer = answer
    pagination = {"kind": "cursor", "cursor": "next"}
    found = collect(service, pagination, column="items_n")
    assert found[:3] == [0, 1, 2]


def pages_of(service: PagedService, *documents: Any, kind: str = "json") -> None:
    """Let the service give these pages, one after another, and a link from each to the next."""

    def answer(_: Request) -> Response:
        number = len(service.asked)
        link = f'<{service.url}/data?after={number}>; rel="next"'
        headers = {"Link": link} if number < len(documents) else {}
        if kind == "xml":
            return Response(documents[number - 1], headers=headers)
        return JSONResponse(documents[number - 1], headers=headers)

    service.asked.clear()
    service.answer = answer


TWO_ROWS = {"kind": "offset", "limit": 2}


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ({"data": [{"n": 3, "tags": ["c"]}]}, "json"),
        ({"data": [{"n": 3, "tags": ["c"], "deep": [{"x": 1}, {"x": 2}]}]}, "json"),
        ("<data><row><n>3</n><tags>c</tags><tags>d</tags></row></data>", "xml"),
        ("<data><row><n>3</n></row></data>", "xml"),
    ],
)
def test_a_last_page_of_one_record_is_one_row_whatever_lists_it_holds(
    service: PagedService, last: Any, kind: str
) -> None:
    if kind == "json":
        first: Any = {"data": [{"n": 1, "tags": ["a"]}, {"n": 2, "tags": ["b"]}]}
    else:
        first = "<data><row><n>1</n><tags>a</tags></row><row><n>2</n><tags>b</tags></row></data>"
    pages_of(service, first, last, {"data": []} if kind == "json" else "<data/>", kind=kind)
    found = collect(service, TWO_ROWS, format=kind)
    assert list(dict.fromkeys(int(number) for number in found)) == [1, 2, 3]
    assert len(service.asked) == 3


@pytest.mark.parametrize("pagination", [{"kind": "next_link"}, {"kind": "page"}], ids=["next_link", "page"])
def test_a_record_alone_on_its_page_is_kept_though_its_own_list_is_empty(
    service: PagedService, pagination: dict[str, Any]
) -> None:
    pages_of(service, [{"n": 1, "h": [{"x": 1}]}], [{"n": 2, "h": []}], [{"n": 3, "h": [{"x": 3}]}], [])
    assert collect(service, pagination) == [1, 2, 3]


def test_a_page_that_says_something_new_is_a_row_without_its_list(service: PagedService) -> None:
    pages_of(service, {"n": 1, "a": [{"x": 1}], "of": 2}, {"n": 2, "a": [], "of": 2})
    assert collect(service, {"kind": "next_link"}) == [1, 2]


@pytest.mark.parametrize("pagination", [TWO_ROWS, {"kind": "next_link"}], ids=["offset", "next_link"])
def test_a_page_without_what_the_first_one_had_is_a_failure(
    service: PagedService, pagination: dict[str, Any]
) -> None:
    pages_of(service, {"meta": 1, "data": rows(0, 2)}, {"error": "quota exceeded", "code": 7})
    said = failure_of(service, pagination)
    assert "page 2 cannot be read: no rows at data, but what was not there: error, code" in said


WITHOUT_ROWS: dict[str, tuple[Any, Any]] = {
    "an error beside an empty list": (
        {"k": 1, "data": rows(0, 2), "error": None},
        {"k": 1, "data": [], "error": "quota"},
    ),
    "rows in another list": ({"k": 1, "data": rows(0, 2), "o": []}, {"k": 1, "data": [], "o": rows(2, 2)}),
    "a text in the list's place": ({"k": 1, "data": rows(0, 2)}, {"k": 1, "data": "rate limited"}),
    "a number in the list's place": ({"k": 1, "data": rows(0, 2)}, {"k": 1, "data": 7}),
    "after a wrapper of one key": ({"data": rows(0, 2)}, {"error": "quota"}),
    "after a bare list": (rows(0, 2), {"error": "quota", "code": 429}),
    "a list of errors": ({"k": 1, "data": rows(0, 2)}, {"errors": ["quota"]}),
}


@pytest.mark.parametrize("case", WITHOUT_ROWS)
@pytest.mark.parametrize("pagination", [TWO_ROWS, {"kind": "page"}], ids=["offset", "page"])
def test_what_stands_in_place_of_rows_does_not_pass_for_their_end(
    service: PagedService, pagination: dict[str, Any], case: str
) -> None:
    pages_of(service, *WITHOUT_ROWS[case])
    assert "page 2 cannot be read" in failure_of(service, pagination)


def test_texts_are_rows_of_xml_alone_on_the_last_page_too(service: PagedService) -> None:
    first = "<r><k>3</k><row u='1'>x</row><row>y</row></r>"
    pages_of(service, first, "<r><k>3</k><row>z</row></r>", "<r><k>3</k></r>", kind="xml")
    found = collect(service, TWO_ROWS, column="row", format="xml")
    assert found == ["x", "y", "z"]


def test_more_rows_than_were_asked_for_are_those_of_a_list_inside_a_record(service: PagedService) -> None:
    pages_of(service, "<r><row><id>1</id><i><v>1</v></i><i><v>2</v></i></row></r>", kind="xml")
    assert "2 rows, more than were asked for" in failure_of(service, {**OFFSET, "limit": 1}, format="xml")


@pytest.mark.parametrize("total", [-1, 0])
def test_a_total_that_the_rows_contradict_is_a_failure(service: PagedService, total: int) -> None:
    service.answer = lambda _: JSONResponse({"total": total, "data": rows(0, 2)})
    for options in ({"records": "data"}, {}):
        assert "at total" in failure_of(service, {**TWO_ROWS, "total": "total"}, **options)
        assert "at total" in failure_of(service, {"kind": "page", "total_pages": "total"}, **options)


def test_a_place_is_remembered_over_pages_without_it(service: PagedService) -> None:
    wrapped = {"k": 1, "data": rows(0, 2)}
    pages_of(service, wrapped, {}, {"k": 1, "data": []}, {"k": 1, "data": rows(2, 1)})
    assert collect(service, {"kind": "next_link"}, column="data_n") == [0, 1, 2]


def test_a_first_page_without_rows_is_the_end(service: PagedService) -> None:
    service.answer = lambda request: JSONResponse({"data": [], "page": request.query_params["page"]})
    collect(service, {"kind": "page"}, column="page")
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "page",
    [
        {"columns": [{"name": "a"}], "data": [[1], [2]]},
        {"values": [1, 2], "links": [{"rel": "next", "href": "/"}]},
    ],
)
def test_a_list_beside_that_of_objects_may_be_the_rows(service: PagedService, page: dict[str, Any]) -> None:
    pages_of(service, page)
    assert '"records"' in failure_of(service, TWO_ROWS)


def test_a_cursor_goes_back_as_it_came(service: PagedService) -> None:
    def answer(request: Request) -> Response:
        is_first = "cursor" not in request.query_params
        return JSONResponse({"data": rows(len(service.asked), 1), "next": " YWJj\n" if is_first else None})

    service.answer = answer
    assert collect(service, {"kind": "cursor", "cursor": "next"}, records="data") == [1, 2]
    assert service.asked[1]["cursor"] == " YWJj\n"


def test_where_the_records_are_must_be_said_when_a_page_holds_several_lists(service: PagedService) -> None:
    service.answer = lambda _: JSONResponse({"total": 9, "data": rows(0, 4), "notes": rows(0, 1)})
    said = failure_of(service, OFFSET)
    assert '"records"' in said
    service.answer = lambda _: JSONResponse({"total": 9, "more": {"data": [1, 2, 3, 4]}})
    said = failure_of(service, OFFSET)
    assert '"records"' in said


def test_pages_of_csv_and_xml_are_counted_too(service: PagedService) -> None:
    def csv(request: Request) -> Response:
        page = int(request.query_params["page"]) - 1
        lines = [str(number) for number in range(2 * page, min(2 * page + 2, 5))]
        return PlainTextResponse("\n".join(["n", *lines, ""]), media_type="text/csv")

    service.answer = csv
    by_page = {"kind": "page", "size": 2}
    assert collect(service, by_page, format="csv") == ["0", "1", "2", "3", "4"]

    def xml(request: Request) -> Response:
        skipped = int(request.query_params["offset"])
        items = "".join(f"<row><n>{number}</n></row>" for number in range(skipped, min(skipped + 2, 5)))
        return Response(f"<page><total>5</total><rows>{items}</rows></page>", media_type="application/xml")

    service.asked.clear()
    service.answer = xml
    pagination = {"kind": "offset", "limit": 2, "total": ["page", "total"]}
    found = collect(service, pagination, format="xml", records=["page", "rows", "row"])
    assert found == ["0", "1", "2", "3", "4"]


def test_an_unreadable_page_is_told_by_its_number(service: PagedService) -> None:
    service.answer = lambda _: JSONResponse(rows(0, 4)) if len(service.asked) == 1 else Response(b"{")
    said = failure_of(service, OFFSET)
    assert "page 2 cannot be read" in said


@settings(max_examples=40)
@given(
    total=st.integers(0, 40),
    limit=st.integers(1, 9),
    cap=st.integers(1, 9),
    start=st.integers(0, 1),
    tells_total=st.booleans(),
)
def test_paging_gives_all_rows_or_fails(
    server: PagedService, total: int, limit: int, cap: int, start: int, tells_total: bool
) -> None:
    server.asked.clear()
    server.answer = offsets(total, start=start, cap=cap)
    pagination = {"kind": "offset", "limit": limit, "start": start, "max_pages": 6}
    if tells_total:
        pagination["total"] = ["response", "total"]
    try:
        found = collect(server, pagination, records=RECORDS)
    except CollectionError:
        assert total > 6 * min(limit, cap) or (total == 6 * limit and not tells_total)
    else:
        assert found == list(range(total))

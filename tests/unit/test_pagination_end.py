"""Where paging ends: no row is lost, and a service is not asked for pages that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flows.api_config import ResolvedSecrets, SecretReference
from flows.sandbox.loopback_server import LoopbackServer
from tests.unit.test_pagination import PagedService, collect, failure_of, rows

BY_OFFSET = {"kind": "offset", "limit": 200}
BY_PAGE = {"kind": "page", "size_param": "per_page", "size": 200}
BY_LINK = {"kind": "next_link", "link": "next"}
BY_CURSOR = {"kind": "cursor", "cursor": "next"}


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


def page_of(number: int, total: int, size: int) -> list[dict[str, int]]:
    """The rows of a page, counted from 1."""
    first = (number - 1) * size
    return rows(first, max(min(size, total - first), 0))


def by_page_number(rows_of: Callable[[int], list[dict[str, int]]]) -> Callable[[Request], Response]:
    return lambda request: JSONResponse(rows_of(int(request.query_params["page"])))


@pytest.mark.parametrize("total", [1, 99, 100, 250, 300])
def test_a_service_that_caps_its_pages_gives_all_rows_without_a_total(
    service: PagedService, total: int
) -> None:
    def by_offset(request: Request) -> Response:
        skipped = int(request.query_params["offset"])
        return JSONResponse(rows(skipped, max(min(100, total - skipped), 0)))

    for pagination, answer in (
        (BY_OFFSET, by_offset),
        (BY_PAGE, by_page_number(lambda page: page_of(page, total, 100))),
    ):
        service.asked.clear()
        service.answer = answer
        assert collect(service, pagination) == list(range(total))
        assert len(service.asked) == -(-total // 100) + 1


def test_a_page_shorter_than_another_is_not_the_last(service: PagedService) -> None:
    # as of a service that bounds the bytes of a page
    sizes = {0: 4, 4: 1, 5: 4, 9: 2}

    def answer(request: Request) -> Response:
        skipped = int(request.query_params["offset"])
        return JSONResponse(rows(skipped, sizes.get(skipped, 0)))

    service.answer = answer
    assert collect(service, {**BY_OFFSET, "limit": 4}) == list(range(11))


@pytest.mark.parametrize("total", [5, 8, 11])
@pytest.mark.parametrize("after_the_last", ["the last page", "the first page"])
def test_a_service_that_repeats_a_page_after_its_last_has_no_more(
    service: PagedService, total: int, after_the_last: str
) -> None:
    pages = -(-total // 4)
    beyond = pages if after_the_last == "the last page" else 1
    service.answer = by_page_number(lambda page: page_of(page if page <= pages else beyond, total, 4))
    assert collect(service, {**BY_PAGE, "size": 4}) == list(range(total))
    assert len(service.asked) == pages + 1


@pytest.mark.parametrize("pagination", [BY_OFFSET, BY_PAGE, {"kind": "page"}])
def test_a_short_page_that_comes_again_at_once_is_a_failure(
    service: PagedService, pagination: dict[str, Any]
) -> None:
    # the service caps its pages and does not know the parameters
    service.answer = lambda _: JSONResponse(rows(0, 100))
    said = failure_of(service, pagination)
    assert "page 2 repeats page 1; check the names of the parameters under pagination" in said
    assert len(service.asked) == 2


@pytest.mark.parametrize("total", [0, 4, 6])
@pytest.mark.parametrize(("pagination", "parameter"), [(BY_LINK, "after"), (BY_CURSOR, "cursor")])
def test_a_next_page_that_is_always_named_is_not_asked_for_without_end(
    service: PagedService, pagination: dict[str, Any], parameter: str, total: int
) -> None:
    def answer(request: Request) -> Response:
        skipped = int(request.query_params.get(parameter, "0"))
        data = rows(skipped, max(min(2, total - skipped), 0))
        following = str(skipped + 2)
        link = f"/data?after={following}" if parameter == "after" else following
        return JSONResponse({"data": data, "next": link, "total": total})

    service.answer = answer
    assert collect(service, pagination, records="data") == list(range(total))
    assert len(service.asked) == total // 2 + 3


def test_rows_after_two_pages_without_any_are_kept(service: PagedService) -> None:
    pages = [rows(0, 2), [], [], rows(2, 2), [], [], rows(4, 1), [], [], []]
    service.answer = lambda _: JSONResponse(
        {"data": pages[len(service.asked) - 1], "next": f"/data?page={len(service.asked)}"}
    )
    assert collect(service, BY_LINK, records="data") == [0, 1, 2, 3, 4]


def test_an_empty_page_that_names_itself_is_the_end(service: PagedService) -> None:
    def answer(request: Request) -> Response:
        position = int(request.query_params.get("cursor", "0"))
        return JSONResponse({"data": rows(position, min(2, 4 - position)), "next": min(position + 2, 4)})

    service.answer = answer
    assert collect(service, BY_CURSOR, records="data") == [0, 1, 2, 3]
    assert len(service.asked) == 3


def test_cursors_that_go_in_a_circle_are_a_failure(service: PagedService) -> None:
    def answer(request: Request) -> Response:
        cursor = request.query_params.get("cursor", "a")
        following = {"a": "b", "b": "c", "c": "b"}[cursor]
        return JSONResponse({"data": rows(len(service.asked), 1), "next": following})

    service.answer = answer
    assert "page 3 names page 2 as the next page" in failure_of(service, BY_CURSOR, records="data")


def test_a_page_that_repeats_though_another_is_named_is_a_failure(service: PagedService) -> None:
    service.answer = lambda _: JSONResponse(
        {"data": rows(min(len(service.asked), 3), 1), "next": len(service.asked)}
    )
    assert "page 4 repeats page 3" in failure_of(service, BY_CURSOR, records="data")


@pytest.mark.parametrize("status", [404, 416])
@pytest.mark.parametrize(
    ("pagination", "total"),
    [({**BY_PAGE, "size": 4}, 6), ({"kind": "page"}, 8), ({**BY_OFFSET, "limit": 9}, 5)],
)
def test_a_page_that_is_not_there_after_one_that_is_not_full_is_the_end(
    service: PagedService, pagination: dict[str, Any], total: int, status: int
) -> None:
    def answer(request: Request) -> Response:
        page = int(request.query_params.get("page", "1")) - 1
        first = int(request.query_params.get("offset", 4 * page))
        data = rows(first, max(min(4, total - first), 0))
        return JSONResponse(data) if data else JSONResponse({"detail": "Invalid page."}, status)

    service.answer = answer
    assert collect(service, pagination) == list(range(total))


@pytest.mark.parametrize(("status", "total"), [(404, 8), (400, 6), (403, 6)])
def test_other_refusals_of_a_page_are_failures(service: PagedService, status: int, total: int) -> None:
    def answer(request: Request) -> Response:
        data = page_of(int(request.query_params["page"]), total, 4)
        return JSONResponse(data) if data else JSONResponse({"detail": "Invalid page."}, status)

    service.answer = answer
    assert f"HTTP {status}" in failure_of(service, {**BY_PAGE, "size": 4})


@pytest.mark.parametrize(("total", "is_more"), [(8, False), (9, True)])
def test_the_cap_is_of_pages_with_rows(service: PagedService, total: int, *, is_more: bool) -> None:
    service.answer = by_page_number(lambda page: page_of(page, total, 4))
    pagination = {**BY_PAGE, "size": 4, "max_pages": 2}
    if is_more:
        assert "more to come after 2 pages" in failure_of(service, pagination)
    else:
        assert collect(service, pagination) == list(range(total))


LINK = "/data?after=a%20b%2Bc~d,e:f/g==&sig&x=%c3%a9|'(1)"


class TestBytesOfNextLinks:
    @pytest.fixture
    def targets(self, service: PagedService) -> list[bytes]:
        """What is asked of the service, which gives `LINK` for its second page."""
        seen: list[bytes] = []

        def answer(request: Request) -> Response:
            seen.append(request.scope["raw_path"] + b"?" + request.scope["query_string"])
            return JSONResponse({"data": rows(len(seen), 1), "next": LINK if len(seen) == 1 else None})

        service.answer = answer
        return seen

    def test_they_are_sent_as_they_came(self, service: PagedService, targets: list[bytes]) -> None:
        assert collect(service, BY_LINK, records="data", params={"q": "a b"}) == [1, 2]
        assert targets == [b"/data?q=a+b", LINK.encode()]

    def test_a_link_in_the_header_too(self, service: PagedService) -> None:
        seen: list[bytes] = []

        def answer(request: Request) -> Response:
            seen.append(request.scope["raw_path"] + b"?" + request.scope["query_string"])
            headers = {"Link": f'<{service.url}{LINK}>; rel="next"'} if len(seen) == 1 else {}
            return JSONResponse(rows(len(seen), 1), headers=headers)

        service.answer = answer
        assert collect(service, {"kind": "next_link"}) == [1, 2]
        assert seen[1] == LINK.encode()

    @pytest.mark.parametrize(
        ("echoed", "sent"),
        [
            ("", LINK + "&key=s+%26+t"),
            ("&key=s%20%26%20t", LINK + "&key=s%20%26%20t"),
            ("&key=other", LINK + "&key=s+%26+t"),
        ],
    )
    def test_only_a_key_is_added(self, service: PagedService, echoed: str, sent: str) -> None:
        seen: list[bytes] = []

        def answer(request: Request) -> Response:
            seen.append(request.scope["raw_path"] + b"?" + request.scope["query_string"])
            return JSONResponse(
                {"data": rows(len(seen), 1), "next": LINK + echoed if len(seen) == 1 else None}
            )

        service.answer = answer
        secrets = ResolvedSecrets({(SecretReference(env="PAGED_KEY"), "value"): SecretStr("s & t")})
        auth = {"kind": "query", "name": "key", "value": {"env": "PAGED_KEY"}}
        assert collect(service, BY_LINK, records="data", auth=auth, secrets=secrets) == [1, 2]
        assert seen == [b"/data?key=s+%26+t", sent.encode()]

"""Whether a CSV response is complete, and a table at all, before it is tabulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.documents import DocumentError
from flows.documents.csv_checks import is_last_line_incomplete, plain_words
from flows.http_collector import CollectionError, Response
from flows.request_plan import PlannedCollection
from flows.tabulation import Finding


def check_responses(collection: PlannedCollection, responses: Sequence[Response]) -> tuple[Finding, ...]:
    """Check the CSV responses of an API; a finding for each that may not be what was asked for.

    Args:
        collection: What was asked for.
        responses: All its responses.

    Raises:
        CollectionError: A response for a window may have been cut off: it would be stored for good.
        DocumentError: A response is words, where `key_columns` are configured.
    """
    findings: list[Finding] = []
    for response in responses:
        if response.document.form == "csv" and response.body:
            findings += _findings(collection, response)
    return tuple(findings)


def _findings(collection: PlannedCollection, response: Response) -> Iterator[Finding]:
    body = response.document.readable_body(strict=False)
    key_columns = collection.api.key_columns or ()
    # lines before the header may be words
    after_preamble = body.split(b"\n", collection.api.skip_rows)[-1]
    words = plain_words(after_preamble or body, key_columns)
    if words is not None:
        what = f"plain text where CSV was expected: {words}"
        if key_columns:
            raise DocumentError(what)
        yield Finding("warning", "plain-text", what)
    elif not response.is_end_known and is_last_line_incomplete(body):
        what = "the response has no length and its last line is incomplete"
        if collection.window:
            raise CollectionError(f"{response.source_url}: {what}, as where a transfer is cut off")
        yield Finding("warning", "incomplete-line", what)

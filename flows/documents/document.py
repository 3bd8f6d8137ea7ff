"""The body of a response and what it decodes to."""

from __future__ import annotations

from typing import Any, Literal

from flows.documents.archive import archive_members, too_large
from flows.documents.charsets import to_utf8
from flows.documents.csv_document import read_csv_rows
from flows.documents.errors import DocumentError
from flows.documents.json_document import decode_json
from flows.documents.xml_document import decode_xml

DocumentFormat = Literal["json", "csv", "xml", "zip"]


class Document:
    """A body that is decoded once, when its value is first asked for.

    Conditions, paging and tabulation share it. It is used by one thread at a time.

    Args:
        body: The bytes as received, decompressed.
        form: What they are said to be.
        charset: The charset that their Content-Type names.
        skip_rows: Lines of a CSV before its header.
    """

    __slots__ = ("_members", "_value", "body", "charset", "form", "is_decoded", "skip_rows")

    def __init__(
        self, body: bytes, form: DocumentFormat = "json", charset: str | None = None, skip_rows: int = 0
    ) -> None:
        self.body = body
        self.form = form
        self.charset = charset
        self.skip_rows = skip_rows
        self.is_decoded = False
        self._value: Any = None
        self._members: tuple[Document, ...] | None = None

    def readable_body(self, *, strict: bool = True) -> bytes:
        """Return the body in UTF-8, or as it is where the format itself says in which charset it is.

        Raises:
            DocumentError: When the body is not in the charset that it is said to be in, unless `strict`
                is false, which returns it as it is.
        """
        if self.form not in {"json", "csv"}:
            return self.body
        try:
            return to_utf8(self.body, self.charset)
        except DocumentError:
            if strict:
                raise
            return self.body

    def value(self) -> Any:
        """Return the decoded body: a `JsonValue` of JSON and XML, `CsvRows` of CSV.

        Raises:
            DocumentError: When the body is not what it is said to be.
        """
        if not self.is_decoded:
            match self.form:
                case "csv":
                    self._value = read_csv_rows(self.readable_body(), self.skip_rows)
                case "xml":
                    self._value = decode_xml(self.body)
                case _:
                    self._value = decode_json(self.readable_body())
            self.is_decoded = True
        return self._value

    def members(self, max_bytes: int) -> tuple[Document, ...]:
        """Return the documents of a ZIP archive.

        Args:
            max_bytes: The most that they may have together, unpacked.

        Raises:
            DocumentError: As `archive_members` does.
        """
        if self._members is None:
            self._members = tuple(
                Document(member.body, member.format, skip_rows=self.skip_rows)
                for member in archive_members(self.body, max_bytes)
            )
        if sum(len(member.body) for member in self._members) > max_bytes:
            raise too_large(max_bytes)
        return self._members

    def forget(self) -> None:
        """Free the decoded value and members; the body stays."""
        self._value, self._members, self.is_decoded = None, None, False

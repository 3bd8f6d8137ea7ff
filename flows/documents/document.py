"""The body of a response and what it decodes to."""

from __future__ import annotations

from typing import Any

from flows.documents.archive import read_archive, too_large
from flows.documents.body_format import DocumentFormat, actual_format
from flows.documents.charsets import to_utf8
from flows.documents.csv_document import read_csv_rows
from flows.documents.errors import DocumentError, show_name
from flows.documents.json_document import decode_json
from flows.documents.xml_document import decode_xml


class Document:
    """A body that is decoded once, when its value is first asked for.

    Conditions, paging and tabulation share it. It is used by one thread at a time.

    Args:
        body: The bytes as received, decompressed.
        form: What they are said to be.
        charset: The charset that their Content-Type names.
        skip_rows: Lines of a CSV before its header.
        name: The name of a member of an archive; "" for a response.

    Attributes:
        form: What the body holds: `zip` for archives and gzip files whatever `form` said, and a text format
            where `form` said `zip` and the body is none.
    """

    __slots__ = (
        "_left_out",
        "_members",
        "_value",
        "body",
        "charset",
        "form",
        "is_decoded",
        "name",
        "skip_rows",
    )

    def __init__(
        self,
        body: bytes,
        form: DocumentFormat = "json",
        charset: str | None = None,
        skip_rows: int = 0,
        name: str = "",
    ) -> None:
        self.body = body
        self.form = actual_format(body, form)
        self.name = name
        self.charset = charset
        self.skip_rows = skip_rows
        self.is_decoded = False
        self._value: Any = None
        self._members: tuple[Document, ...] | None = None
        self._left_out: tuple[str, ...] = ()

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
            try:
                self._value = self._decoded()
            except DocumentError as error:
                if self.name:
                    raise DocumentError(f"{show_name(self.name)}: {error.reason}") from None
                raise
            self.is_decoded = True
        return self._value

    def _decoded(self) -> Any:
        match self.form:
            case "csv":
                return read_csv_rows(self.readable_body(), self.skip_rows)
            case "xml":
                return decode_xml(self.body)
            case _:
                return decode_json(self.readable_body())

    def members(self, max_bytes: int) -> tuple[Document, ...]:
        """Return the documents of an archive; of any other document, itself.

        Args:
            max_bytes: The most that they may have together, unpacked.

        Raises:
            DocumentError: As `read_archive` does.
        """
        if self.form != "zip":
            return (self,)
        if self._members is None:
            archive = read_archive(self.body, max_bytes)
            self._left_out = archive.left_out
            self._members = tuple(
                Document(member.body, member.format, skip_rows=self.skip_rows, name=member.name)
                for member in archive.members
            )
        if sum(len(member.body) for member in self._members) > max_bytes:
            raise too_large(max_bytes)
        return self._members

    @property
    def left_out(self) -> tuple[str, ...]:
        """The names of the files of an archive that are not read, once `members` was called."""
        return self._left_out

    def forget(self) -> None:
        """Free the decoded value and members; the body stays."""
        self._value, self._members, self.is_decoded = None, None, False

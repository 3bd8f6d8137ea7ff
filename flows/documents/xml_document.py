"""XML bytes to the values that the same data has as JSON, by the rules of the ISO's service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from flows.documents.errors import DocumentError, is_html, show_head
from flows.documents.gc_pause import gc_paused
from flows.documents.json_document import MAX_DEPTH

if TYPE_CHECKING:
    from flows.documents.json_document import JsonValue

# ElementTree writes a name in a namespace as `{namespace}name`
_END_OF_NAMESPACE = "}"


def decode_xml(body: bytes) -> JsonValue:
    """Decode a document to `{root: …}`; an empty body is `None`.

    Names lose their namespaces. An attribute `x` is `"@x"`. An element with text alone is that text as
    written, or `""` where it is white space with a line break. The text of an element with attributes or
    children is `"$"`. Siblings of one name are a list. Every value is a `str`.

    Raises:
        DocumentError: For anything that is not XML (with line and column), a document type definition
            (its entities could grow without bound), and nesting deeper than `MAX_DEPTH`.
    """
    if not body.strip():
        return None
    try:
        with gc_paused():
            root = ET.fromstring(body, ET.XMLParser(target=_TreeBuilder()))  # noqa: S314 - it refuses DTDs
            return {_local_name(root.tag): _value_of(root, 1)}
    except ET.ParseError as error:
        raise DocumentError(_describe(body, error)) from None
    except _DocumentTypeError:
        raise DocumentError(_describe_document_type(body)) from None
    except DocumentError:
        raise
    except (LookupError, ValueError) as error:
        raise DocumentError(f"XML in an encoding that cannot be read: {error}") from None


class _DocumentTypeError(Exception):
    """The document has a document type definition."""


class _TreeBuilder(ET.TreeBuilder):
    def doctype(self, *_: object) -> NoReturn:
        """Refuse a document type definition before its entities are declared."""
        raise _DocumentTypeError


def _value_of(element: ET.Element, depth: int) -> Any:
    # a leaf is read by its parent, without a call for each
    if depth + bool(len(element)) > MAX_DEPTH:
        raise DocumentError(f"XML nested deeper than {MAX_DEPTH} levels")
    # `keys` and `items` rather than `attrib`, which would create a dictionary for every element
    if not len(element) and not element.keys():
        return _value_of_text(element.text)
    fields = _attribute_fields(element)
    text = element.text or ""
    for child in element:
        is_leaf = not (len(child) or child.keys())
        value = _value_of_text(child.text) if is_leaf else _value_of(child, depth + 1)
        tag = child.tag
        name = _local_name(tag) if _END_OF_NAMESPACE in tag else tag
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
        if child.tail:
            text += child.tail
    if text and not text.isspace():
        fields["$"] = text.strip() if len(element) else text
    return fields


def _value_of_text(text: str | None) -> str:
    if not text:
        return ""
    # the indentation of an element without content
    return "" if text.isspace() and "\n" in text else text


def _attribute_fields(element: ET.Element) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, text in element.items():
        name = f"@{_local_name(key)}" if _END_OF_NAMESPACE in key else f"@{key}"
        # of two attributes with one name, the second keeps its namespace
        if name in fields:
            name = "@" + key.removeprefix("{").replace(_END_OF_NAMESPACE, ":")
        fields[name] = text
    return fields


def _local_name(tag: str) -> str:
    return tag.rpartition(_END_OF_NAMESPACE)[2]


def _describe(body: bytes, error: ET.ParseError) -> str:
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start != b"<" and b"\x00" not in body[:4]:
        kind = "JSON" if start in {b"{", b"["} else "text"
        return f"{kind} where XML was expected: {show_head(body)}"
    line, column = error.position
    cause = expat.ErrorString(error.code)
    # expat counts columns from 0
    return f"invalid XML at line {line} column {column + 1}: {cause}; the body begins: {show_head(body)}"


def _describe_document_type(body: bytes) -> str:
    if is_html(body[:2000].decode("latin-1")):
        return f"HTML where XML was expected: {show_head(body)}"
    return f"XML with a document type definition, which is not read: {show_head(body)}"

"""XML bytes to the tree that the same data has as JSON, after the rules of the ISO's service."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from flows.documents.errors import DocumentError
from flows.documents.json_document import MAX_DEPTH, body_head

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.documents.json_document import JsonValue

# as ElementTree has it, between a namespace and a name
_SEPARATOR = "}"
_HEAD_BYTES = 2000


@dataclass(slots=True)
class _Element:
    name: str
    fields: dict[str, Any]
    text: list[str] = field(default_factory=list)
    has_children: bool = False

    def value(self) -> Any:
        text = "".join(self.text)
        if not self.fields:
            return _value_of_text(text)
        if text.strip():
            self.fields["$"] = text.strip() if self.has_children else text
        return self.fields


def decode_xml(body: bytes) -> JsonValue:
    """Decode a document: `{root: …}`; an empty body is `None`.

    Names lose their namespaces. An attribute `x` is `"@x"`; an element with text alone is that text,
    exactly as written, but for white space of several lines alone, which is `""`; the text of one with
    attributes or children is `"$"`; siblings of one name are a list. Every value is text.

    Raises:
        DocumentError: For anything that is not XML (with line and column), a document type definition
            (which could hold entities that grow without bound), and nesting deeper than `MAX_DEPTH`.
    """
    if not body.strip():
        return None
    if b"<!DOCTYPE" not in body and b"\x00" not in body[:4]:
        # the same tree, made in C; it would read a document type too, so that is left to the other way
        with contextlib.suppress(ET.ParseError, LookupError, ValueError):
            root = ET.fromstring(body)  # noqa: S314 - without a document type there are no entities
            return {_local_name(root.tag): _value_of(root, 1)}
    return _decode_carefully(body)


def _value_of(element: ET.Element, depth: int) -> Any:
    # leaves are read by the element that holds them
    if depth + bool(len(element)) > MAX_DEPTH:
        raise _TooDeepError
    # `keys` rather than `attrib`, which would make a dictionary for every element
    if not len(element) and not element.keys():
        return _value_of_text(element.text)
    fields = _attribute_fields(element.attrib)
    texts = [element.text]
    for child in element:
        # most elements are leaves, which are spared a call
        is_leaf = not (len(child) or child.keys())
        value = _value_of_text(child.text) if is_leaf else _value_of(child, depth + 1)
        tag = child.tag
        name = _local_name(tag) if _SEPARATOR in tag else tag
        if name in fields:
            _add_child(fields, name, value)
        else:
            fields[name] = value
        if child.tail:
            texts.append(child.tail)
    text = "".join(filter(None, texts))
    if text.strip():
        fields["$"] = text.strip() if len(element) else text
    return fields


def _value_of_text(text: str | None) -> str:
    if not text:
        return ""
    # how an element that holds nothing is indented
    return "" if text.isspace() and "\n" in text else text


def _attribute_fields(attributes: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, text in attributes.items():
        name = f"@{_local_name(key)}"
        # of two namespaces' attributes of one name, the second keeps its namespace
        whole = key.removeprefix("{").replace(_SEPARATOR, ":")
        fields[f"@{whole}" if name in fields else name] = text
    return fields


def _add_child(fields: dict[str, Any], name: str, value: Any) -> None:
    """Put a child beside the others; where one of its name is there, they become a list."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def _local_name(tag: str) -> str:
    return tag.rpartition(_SEPARATOR)[2]


def _decode_carefully(body: bytes) -> JsonValue:
    """Decode with every mistake told by its place, and nothing declared by the document obeyed."""
    builder = _TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise DocumentError(_describe(body, error)) from None
    except _DocumentTypeError:
        raise DocumentError(_describe_document_type(body)) from None
    except (LookupError, UnicodeDecodeError) as error:
        raise DocumentError(f"XML in an encoding that cannot be read: {error}") from None
    return builder.document


class _TooDeepError(ValueError):
    """More levels than a document may have; the careful way says so."""


class _DocumentTypeError(Exception):
    """The document declares its own type."""


class _TreeBuilder:
    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self._open: list[_Element] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise DocumentError(f"XML nested deeper than {MAX_DEPTH} levels")
        self._open.append(_Element(_local_name(name), _attribute_fields(attributes)))

    def end(self, _name: str) -> None:
        element = self._open.pop()
        if self._open:
            self._open[-1].has_children = True
            _add_child(self._open[-1].fields, element.name, element.value())
        else:
            self.document[element.name] = element.value()

    def characters(self, text: str) -> None:
        self._open[-1].text.append(text)


def _refuse_document_type(*_: object) -> None:
    raise _DocumentTypeError


def _describe(body: bytes, error: expat.ExpatError) -> str:
    head = body_head(body[:_HEAD_BYTES].decode("utf-8", "replace"))
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start != b"<" and b"\x00" not in body[:4]:
        kind = "JSON" if start in {b"{", b"["} else "text"
        return f"{kind} where XML was expected: {head}"
    # expat counts columns from 0
    where = f"line {error.lineno} column {error.offset + 1}"
    return f"invalid XML at {where}: {expat.ErrorString(error.code)}; the body begins: {head}"


def _describe_document_type(body: bytes) -> str:
    head = body_head(body[:_HEAD_BYTES].decode("utf-8", "replace"))
    if b"<html" in body[:_HEAD_BYTES].lower() or b"<!doctype html" in body[:_HEAD_BYTES].lower():
        return f"HTML where XML was expected: {head}"
    return f"XML with a document type definition, which is not read: {head}"

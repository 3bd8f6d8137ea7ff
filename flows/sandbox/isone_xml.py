"""The XML form of a JSON document, as the ISO maps one to the other: `@x` are attributes, `$` is text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any


def as_xml(document: dict[str, Any]) -> bytes:
    """A document with one top-level key as XML."""
    ((name, content),) = document.items()
    root = ET.Element(name)
    _fill(root, content)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _fill(element: ET.Element, content: Any) -> None:
    if not isinstance(content, dict):
        element.text = str(content)
        return
    for key, value in content.items():
        if key == "$":
            element.text = str(value)
        elif key.startswith("@"):
            element.set(key[1:], str(value))
        else:
            for item in value if isinstance(value, list) else [value]:
                _fill(ET.SubElement(element, key), item)

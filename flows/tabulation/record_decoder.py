"""Typed decoders made for the shape of records, and what takes the values out of what they decode."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from flows.tabulation.record_shapes import Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from flows.tabulation.record_paths import Path
    from flows.tabulation.record_shapes import Leaves, Shape

Extractor: TypeAlias = "Callable[[list[Any]], tuple[list[Any], ...]]"
"""Takes decoded records and gives the values of each leaf of their shape; a kept list is `msgspec.Raw`."""

_TypedLeaf: TypeAlias = "tuple[Path, Any, bool]"
"""A leaf's path, the type to decode it to, and whether it may be missing."""


@dataclass(frozen=True, slots=True)
class RecordDecoder:
    """What decodes records of one shape, and what takes their values out of them."""

    document: msgspec.json.Decoder[Any]
    values_of_leaves: Extractor
    values_of_items: Extractor
    """Of the items of the exploded list."""


@functools.lru_cache(maxsize=32)
def decoder_for(wrappers: tuple[str, ...], shape: Shape) -> RecordDecoder:
    """Make a decoder that refuses missing, further and differently typed fields, wrappers included."""
    attributes: list[tuple[str, ...]] = []
    attributes_of_items: list[tuple[str, ...]] = []
    leaves = list(_typed(shape.leaves))
    if shape.exploded is not None:
        items: Any = list[_struct_for(_typed(shape.items), attributes_of_items, ())]  # type: ignore[misc]
        leaves = [
            (path, items if path == shape.exploded else kind, is_optional)
            for path, kind, is_optional in leaves
        ]
    document: Any = list[_struct_for(leaves, attributes, ())]  # type: ignore[misc]  # made at run time
    for key in reversed(wrappers):
        document = _define_struct({key: document})
    return RecordDecoder(
        msgspec.json.Decoder(document), _extractor(attributes), _extractor(attributes_of_items)
    )


def _typed(leaves: Leaves) -> Iterable[_TypedLeaf]:
    for path, kinds in leaves:
        types = [_FIELD_TYPES.get(kind, kind) for kind in kinds - {Missing}]
        yield path, functools.reduce(operator.or_, types), Missing in kinds


# a column that begins with integers may go on with decimals
_FIELD_TYPES: dict[type, Any] = {int: int | float, NoneType: None, list: msgspec.Raw}


def _struct_for(
    leaves: Iterable[_TypedLeaf], attributes: list[tuple[str, ...]], above: tuple[str, ...]
) -> Any:
    groups: dict[str, list[_TypedLeaf]] = {}
    for path, kind, is_optional in leaves:
        groups.setdefault(path[0], []).append((path[1:], kind, is_optional))
    fields: dict[str, Any] = {}
    optional: set[str] = set()
    for number, (key, group) in enumerate(groups.items()):
        attribute = (*above, f"f{number}")
        rest, kind, is_optional = group[0]
        if rest:
            fields[key] = _struct_for(group, attributes, attribute)
            continue
        attributes.append(attribute)
        fields[key] = kind
        if is_optional:
            optional.add(key)
    return _define_struct(fields, optional)


def _define_struct(fields: dict[str, Any], optional: Collection[str] = ()) -> Any:
    return msgspec.defstruct(
        "UniformFields",
        [
            (f"f{number}", kind, None) if key in optional else (f"f{number}", kind)
            for number, (key, kind) in enumerate(fields.items())
        ],
        rename={f"f{number}": key for number, key in enumerate(fields)},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def _extractor(attributes: list[tuple[str, ...]]) -> Extractor:
    """Write the function that takes the leaves' values out of records, one list for each.

    As source, since it is half of the work: a list written out takes half as long as one made by
    `getattr`. The names in it are our own.
    """
    lines = ["def values_of_leaves(records):"]
    variables: dict[tuple[str, ...], str] = {(): "records"}

    def variable(attribute: tuple[str, ...]) -> str:
        if attribute not in variables:
            above = variable(attribute[:-1])
            variables[attribute] = "_".join(attribute)
            lines.append(f"    {variables[attribute]} = [item.{attribute[-1]} for item in {above}]")
        return variables[attribute]

    results = "".join(f"{variable(attribute)}, " for attribute in attributes)
    lines.append(f"    return ({results})")
    namespace: dict[str, Extractor] = {}
    exec("\n".join(lines), {}, namespace)  # noqa: S102 - nothing of the payload is in it
    return namespace["values_of_leaves"]

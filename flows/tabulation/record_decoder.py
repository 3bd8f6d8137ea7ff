"""Typed decoders made for the shape of records, and what takes the values out of what they decode."""

from __future__ import annotations

import functools
import operator
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flows.tabulation.record_paths import Path


class Missing:
    """The type of a value that some record may not have, in the shape."""


Shape: TypeAlias = "tuple[tuple[Path, frozenset[type]], ...]"
"""The leaves of a record in order, each with the types of its values in the first records.

A number's type is `float` where one of them has a fraction or an exponent, else `int`.
"""

Extractor: TypeAlias = "Callable[[list[Any]], tuple[list[Any], ...]]"
"""Takes decoded records and gives the values of each leaf of their shape."""


@functools.lru_cache(maxsize=32)
def decoder_for(wrappers: tuple[str, ...], shape: Shape) -> tuple[msgspec.json.Decoder[Any], Extractor]:
    """Make a decoder that refuses missing, further and differently typed fields, wrappers included."""
    attributes: list[tuple[str, ...]] = []
    record = _struct_for([(path, kinds) for path, kinds in shape], attributes, ())
    document: Any = list[record]  # type: ignore[valid-type]  # made at run time
    for key in reversed(wrappers):
        document = _define_struct({key: document})
    return msgspec.json.Decoder(document), _extractor(attributes)


def _struct_for(
    leaves: list[tuple[Path, frozenset[type]]], attributes: list[tuple[str, ...]], above: tuple[str, ...]
) -> Any:
    groups: dict[str, list[tuple[Path, frozenset[type]]]] = {}
    for path, kinds in leaves:
        groups.setdefault(path[0], []).append((path[1:], kinds))
    fields: dict[str, Any] = {}
    optional: set[str] = set()
    for number, (key, group) in enumerate(groups.items()):
        attribute = (*above, f"f{number}")
        rest, kinds = group[0]
        if rest:
            fields[key] = _struct_for(group, attributes, attribute)
            continue
        attributes.append(attribute)
        # a column that begins with integers may go on with decimals
        types = [
            int | float if kind is int else None if kind is NoneType else kind for kind in kinds - {Missing}
        ]
        fields[key] = functools.reduce(operator.or_, types)
        if Missing in kinds:
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

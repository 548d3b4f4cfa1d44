"""How large a document is, with every fragment spread out: what some of the rules of validation take time for.

Twenty fragments that each use the next one twice would keep those busy for hours, so this is measured first, and each
fragment only once.
"""

from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableDefinitionNode,
)

INTROSPECTION: Final = {"__schema", "__type"}


class Extent(NamedTuple):
    """The size of a part of a document; infinite where a fragment uses itself."""

    selections: float = 0  # fields and uses of fragments
    width: float = 0  # fields beside each other
    depth: float = 0  # fields below each other; of introspection only the first, validation limits the rest
    aliases: float = 0
    directives: float = 0
    crowd: float = 0  # directives in one place, at most
    introspections: float = 0


NOTHING: Final = Extent()
ENDLESS: Final = Extent(inf, inf, inf, inf, inf, inf, inf)


def measure(document: DocumentNode) -> list[Extent]:
    """Return the extent of each operation and fragment; a fragment has width and depth only where it is used."""
    definitions = [one for one in document.definitions if isinstance(one, ExecutableDefinitionNode)]
    ruler = _Ruler({one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)})
    try:
        extents = [(one, ruler.measure(one)) for one in definitions]
    except RecursionError:  # each fragment could be parsed, but they are too deep within each other
        return [ENDLESS]
    return [
        extent if isinstance(one, OperationDefinitionNode) else extent._replace(width=0, depth=0)
        for one, extent in extents
    ]


class _Ruler:
    """Measures parts of one document."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._measured: dict[str, Extent] = {}

    def measure(self, node: ExecutableDefinitionNode) -> Extent:
        extent = self._measure_set(node.selection_set)
        for variable in node.variable_definitions or ():
            extent = _with_directives(extent, variable)
        return _with_directives(extent, node)

    def _measure_set(self, node: SelectionSetNode | None) -> Extent:
        return _side_by_side(map(self._measure_one, node.selections)) if node else NOTHING

    def _measure_one(self, node: SelectionNode) -> Extent:
        if isinstance(node, FragmentSpreadNode):
            within = self._measure_fragment(node.name.value)
        else:
            within = self._measure_set(getattr(node, "selection_set", None))
        if isinstance(node, FieldNode):
            introspects = node.name.value in INTROSPECTION
            within = within._replace(
                width=1,
                depth=1 if introspects else within.depth + 1,
                aliases=within.aliases + (node.alias is not None),
                introspections=within.introspections + introspects,
            )
        return _with_directives(within._replace(selections=within.selections + 1), node)

    def _measure_fragment(self, name: str) -> Extent:
        if name not in self._measured:
            self._measured[name] = ENDLESS  # for a fragment that uses itself
            fragment = self._fragments.get(name)
            self._measured[name] = self.measure(fragment) if fragment else NOTHING
        return self._measured[name]


def _side_by_side(parts: Iterable[Extent]) -> Extent:
    selections, widths, depths, aliases, directives, crowds, introspections = zip(NOTHING, *parts, strict=True)
    return Extent(
        sum(selections), sum(widths), max(depths), sum(aliases), sum(directives), max(crowds), sum(introspections)
    )


def _with_directives(
    extent: Extent, place: ExecutableDefinitionNode | SelectionNode | VariableDefinitionNode
) -> Extent:
    if not (count := len(place.directives or ())):
        return extent
    return extent._replace(directives=extent.directives + count, crowd=max(extent.crowd, count))

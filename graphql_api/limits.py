"""How much a document may ask for, and the work that is saved by having seen it before."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    specified_rules,
)
from graphql.validation import ASTValidationRule
from graphql.validation.specified_rules import recommended_rules
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from graphql_api.cost import Price, price
from graphql_api.extent import measure
from sms.errors import ErrorCode

LONGEST_DOCUMENT: Final = 64 * 1024  # characters; a document is kept, and read letter by letter
MOST_TOKENS: Final = 1000
MOST_ITEMS: Final = 2000  # of a list in the variables: each is looked at before the list gets to its own limit
REMEMBERED: Final = 256  # documents; clients that use variables have a handful

MOST_SELECTIONS: Final = 500  # the introspection of GraphiQL has 240
WIDEST: Final = 20  # fields at the root: each may be a commit, or a query of its own
DEEPEST: Final = 10
MOST_ALIASES: Final = 15
MOST_DIRECTIVES: Final = 50
MOST_DIRECTIVES_IN_ONE_PLACE: Final = 4  # there are two that can be used, each once

# What each operation and fragment may have, all fragments spread out: names of `Extent`.
EXTENTS: Final = {
    "selections": (MOST_SELECTIONS, "fields"),
    "width": (WIDEST, "fields at its root"),
    "depth": (DEEPEST, "fields in depth"),
    "aliases": (MOST_ALIASES, "aliases"),
    "directives": (MOST_DIRECTIVES, "directives"),
    "crowd": (MOST_DIRECTIVES_IN_ONE_PLACE, "directives in one place"),
}

RULES: Final[tuple[type[ASTValidationRule], ...]] = (*specified_rules, *recommended_rules)


def has_longer_list(value: object, *, than: int) -> bool:
    """Whether there is a list of more items, at any depth of objects.

    Lists within lists are not looked at: no input has them, so they are refused as soon as they are met.
    """
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list) and len(one) > than:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document, parsed, and what is known of it: what is wrong with it, or what its operations cost."""

    document: DocumentNode
    errors: list[GraphQLError]
    prices: dict[str | None, Price]
    is_ambiguous: bool  # it has several operations
    introspects: bool


def prepare(schema: GraphQLSchema, query: str) -> Prepared:
    """Parse and check a document, or remember it. Raises GraphQLError if it cannot be parsed."""
    return _kept.get((schema, query)) or _prepare(schema, query)


def keep(schema: GraphQLSchema, documents: Iterable[str]) -> None:
    """Have these documents prepared, and never forget them; those of the last call are forgotten.

    Raises GraphQLError if one cannot be parsed.
    """
    prepared = {(schema, one): _prepare(schema, one) for one in documents}
    _kept.clear()
    _kept.update(prepared)


_kept: dict[tuple[GraphQLSchema, str], Prepared] = {}


@lru_cache(REMEMBERED)
def _prepare(schema: GraphQLSchema, query: str) -> Prepared:
    document = parse(query, max_tokens=MOST_TOKENS)
    extents = measure(document)
    for name, (most, what) in EXTENTS.items():
        if any(getattr(extent, name) > most for extent in extents):
            errors = [GraphQLError(f"The document has more than {most} {what}, its fragments spread out.")]
            break
    else:
        errors = validate_document(schema, document, RULES)
    operations = sum(isinstance(definition, OperationDefinitionNode) for definition in document.definitions)
    return Prepared(
        document,
        errors,
        prices={} if errors else price(schema, document),
        is_ambiguous=operations > 1,
        introspects=any(extent.introspections for extent in extents),
    )


def check(
    prepared: Prepared, name: str | None, variables: dict[str, Any]
) -> tuple[list[GraphQLError], dict[str, int] | None]:
    """Return what is wrong with a request for an operation, and what it costs if that is told: it is executed once."""
    if prepared.introspects and not settings.SMS_GRAPHQL_INTROSPECTION:
        detail = "This service does not show its schema; what you know of it can be used all the same."
        return [_refused(ErrorCode.INTROSPECTION_DISABLED, detail)], None
    if prepared.is_ambiguous and name is None:
        detail = "The document has several operations; say which one in operationName."
        return [*prepared.errors, GraphQLError(detail)], None
    if (found := prepared.prices.get(name)) is None:
        return prepared.errors, None
    cost, limit = found.cost.of(variables), settings.SMS_GRAPHQL_COST_LIMIT
    if cost > limit:
        detail = f"The operation costs {cost:,}, and the limit is {limit:,}; ask for less, or in several requests."
        return [_refused(ErrorCode.COST_EXCEEDED, detail, cost={"requested": cost, "limit": limit})], None
    return prepared.errors, None if found.is_subscription else {"requested": cost, "limit": limit}


class Limits(SchemaExtension):
    """Parses and validates each document once, within the limits, where Strawberry itself runs the operation."""

    _cost: dict[str, int] | None = None

    def on_parse(self) -> Iterator[None]:
        """Fill in the document, and its errors where it has some."""
        context = self.execution_context
        context.parse_options["max_tokens"] = MOST_TOKENS
        try:
            prepared = prepare(context.schema._schema, context.query or "")  # noqa: SLF001
        except GraphQLError:
            pass  # the schema parses it once more, and says what is wrong in its own way
        else:
            context.graphql_document = prepared.document
            name = context._provided_operation_name  # noqa: SLF001
            context.pre_execution_errors, self._cost = check(prepared, name, context.variables or {})
        yield

    def get_results(self) -> dict[str, Any]:
        """Return the `extensions` of the answer."""
        return {"cost": self._cost} if self._cost else {}


def _refused(code: ErrorCode, detail: str, **more: object) -> GraphQLError:
    return GraphQLError(detail, extensions={"code": code, **more})

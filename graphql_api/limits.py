"""How much a document may ask for, and the work that is saved by having seen it before."""

from collections.abc import Iterator
from functools import lru_cache
from math import inf
from typing import Final

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    parse,
    specified_rules,
)
from graphql.validation import ASTValidationRule
from graphql.validation.specified_rules import recommended_rules
from strawberry.extensions import MaxAliasesLimiter, QueryDepthLimiter, SchemaExtension
from strawberry.schema.schema import validate_document

DEEPEST: Final = 10
MOST_ALIASES: Final = 15
LONGEST_DOCUMENT: Final = 64 * 1024  # characters; a document is kept, and read letter by letter
MOST_TOKENS: Final = 1000
MOST_ITEMS: Final = 2000  # of a list in the variables: each is looked at before the list gets to its own limit
MOST_SELECTIONS: Final = 500  # with every fragment spread out; the introspection of GraphiQL has 240
REMEMBERED: Final = 256  # documents; clients that use variables have a handful

# Built once: each limiter makes a rule class of its own.
RULES: Final[tuple[type[ASTValidationRule], ...]] = (
    *specified_rules,
    *recommended_rules,
    *QueryDepthLimiter(DEEPEST).validation_rules,
    *MaxAliasesLimiter(MOST_ALIASES).validation_rules,
)


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


@lru_cache(REMEMBERED)
def prepare(schema: GraphQLSchema, query: str) -> tuple[DocumentNode, list[GraphQLError], bool]:
    """Return a parsed document, what is wrong with it, and whether it has several operations.

    Raises GraphQLError if it cannot be parsed.
    """
    document = parse(query, max_tokens=MOST_TOKENS)
    operations = sum(isinstance(definition, OperationDefinitionNode) for definition in document.definitions)
    if count_selections(document) > MOST_SELECTIONS:
        errors = [GraphQLError(f"The document asks for more than {MOST_SELECTIONS} fields, its fragments spread out.")]
    else:
        errors = validate_document(schema, document, RULES)
    return document, errors, operations > 1


def count_selections(document: DocumentNode) -> float:
    """Return how many selections the largest definition has with every fragment spread out; infinite in a circle.

    Some of the rules do spread them out. Twenty fragments that each use the next one twice would keep those busy for
    hours, so this is counted first, and each fragment only once.
    """
    definitions = [one for one in document.definitions if isinstance(one, ExecutableDefinitionNode)]
    fragments = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}
    counted: dict[str, float] = {}

    def count(selections: SelectionSetNode | None) -> float:
        return sum(map(count_one, selections.selections)) if selections else 0

    def count_one(selection: SelectionNode) -> float:
        if isinstance(selection, FragmentSpreadNode):
            return 1 + count_fragment(selection.name.value)
        return 1 + count(getattr(selection, "selection_set", None))

    def count_fragment(name: str) -> float:
        if name not in counted:
            counted[name] = inf  # for a fragment that uses itself
            counted[name] = count(fragments[name].selection_set) if name in fragments else 0
        return counted[name]

    return max((count(one.selection_set) for one in definitions), default=0)


class Limits(SchemaExtension):
    """Parses and validates each document once, within the limits.

    One hook instead of Strawberry's five extensions, which would cost a third of a cached request.
    """

    def on_parse(self) -> Iterator[None]:
        """Fill in the document, and its errors where it has some."""
        context = self.execution_context
        context.parse_options["max_tokens"] = MOST_TOKENS
        try:
            document, errors, is_ambiguous = prepare(context.schema._schema, context.query)  # noqa: SLF001
        except GraphQLError:
            pass  # the schema parses it once more, and says what is wrong in its own way
        else:
            if is_ambiguous and context._provided_operation_name is None:  # noqa: SLF001
                errors = [*errors, GraphQLError("The document has several operations; say which one in operationName.")]
            context.graphql_document, context.pre_execution_errors = document, errors
        yield

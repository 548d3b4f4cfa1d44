"""How much a document may ask for, and the work that is saved by having seen it before."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, parse, specified_rules
from graphql.validation import ASTValidationRule
from graphql.validation.specified_rules import recommended_rules
from strawberry.extensions import MaxAliasesLimiter, QueryDepthLimiter, SchemaExtension
from strawberry.schema.schema import validate_document

DEEPEST: Final = 10
MOST_ALIASES: Final = 15
MOST_TOKENS: Final = 1000
REMEMBERED: Final = 256  # documents; clients that use variables have a handful

# Built once: each limiter makes a rule class of its own.
RULES: Final[tuple[type[ASTValidationRule], ...]] = (
    *specified_rules,
    *recommended_rules,
    *QueryDepthLimiter(DEEPEST).validation_rules,
    *MaxAliasesLimiter(MOST_ALIASES).validation_rules,
)


@lru_cache(REMEMBERED)
def prepare(schema: GraphQLSchema, query: str) -> tuple[DocumentNode, list[GraphQLError], bool]:
    """Return a parsed document, what is wrong with it, and whether it has several operations.

    Raises GraphQLError if it cannot be parsed.
    """
    document = parse(query, max_tokens=MOST_TOKENS)
    operations = sum(isinstance(definition, OperationDefinitionNode) for definition in document.definitions)
    return document, validate_document(schema, document, RULES), operations > 1


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

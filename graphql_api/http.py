"""GraphQL over HTTP: Strawberry's ASGI view, made to keep to the specification of that name and to our limits."""

from http import HTTPStatus
from typing import Any, Final

import orjson
from graphql import GraphQLError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLRequestData
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from edge import bodies, problems
from edge.callers import caller_of
from graphql_api import trusted
from graphql_api.context import Context, RequestContext
from graphql_api.errors import log_incident, refusal_behind, was_executed
from graphql_api.limits import LONGEST_DOCUMENT, MOST_ITEMS, has_longer_list
from sms.errors import ErrorCode, SmsError

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
REFUSAL_HEADERS: Final = {"retry-after", "www-authenticate"}
ALLOWED: Final = {"GET": {OperationType.QUERY}, "POST": {OperationType.QUERY, OperationType.MUTATION}}


class GraphQLView(GraphQL[Context, None]):
    """Answers queries and mutations. Whatever goes wrong, the answer is a GraphQL response.

    `run` is Strawberry's, less what we never do: pages, batches, uploads, streams. They cost a third of a request.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return  # nobody is left to answer
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> ASGIApp:
        reply = _new_reply(request)
        try:
            return await self.run(request, reply)
        except SmsError as error:
            _apply(error, reply)
            return _refuse(reply, error.code, error.detail)
        except HTTPException as error:
            reply.status_code = error.status_code
            reply.headers.update(error.headers or {})
            return _refuse(reply, ErrorCode.INVALID_REQUEST, error.detail)
        except bodies.BodyTooLarge as error:
            reply.status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            reply.headers["Connection"] = "close"  # the rest of the body was not read
            return _refuse(reply, ErrorCode.BODY_TOO_LARGE, str(error))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001  it is logged, the client gets its number
            reply.status_code = HTTPStatus.INTERNAL_SERVER_ERROR
            return _refuse(
                reply, ErrorCode.INTERNAL_ERROR, f"Internal error ({log_incident(error, path=request.url.path)})."
            )

    async def run(self, request: Request, reply: Response) -> ASGIApp:  # type: ignore[override]
        """Return `reply`, filled in. Raises SmsError, HTTPException, BodyTooLarge, ClientDisconnect."""
        key = request.headers.get("idempotency-key")
        context = RequestContext(await caller_of(request), reply, idempotency_key=key)
        try:
            asked = await read(request)
        except GraphQLError as error:  # about the document that it names
            result = ExecutionResult(None, [error])
        else:
            result = await self._execute(asked, context, request.method)
        if (refusal := refusal_behind(result.errors)) is not None:
            _apply(refusal, reply)
        elif reply.media_type == GRAPHQL_JSON and not was_executed(result):
            reply.status_code = HTTPStatus.BAD_REQUEST
        return _fill_in(reply, to_document(result))

    async def _execute(self, asked: GraphQLRequestData, context: Context, method: str) -> ExecutionResult:
        try:
            return await self.schema.execute(
                asked.query,
                variable_values=asked.variables,
                context_value=context,
                operation_name=asked.operation_name,
                allowed_operation_types=ALLOWED[method],
            )
        except MissingQueryError:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "There is no query.") from None
        except CannotGetOperationTypeError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, error.as_http_error_reason()) from None
        except InvalidOperationTypeError as error:
            raise _wrong_transport(error.operation_type) from None


def _new_reply(request: Request) -> Response:
    """Return an empty response of the type that the client takes."""
    newer = GRAPHQL_JSON in request.headers.get("accept", "")
    return Response(headers={"Vary": "Accept"}, media_type=GRAPHQL_JSON if newer else JSON)


def _apply(refusal: SmsError, reply: Response) -> None:
    """Answer a refusal with the status and the headers that it has on the other edges."""
    elsewhere = problems.from_error(refusal)
    reply.status_code = elsewhere.status_code
    for name in REFUSAL_HEADERS & set(elsewhere.headers):
        reply.headers[name] = elsewhere.headers[name]


def _refuse(reply: Response, code: str, detail: str) -> Response:
    return _fill_in(reply, {"errors": [{"message": detail, "extensions": {"code": code}}]})


def _fill_in(reply: Response, document: dict[str, Any]) -> Response:
    reply.body = orjson.dumps(document)
    reply.headers["Content-Length"] = str(len(reply.body))
    return reply


def to_document(result: ExecutionResult) -> dict[str, Any]:
    """Return the body of an answer; without `data` where nothing was executed."""
    if not result.errors:
        return {"data": result.data, "extensions": result.extensions}
    document: dict[str, Any] = {"errors": [error.formatted for error in result.errors]}
    if was_executed(result):
        document["data"] = result.data
        document["extensions"] = result.extensions
    return document


async def read(request: Request) -> GraphQLRequestData:
    """Return what is asked for. Raises GraphQLError, HTTPException, BodyTooLarge or ClientDisconnect."""
    if request.method == "POST":
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send the request as '{JSON}'.")
        return _to_request(_parse(await bodies.read(request, limit=bodies.LARGEST_BATCH)))
    if request.method == "GET":
        document: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            document[name] = _parse(document[name]) if document.get(name) else None
        return _to_request(document)
    raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, "Send queries with GET or POST.", {"Allow": "GET, POST"})


def _parse(written: bytes | str) -> object:
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"This is not valid JSON: {error}.") from None


def _to_request(document: object) -> GraphQLRequestData:
    """Check the shape of a request, and find its document. Raises HTTPException, or GraphQLError if there is none."""
    if not isinstance(document, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The request is not a JSON object; batches are not taken.")
    query = _optional(document, "query", str, "a string")
    if not query:
        _optional(document, "documentId", str, "a string")
    elif len(query) > LONGEST_DOCUMENT:
        detail = f"The document has more than {LONGEST_DOCUMENT:,} characters; put values into its variables."
        raise HTTPException(HTTPStatus.BAD_REQUEST, detail)
    variables = _optional(document, "variables", dict, "an object")
    if has_longer_list(variables, than=MOST_ITEMS):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"A list in the variables has more than {MOST_ITEMS:,} items.")
    extensions = _optional(document, "extensions", dict, "an object")
    return GraphQLRequestData(
        query=trusted.text_of(document),
        variables=variables,
        operation_name=_optional(document, "operationName", str, "a string") or None,
        extensions=extensions,
    )


def _optional(document: dict[str, Any], name: str, kind: type, words: str) -> Any:
    value = document.get(name)
    if value is not None and not isinstance(value, kind):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"'{name}' must be {words}.")
    return value


def _wrong_transport(kind: OperationType) -> HTTPException:
    if kind is OperationType.SUBSCRIPTION:
        detail = (
            "Subscriptions come over a websocket on this address, with the protocol 'graphql-transport-ws', or as "
            "server-sent events: accept 'text/event-stream' and no JSON."
        )
        return HTTPException(HTTPStatus.BAD_REQUEST, detail)
    return HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, "Send mutations with POST.", {"Allow": "POST"})

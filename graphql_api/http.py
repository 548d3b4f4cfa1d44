"""GraphQL over HTTP: Strawberry's ASGI view, made to keep to the specification of that name and to our limits."""

from http import HTTPStatus
from typing import Any, Final

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException, StarletteRequestAdapter
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from edge import bodies, problems
from edge.callers import caller_of
from graphql_api.context import Context, RequestContext
from graphql_api.errors import INTERNAL_ERROR, log_incident, refusal_behind, was_executed
from sms.errors import ErrorCode, SmsError

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
IDEMPOTENCY_KEY: Final = "idempotency-key"
REFUSAL_HEADERS: Final = {"retry-after", "www-authenticate"}
ALLOWED: Final = {"GET": {OperationType.QUERY}, "POST": {OperationType.QUERY, OperationType.MUTATION}}


class BoundedRequest(StarletteRequestAdapter):
    """A request whose body has a limit."""

    async def get_body(self) -> bytes:
        """Return the body. Raises BodyTooLarge, or ClientDisconnect."""
        return await bodies.read(self._request)


class GraphQLView(GraphQL[Context, None]):
    """Answers queries and mutations. Whatever goes wrong, the answer is a GraphQL response."""

    request_adapter_class = BoundedRequest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return  # nobody is left to answer
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            return await self.run(request)
        except SmsError as error:
            reply = _new_reply(request)
            _apply(error, reply)
            return self._refuse(reply, error.code, error.detail)
        except HTTPException as error:
            status = HTTPStatus(error.status_code)
            reply = _new_reply(request, status)
            if status == HTTPStatus.METHOD_NOT_ALLOWED:
                reply.headers["Allow"] = "POST" if request.method == "GET" else "GET, POST"
            return self._refuse(reply, ErrorCode.INVALID_REQUEST, error.reason)
        except bodies.BodyTooLarge as error:
            headers = {"Connection": "close"}  # the rest of the body was not read
            reply = _new_reply(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers)
            return self._refuse(reply, ErrorCode.BODY_TOO_LARGE, str(error))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001  it is logged, the client gets its number
            detail = f"Internal error ({log_incident(error, path=request.scope['path'])})."
            return self._refuse(_new_reply(request, HTTPStatus.INTERNAL_SERVER_ERROR), INTERNAL_ERROR, detail)

    def _refuse(self, reply: Response, code: str, detail: str) -> Response:
        return self.create_response({"errors": [{"message": detail, "extensions": {"code": code}}]}, reply)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Return the response that is filled in while the request is worked on."""
        return _new_reply(request)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """Return who is asking. Raises Unauthenticated or Unavailable."""
        assert isinstance(request, Request)
        assert isinstance(response, Response)
        key = request.headers.get(IDEMPOTENCY_KEY)
        return RequestContext(await caller_of(request), response, idempotency_key=key)

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Leave the page to `graphql_api.graphiql`."""
        return False

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """Return what is asked for. Raises HTTPException, or BodyTooLarge."""
        if request.method == "GET":
            return _to_request(self.parse_query_params(request.query_params))
        if (request.content_type or "").partition(";")[0].strip().lower() != JSON:
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send the request as '{JSON}'.")
        return _to_request(self.parse_json(await request.get_body()))

    def decode_json(self, data: str | bytes) -> object:
        """Parse JSON, strictly."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        """Write JSON."""
        return orjson.dumps(data)

    async def execute_single(  # noqa: PLR0917  Strawberry's own signature
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Execute, and let the status of the response tell how that went. Raises HTTPException."""
        try:
            result = await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=ALLOWED[request_adapter.method],
            )
        except MissingQueryError:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "There is no query.") from None
        except CannotGetOperationTypeError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, error.as_http_error_reason()) from None
        except InvalidOperationTypeError as error:
            raise _wrong_transport(error.operation_type) from None
        if (refusal := refusal_behind(result.errors)) is not None:
            _apply(refusal, sub_response)
        elif sub_response.media_type == GRAPHQL_JSON and not was_executed(result):
            sub_response.status_code = HTTPStatus.BAD_REQUEST
        return result

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """Return the body; without `data` where nothing was executed."""
        body: GraphQLHTTPResponse = {}
        if result.errors:
            body["errors"] = [error.formatted for error in result.errors]
        if was_executed(result):
            body["data"] = result.data
        return body

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """Put the body into the response."""
        sub_response.body = self.encode_json(response_data)
        sub_response.headers["Content-Length"] = str(len(sub_response.body))
        return sub_response


def _new_reply(
    request: HTTPConnection, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    """Return an empty response of the type that the client takes."""
    newer = GRAPHQL_JSON in request.headers.get("accept", "")
    return Response(None, status, {"Vary": "Accept", **(headers or {})}, GRAPHQL_JSON if newer else JSON)


def _apply(refusal: SmsError, reply: Response) -> None:
    """Answer a refusal with the status and the headers that it has on the other edges."""
    elsewhere = problems.from_error(refusal)
    reply.status_code = elsewhere.status_code
    for name in REFUSAL_HEADERS & set(elsewhere.headers):
        reply.headers[name] = elsewhere.headers[name]


def _wrong_transport(kind: OperationType) -> HTTPException:
    if kind is OperationType.SUBSCRIPTION:
        detail = "Subscriptions come over a websocket on this address, with the protocol 'graphql-transport-ws'."
        return HTTPException(HTTPStatus.BAD_REQUEST, detail)
    return HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, "Send mutations with POST.")


def _to_request(document: object) -> GraphQLRequestData:
    """Check the shape of a request. Raises HTTPException."""
    if not isinstance(document, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The request is not a JSON object; batches are not taken.")
    return GraphQLRequestData(
        query=_optional(document, "query", str, "a string"),
        variables=_optional(document, "variables", dict, "an object"),
        operation_name=_optional(document, "operationName", str, "a string"),
        extensions=_optional(document, "extensions", dict, "an object"),
    )


def _optional(document: dict[str, Any], name: str, kind: type, words: str) -> Any:
    value = document.get(name)
    if value is not None and not isinstance(value, kind):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"'{name}' must be {words}.")
    return value

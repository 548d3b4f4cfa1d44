"""How answers are said: as an HTTP response to a single submit, or as a result in a batch."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from simulator.fates import Answer
from simulator.ledger import Count
from simulator.submit import Submitted
from simulator.wire import Refusal

RETRY_AFTER = 1  # seconds

REJECTED = {"code": "invalid_destination", "message": "The recipient cannot be reached from here."}
THROTTLED = {"code": "throttled", "message": "Too many messages; try again later."}
UNAVAILABLE = {"code": "unavailable", "message": "No message is taken at the moment; try again later."}
# Whoever waits for so long gets what a gateway in between would say, which tells nothing about the message either.
NO_ANSWER = {"code": "no_answer", "message": "There was no answer in time; the message may have been taken."}


class CutOff(Response):
    """A response that ends in its middle: the server then cuts the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Announce a body, and leave."""
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": [(b"content-length", b"100")]})


def as_json(document: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(document), status, headers, "application/json")


def failure(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the one shape of all refusals."""
    return as_json({"code": code, "message": message}, status, headers)


def singly(submitted: Submitted) -> Response:
    """Return the response to `POST /v1/messages`; for silence, that to a client which never gives up."""
    match submitted.answer:
        case Answer.ACCEPTED:
            assert submitted.taken is not None
            return as_json({"reference": submitted.taken.reference}, HTTPStatus.ACCEPTED)
        case Answer.REJECTED:
            return as_json(REJECTED, HTTPStatus.BAD_REQUEST)
        case Answer.THROTTLED:
            return as_json(THROTTLED, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(RETRY_AFTER)})
        case Answer.UNAVAILABLE:
            return as_json(UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE)
        case Answer.CUT_OFF | Answer.LOST:
            return CutOff()
        case Answer.SILENCE:
            return as_json(NO_ANSWER, HTTPStatus.GATEWAY_TIMEOUT)


def in_batch(client_reference: str, submitted: Submitted) -> dict[str, Any] | None:
    """Return one result of `POST /v1/batches`, or None where it must be missing."""
    result: dict[str, Any] = {"client_reference": client_reference, "status": str(submitted.answer)}
    match submitted.answer:
        case Answer.ACCEPTED:
            assert submitted.taken is not None
            return result | {"reference": submitted.taken.reference}
        case Answer.REJECTED:
            return result | REJECTED
        case Answer.THROTTLED:
            return result | {"retry_after": RETRY_AFTER}
        case Answer.UNAVAILABLE:
            return result
        case Answer.SILENCE | Answer.CUT_OFF | Answer.LOST:
            return None


def refused_in_batch(refusal: Refusal) -> dict[str, Any]:
    """Return the result of a message that broke a rule."""
    refused = refusal.refused
    return {
        "client_reference": refusal.client_reference,
        "status": str(Answer.REJECTED),
        "code": refused.code,
        "message": refused.message,
    }


def counted(counts: Sequence[Count]) -> Response:
    """Return the response to `GET /v1/submits`."""
    messages = [
        {
            "from": one.sender,
            "to": one.to,
            "text": one.text,
            "submits": len(one.client_references),
            "client_references": one.client_references,
        }
        for one in counts
    ]
    return as_json({"submits": sum(len(one.client_references) for one in counts), "messages": messages})

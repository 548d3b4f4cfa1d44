"""The provider's HTTP API."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import answers, wire
from simulator.answers import as_json
from simulator.fates import Answer
from simulator.inbound import Handsets
from simulator.ledger import Ledger
from simulator.outbox import Outbox
from simulator.settings import Settings
from simulator.submit import Submits, Submitted
from simulator.wire import Refusal, Refused

log = logging.getLogger("simulator")

LONGEST_SILENCE = 60.0  # seconds that a submit hangs which is never answered
LONGEST_WAIT = 2.0  # seconds that an answer waits for receipts to be answered first


class Api:
    """The handlers, and what they share."""

    def __init__(self, settings: Settings) -> None:
        self._latency = settings.submit_latency
        self._ledger = Ledger()
        self._outbox = Outbox(settings)
        self._handsets = Handsets(settings)
        self._submits = Submits(self._ledger, self._outbox)
        self._stopping = asyncio.Event()

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Send receipts and texts while the server runs."""
        async with self._outbox, self._handsets:
            yield

    def stop_waiting(self) -> None:
        """Let go all requests that wait on purpose, because the server is about to stop."""
        self._stopping.set()

    async def messages(self, request: Request) -> Response:
        """`POST /v1/messages` submits one message, `GET` looks one up."""
        if request.method == "POST":
            return await self._submit_one(request)
        return self._look_up(request)

    async def batches(self, request: Request) -> Response:
        """`POST /v1/batches` submits up to 1,000 messages, each with a result of its own."""
        results, all_submitted = [], []
        for item in wire.parse_batch(await wire.read_body(request)):
            if isinstance(item, Refusal):
                results.append(answers.refused_in_batch(item))
                continue
            submitted = self._submits.submit(item)
            all_submitted.append(submitted)
            result = answers.in_batch(item.client_reference, submitted)
            if result is not None:
                results.append(result)
        await self._hold_back(all_submitted)
        return as_json({"results": results})

    async def inbound(self, request: Request) -> Response:
        """`POST /v1/inbound` lets a handset send a text."""
        reference = self._handsets.send(wire.parse_inbound(await wire.read_body(request)))
        return as_json({"reference": reference}, HTTPStatus.ACCEPTED)

    async def counts(self, request: Request) -> Response:
        """`GET /v1/submits` tells how often messages were taken, as seen from outside the service."""
        query = request.query_params
        to, client_reference = query.get("to"), query.get("client_reference")
        at_least = wire.parse_count(query.get("at_least", "1"))
        if not (to or client_reference or at_least > 1):
            raise Refused("invalid_request", "The query needs 'to', 'client_reference', or 'at_least' of 2 or more.")
        counted = self._ledger.count(to=to, client_reference=client_reference, at_least=at_least)
        return answers.counted(counted)

    async def health(self, _request: Request) -> Response:
        """`GET /healthz` tells that the simulator runs, and for how many messages it has receipts to send."""
        return as_json({"status": "ok", "open": self._outbox.open})

    async def _submit_one(self, request: Request) -> Response:
        submitted = self._submits.submit(wire.parse_message(await wire.read_body(request)))
        await self._hold_back([submitted])
        if submitted.answer is Answer.SILENCE:
            await self._wait(_hang_up(request), at_most=LONGEST_SILENCE)
        return answers.singly(submitted)

    def _look_up(self, request: Request) -> Response:
        client_reference = request.query_params.get("client_reference")
        if not client_reference:
            raise Refused("invalid_request", "The query needs 'client_reference'.")
        taken = self._ledger.look_up(client_reference)
        if taken is None:
            raise Refused("not_found", "Nothing was taken under this client reference.", status=HTTPStatus.NOT_FOUND)
        return as_json(
            {
                "reference": taken.reference,
                "to": taken.message.to,
                "submits": taken.submits,
                "receipt": taken.receipt,
            }
        )

    async def _hold_back(self, all_submitted: Sequence[Submitted]) -> None:
        """Wait until receipts that come first were answered, and for as long as a slow provider takes."""
        receipts = [one.receipt for one in all_submitted if one.receipt is not None]
        if receipts:
            await self._wait(asyncio.wait(receipts), at_most=LONGEST_WAIT)
        if self._latency:
            await self._wait(asyncio.sleep(self._latency), at_most=self._latency)

    async def _wait(self, what: Awaitable[object], *, at_most: float) -> None:
        tasks = {asyncio.ensure_future(what), asyncio.ensure_future(self._stopping.wait())}
        try:
            await asyncio.wait(tasks, timeout=at_most, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


async def _hang_up(request: Request) -> None:
    """Return when the client has given up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refused(_request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return answers.failure(refused.status, refused.code, refused.message)


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    is_path = error.status_code == HTTPStatus.NOT_FOUND
    said = "There is nothing at this path." if is_path else f"{request.method} is not possible here."
    return answers.failure(error.status_code, "not_found" if is_path else "bad_method", said, error.headers)


async def _nobody_left(_request: Request, _error: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)  # goes nowhere: the client is gone


def make_app(api: Api) -> Starlette:
    """Return the ASGI application."""
    app = Starlette(
        lifespan=api.lifespan,
        routes=[
            Route("/v1/messages", api.messages, methods=["GET", "POST"]),
            Route("/v1/batches", api.batches, methods=["POST"]),
            Route("/v1/inbound", api.inbound, methods=["POST"]),
            Route("/v1/submits", api.counts),
            Route("/healthz", api.health),
        ],
        exception_handlers={Refused: _refused, HTTPException: _no_such_route, ClientDisconnect: _nobody_left},
    )
    app.router.redirect_slashes = False  # a redirected submit would be a submit that nobody knows the fate of
    return app

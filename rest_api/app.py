"""REST: messages, texts from handsets, opt-outs, events, spending, and who asks: `rest_api.paths` has where."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge import problems, rate_limit
from edge.callers import caller_of
from edge.endpoint import Endpoint
from edge.openapi.headers import KEY, LOCATION, REPLAYED
from rest_api import answers, entity_tags, representations, requests
from rest_api.events import list_events
from rest_api.inbound import add_opt_out, list_inbound, list_opt_outs, remove_opt_out
from rest_api.pages import link_to
from rest_api.paths import (
    BATCH,
    CANCEL,
    CANCELLATION,
    COLLECTION,
    EVENTS,
    EXPLAIN,
    EXPLANATION,
    INBOUND,
    ITEM,
    ME,
    OPT_OUT,
    OPT_OUTS,
    PLAN,
    SPENDING,
)
from sms import accounts, explain, listing, scopes, selectors, spending
from sms.errors import ErrorCode, InternalError, MessageNotFound, Unavailable
from sms.services.accept import accept
from sms.services.accept_many import accept_many
from sms.services.cancel import cancel
from sms.services.plan import plan_message as plan
from sms.services.rules import clean_key
from sms.services.store import is_replayed, limit_behind, windows_of

OURS = (InternalError, Unavailable)  # refusals that the client need not mend anything for


async def create_message(request: Request) -> Response:
    """Accept one message: 202 once it is stored for good."""
    caller = await caller_of(request)
    fields = await requests.new_message(request)
    key = request.headers.get("idempotency-key")
    accepted = await accept(caller=caller, idempotency_key=key, **fields)
    headers = {
        LOCATION: f"{COLLECTION}{accepted.message.id}/",
        **_idempotency(key, is_replay=accepted.replayed),
        **rate_limit.headers_of(accepted.windows),
    }
    return answers.json(representations.message(accepted.message), HTTPStatus.ACCEPTED, headers)


async def create_messages(request: Request) -> Response:
    """Accept many messages: 202 once those that are accepted are stored for good, 400, 402 or 429 if none is."""
    caller = await caller_of(request)
    batch = await requests.new_messages(request)
    key = request.headers.get("idempotency-key")
    results = await accept_many(caller=caller, idempotency_key=key, **batch)
    shown = representations.results(results)
    if not shown["accepted"]:
        if (ours := next((one for one in results if isinstance(one, OURS)), None)) is not None:
            return problems.from_error(ours)
        if (limit := limit_behind(results)) is not None:
            return problems.from_error(limit, **shown)
        detail = "None of the messages was accepted; 'results' tells why."
        return problems.problem(HTTPStatus.BAD_REQUEST, ErrorCode.BATCH_REFUSED, detail, **shown)
    headers = {
        **_idempotency(key, is_replay=all(map(is_replayed, results))),
        **rate_limit.headers_of(windows_of(results)),
    }
    return answers.json(shown, HTTPStatus.ACCEPTED, headers)


def _idempotency(key: str | None, *, is_replay: bool) -> dict[str, str]:
    """Return the headers that tell of the key of what was accepted."""
    return {**({} if key is None else {KEY: clean_key(key)}), **({REPLAYED: "true"} if is_replay else {})}


async def plan_message(request: Request) -> Response:
    """Tell what would become of a message: 200, whether it would be accepted or not."""
    caller = await caller_of(request)
    fields = await requests.new_message(request)
    planned = await plan(caller=caller, idempotency_key=request.headers.get("idempotency-key"), **fields)
    return answers.json(representations.plan(planned))


async def list_messages(request: Request) -> Response:
    """Return a page of messages, newest first, with a link to the next one (RFC 8288)."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    page = await listing.messages(account_id=caller.account_id, **requests.page(request))
    return answers.json(representations.page(page), headers=link_to(request, COLLECTION, page.next))


async def show_message(request: Request) -> Response:
    """Return one message with its history and its attempts, or 304 to a client that has just that."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    message_id = _id_in(request.scope["path"])
    found, attempts = await selectors.message_and_attempts(account_id=caller.account_id, message_id=message_id)
    response = answers.json(representations.message_and_attempts(found, attempts))
    return entity_tags.tagged(response, request.headers.get("if-none-match"))


async def explain_message(request: Request) -> Response:
    """Return how one message came to be what it is."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    message_id = _id_in(request.scope["path"].rstrip("/").removesuffix(EXPLAIN))
    steps = await explain.of_message(account_id=caller.account_id, message_id=message_id)
    return answers.json(representations.explanation(message_id, steps), headers={"Cache-Control": "no-store"})


async def cancel_message(request: Request) -> Response:
    """Withdraw one message before it is sent."""
    caller = await caller_of(request)
    message_id = _id_in(request.scope["path"].rstrip("/").removesuffix(CANCEL))
    canceled = await cancel(caller=caller, message_id=message_id)
    return answers.json(representations.message(canceled))


async def show_me(request: Request) -> Response:
    """Return who asks; every key may know that of itself."""
    caller = await caller_of(request)
    found = await accounts.me(account_id=caller.account_id, key_id=caller.key_id)
    return answers.json(representations.me(found), headers={"Cache-Control": "no-store"})


async def show_spending(request: Request) -> Response:
    """Return what the account's messages cost, by day and route."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    found = await spending.spending(account_id=caller.account_id, **requests.days(request))
    return answers.json(representations.spending(found), headers={"Cache-Control": "no-store"})


def _id_in(path: str) -> UUID:
    """Return the id of the message that a path names. Raises MessageNotFound for what can be no id."""
    try:
        return UUID(path.removeprefix(COLLECTION).rstrip("/"))
    except ValueError:
        raise MessageNotFound from None


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    COLLECTION: Endpoint(POST=create_message, GET=list_messages),
    BATCH: Endpoint(POST=create_messages),
    PLAN: Endpoint(POST=plan_message),
    ITEM: Endpoint(GET=show_message),
    CANCELLATION: Endpoint(POST=cancel_message),
    EXPLANATION: Endpoint(GET=explain_message),
    EVENTS: Endpoint(GET=list_events),
    ME: Endpoint(GET=show_me),
    SPENDING: Endpoint(GET=show_spending),
    INBOUND: Endpoint(GET=list_inbound),
    OPT_OUTS: Endpoint(GET=list_opt_outs, POST=add_opt_out),
    OPT_OUT: Endpoint(DELETE=remove_opt_out),
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve every path of this edge."""
    await _endpoint_at(scope["path"])(scope, receive, send)


def _endpoint_at(path: str) -> ASGIApp:
    """Return what serves a path, with or without its slash at the end."""
    known = ENDPOINTS.get(path) or ENDPOINTS.get(f"{path}/")
    if known is not None and "{" not in path:
        return known
    if path.startswith(OPT_OUTS):
        return ENDPOINTS[OPT_OUT]
    if not path.startswith(COLLECTION):
        return problems.not_found()
    tails = {CANCEL: CANCELLATION, EXPLAIN: EXPLANATION}
    return ENDPOINTS[next((whole for tail, whole in tails.items() if path.rstrip("/").endswith(tail)), ITEM)]

"""`/api/inbound/` and `/api/opt-outs/`: what handsets send, and who wants no more texts."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from edge.callers import caller_of
from rest_api import answers, parameters, representations, requests
from rest_api.pages import link_to
from rest_api.paths import INBOUND, OPT_OUTS
from sms import inbound, opted_out, scopes
from sms.errors import OptOutNotFound
from sms.inbound import InboundFilter
from sms.opted_out import OptOutFilter
from sms.services import opt_outs


async def list_inbound(request: Request) -> Response:
    """Return a page of texts from handsets, newest first."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    given = parameters.parse(request.query_params, OF_INBOUND)
    paging = parameters.paging(given)
    wanted = InboundFilter(is_test=given.pop("test", None), **given)
    page = await inbound.texts(account_id=caller.account_id, wanted=wanted, only_test=caller.is_test, **paging)
    return answers.json(representations.texts(page), headers=link_to(request, INBOUND, page.next))


async def list_opt_outs(request: Request) -> Response:
    """Return a page of opt-outs, newest first."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    given = parameters.parse(request.query_params, OF_OPT_OUTS)
    paging = parameters.paging(given)
    wanted = OptOutFilter(is_test=given.pop("test", None), **given)
    page = await opted_out.opt_outs(account_id=caller.account_id, wanted=wanted, only_test=caller.is_test, **paging)
    return answers.json(representations.opt_outs(page), headers=link_to(request, OPT_OUTS, page.next))


async def add_opt_out(request: Request) -> Response:
    """Opt a number out: 200 once that is stored for good, now or before."""
    caller = await caller_of(request)
    added = await opt_outs.add(caller=caller, **await requests.new_opt_out(request))
    return answers.json(representations.opt_out(added))


async def remove_opt_out(request: Request) -> Response:
    """Take an opt-out away, and return it as it was."""
    caller = await caller_of(request)
    removed = await opt_outs.remove(caller=caller, opt_out_id=_id_in(request.scope["path"]))
    return answers.json(representations.opt_out(removed))


def _id_in(path: str) -> UUID:
    """Return the id of the opt-out that a path names. Raises OptOutNotFound for what can be no id."""
    try:
        return UUID(path.removeprefix(OPT_OUTS).rstrip("/"))
    except ValueError:
        raise OptOutNotFound from None


OF_INBOUND: Final[Mapping[str, parameters.Parser]] = {
    "sender": parameters.text,
    "recipient": parameters.text,
    "keyword": parameters.keyword,
    "received_after": parameters.moment,
    "received_before": parameters.moment,
    "test": parameters.truth,
    "limit": parameters.number,
    "after": parameters.text,
}
OF_OPT_OUTS: Final[Mapping[str, parameters.Parser]] = {
    "recipient": parameters.text,
    "test": parameters.truth,
    "limit": parameters.number,
    "after": parameters.text,
}

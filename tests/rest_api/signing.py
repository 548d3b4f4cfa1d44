"""Loaded by schemathesis: signs receipts, as no schema can tell how, where the signature is meant to be a good one."""

import hashlib
import hmac
import os

import schemathesis
from schemathesis.core.parameters import ParameterLocation

HEADER = "X-Provider-Signature"
SECRET = os.environ["DLR_SECRET"].encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Sign whatever body is sent, unless it is the header that is meant to be wrong, or not there."""
    wanted = HEADER in (case.headers or {})
    if wanted and not (case.meta and case.meta.is_negative_at(ParameterLocation.HEADER)):
        kwargs["auth"] = sign


def sign(request):
    """Put the signature in, once the body is bytes."""
    body = request.body or b""
    raw = body.encode() if isinstance(body, str) else body
    request.headers[HEADER] = hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
    return request

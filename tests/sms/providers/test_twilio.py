"""Twilio: the contract of all providers, and Twilio's own words."""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from sms.providers.base import Outcome, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.twilio import Twilio
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Says
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL

SID = "SM00000000000000000000000000000001"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class TestTwilio(Inbound, ProviderContract):
    """Twilio keeps the contract."""

    PROVIDER = Twilio
    SETUP = {
        "account_sid": "AC00000000000000000000000000000001",
        "auth_token": "8f1c5b0d9a7e4c21b6d3f0a9e2c47d15",
        "shared_keys": "a-shared-key-of-the-tests",
    }
    PUBLIC_OPTIONS = ("api_key_sid",)
    YES = Outcome.sent(SID)
    SIGNING_OPTION = "auth_token"
    SIGNING_SECRET = SETUP["auth_token"]
    OTHER_SECRET = "51d74c2e9a0f3d6b12c4e7a9d0b5c1f8"
    COVERS = ("body", "query", "path", "host")
    VECTORS = "twilio"
    REFUSALS = (
        (
            Says.json(400, {"code": 21211, "message": "Invalid 'To' Phone Number", "more_info": "…", "status": 400}),
            Outcome.not_sent(ProviderError.INVALID_DESTINATION, "HTTP 400, code 21211", provider_error="21211"),
        ),
        (
            Says.json(400, {"code": 99999, "message": "new"}),
            Outcome.not_sent(ProviderError.UNCLASSIFIED, "HTTP 400, code 99999", provider_error="99999"),
        ),
    )

    def accept(self, received):
        """Answer as Twilio does to a message that it has put into its queue."""
        fields = received.form
        document = {
            "sid": SID, "status": "queued", "num_segments": "1", "error_code": None, "error_message": None,
            "price": None, "price_unit": "USD", "direction": "outbound-api", "to": fields["To"], "from": fields["From"],
        }  # fmt: skip
        return Says.json(201, document)

    def status(self, word):
        """Return Twilio's status callback."""
        account = self.SETUP["account_sid"]
        fields = {
            "MessageSid": SID, "SmsSid": SID, "MessageStatus": word, "SmsStatus": word, "ApiVersion": "2010-04-01",
            "To": "+233209876543", "From": "MyCorp", "AccountSid": account,
        }  # fmt: skip
        url = f"{STATUS_URL}?attempt={ATTEMPT_ID}"
        return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=url)

    def inbound_text(self, text, *, sender, recipient):
        """Return Twilio's request for a text."""
        fields = {"MessageSid": SID, "Body": text, "From": sender, "To": recipient, "NumMedia": "0", "FromCity": ""}
        return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=INBOUND_URL)

    def sign(self, request, *, secret, at):
        """Sign as Twilio's documentation says."""
        pairs = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)
        signed = request.url + "".join(name + value for name, value in sorted(set(pairs)))
        digest = hmac.new(secret.encode(), signed.encode("utf-8", "replace"), hashlib.sha1).digest()
        headers = dict(request.headers) | {"x-twilio-signature": b64encode(digest).decode()}
        return replace(request, headers=headers)

    def options_of(self, vector):
        """Return the secret where its kind belongs."""
        option = "shared_keys" if "sharedkey" in vector["scheme"] else "auth_token"
        return {option: vector["secret"]}

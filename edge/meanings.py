"""What each word of the domain's public enums means, in the sentence that every edge tells its clients."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from sms.errors import ErrorCode
from sms.explain import StepKind
from sms.models import DeliveryPolicy, Priority
from sms.numbering import NumberType
from sms.opt_outs import Keyword
from sms.providers.base import Handover
from sms.services.accept_many import ErrorPolicy
from sms.services.duplicates import DuplicatePolicy
from sms.services.rules import RuleName
from sms.statuses import Status

MEANING_OF_STATUS: Final[Mapping[Status, str]] = {
    Status.SCHEDULED: "Accepted; waits for its send time.",
    Status.QUEUED: "Due; waits for a worker, or for a retry.",
    Status.SENDING: "Being handed to the provider.",
    Status.UNCERTAIN: "Nobody knows yet whether the provider took it.",
    Status.SENT: "The provider took it.",
    Status.UNKNOWN: "Final unless corrected: no receipt came within the window.",
    Status.EXPIRED: "Final unless corrected: its validity passed before it was delivered.",
    Status.UNDELIVERED: "Final unless corrected: the network gave up.",
    Status.FAILED: "Final unless corrected: never handed over, or the provider says just 'failed'.",
    Status.DELIVERED: "Final: the handset, or the last hop that reports, confirmed.",
    Status.REJECTED: "Final: provider or network refused it before any delivery attempt.",
    Status.CANCELED: "Final: withdrawn before it was sent.",
}

MEANING_OF_CODE: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.INVALID_REQUEST: "The request is not of the right shape.",
    ErrorCode.COST_EXCEEDED: "The operation may cause more work than one request is allowed.",
    ErrorCode.INTROSPECTION_DISABLED: "The service does not show its schema.",
    ErrorCode.DOCUMENT_NOT_FOUND: "No trusted document has this id.",
    ErrorCode.DOCUMENT_NOT_TRUSTED: "Only trusted documents are run, and this is none.",
    ErrorCode.PERSISTED_QUERY_NOT_FOUND: "No trusted document has this hash.",
    ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED: "The service has no trusted documents.",
    ErrorCode.BODY_TOO_LARGE: "The body is larger than the service takes.",
    ErrorCode.SENDER_ID_INVALID: "This can be no sender ID.",
    ErrorCode.SENDER_ID_NOT_ALLOWED: "The sender ID is not on the account's list.",
    ErrorCode.RECIPIENT_INVALID: "This is no phone number.",
    ErrorCode.RECIPIENT_NOT_MOBILE: "The number cannot be a mobile phone's.",
    ErrorCode.TEXT_EMPTY: "There is no text.",
    ErrorCode.TEXT_INVALID: "The text has characters that cannot be sent.",
    ErrorCode.TEXT_TOO_LONG: "The text needs too many segments.",
    ErrorCode.BLOCKED_KEYWORD: "The text contains a keyword that the account has blocked.",
    ErrorCode.CLIENT_REFERENCE_INVALID: "The client reference is too long, empty, or not printable.",
    ErrorCode.DELIVERY_POLICY_INVALID: "There is no such delivery policy.",
    ErrorCode.VALID_FOR_INVALID: "A message cannot be valid for so long, or so short.",
    ErrorCode.SEND_AT_INVALID: "A message cannot wait until then.",
    ErrorCode.PRIORITY_INVALID: "There is no such priority.",
    ErrorCode.METADATA_INVALID: "The metadata is too much, or cannot be stored.",
    ErrorCode.IDEMPOTENCY_KEY_REQUIRED: "Many messages need an idempotency key: theirs, or one each.",
    ErrorCode.IDEMPOTENCY_KEY_INVALID: "The idempotency key is malformed, or was given twice with different values.",
    ErrorCode.IDEMPOTENCY_KEY_REUSED: "The idempotency key was used for a different request.",
    ErrorCode.MESSAGE_NOT_FOUND: "The account has no message with this id.",
    ErrorCode.BATCH_INVALID: "A batch cannot have so many messages, or none.",
    ErrorCode.BATCH_REFUSED: "Another message of the batch was refused, and it is all or nothing.",
    ErrorCode.DUPLICATE_IN_BATCH: "Another message of the batch asks for the same, and duplicates are rejected.",
    ErrorCode.NOT_CANCELABLE: "The message was sent, or may have been, or its fate is decided.",
    ErrorCode.PAGE_SIZE_INVALID: "A page of a list cannot have so many messages, or none.",
    ErrorCode.CURSOR_INVALID: "This is no cursor that a list or a feed gave, or it cannot be continued from.",
    ErrorCode.FILTER_INVALID: "The filter of a list is not understood.",
    ErrorCode.UNAUTHENTICATED: "No API key, or one that is not valid.",
    ErrorCode.PERMISSION_DENIED: "The API key lacks the scope.",
    ErrorCode.RATE_LIMITED: "The account may send so many messages a second, and no more.",
    ErrorCode.QUOTA_EXCEEDED: "The account may send so many messages a day, and no more.",
    ErrorCode.BUDGET_SPENT: "It would cost more than is left of the account's budget for this month.",
    ErrorCode.SIGNATURE_INVALID: "A provider's request is not signed as it must be.",
    ErrorCode.RECEIPT_MALFORMED: "A provider's request is not a receipt.",
    ErrorCode.ROUTE_NOT_FOUND: "There is no route with this name.",
    ErrorCode.INBOUND_MALFORMED: "A provider's request is not a text from a handset.",
    ErrorCode.NO_ROUTE: "No route takes texts from this sender ID to this recipient.",
    ErrorCode.RECIPIENT_OPTED_OUT: "The recipient wants no more texts from this account, or from this sender ID.",
    ErrorCode.OPT_OUT_NOT_FOUND: "The account has no opt-out with this id.",
    ErrorCode.REASON_INVALID: "The reason is too long, empty, or not printable.",
    ErrorCode.SERVICE_UNAVAILABLE: "Nothing was stored; try again shortly.",
    ErrorCode.OVERLOADED: "Too much is waiting, so nothing was stored; try again shortly.",
    ErrorCode.INTERNAL_ERROR: "Something went wrong on our side, and was logged.",
}

MEANING_OF_POLICY: Final[Mapping[DeliveryPolicy, str]] = {
    DeliveryPolicy.AT_MOST_ONCE: "Never send it again.",
    DeliveryPolicy.AT_LEAST_ONCE: "Send it again: better twice than not at all.",
}

MEANING_OF_PRIORITY: Final[Mapping[Priority, str]] = {
    Priority.OTP: "Somebody waits for it: before all others.",
    Priority.NORMAL: "In the order of their time.",
    Priority.BULK: "After all others.",
}

MEANING_OF_ERROR_POLICY: Final[Mapping[ErrorPolicy, str]] = {
    ErrorPolicy.EACH_ROW: "Nothing: the others are stored.",
    ErrorPolicy.ALL_OR_NOTHING: "The others are not stored either.",
}

MEANING_OF_DUPLICATE_POLICY: Final[Mapping[DuplicatePolicy, str]] = {
    DuplicatePolicy.COLLAPSE: "They are one message: each is answered with it, and one text is sent.",
    DuplicatePolicy.ALLOW: "Each is a message of its own.",
    DuplicatePolicy.REJECT: "The first is a message; the others are refused.",
}

MEANING_OF_RULE: Final[Mapping[RuleName, str]] = {
    RuleName.SENDER_ID: "The sender ID can be one.",
    RuleName.SENDER_ID_ALLOWED: "It is on the account's list.",
    RuleName.RECIPIENT: "The recipient is a mobile number, or may be one.",
    RuleName.TEXT: "There is a text, and it can be sent.",
    RuleName.BLOCKED_KEYWORDS: "It contains none of the keywords that the account has blocked.",
    RuleName.LENGTH: "It fits into 10 segments.",
    RuleName.CLIENT_REFERENCE: "The client reference has 1 to 255 printable characters.",
    RuleName.DELIVERY_POLICY: "There is such a delivery policy.",
    RuleName.VALID_FOR: "The validity is between a minute and 72 hours.",
    RuleName.SEND_AT: "The send time has an offset from UTC, is not long past, and at most 90 days ahead.",
    RuleName.PRIORITY: "There is such a priority.",
    RuleName.METADATA: "The metadata is within its limits.",
    RuleName.IDEMPOTENCY_KEY: "The idempotency key has 1 to 255 visible ASCII characters.",
    RuleName.OPT_OUT: "The recipient has not opted out.",
}

MEANING_OF_NUMBER_TYPE: Final[Mapping[NumberType, str]] = {
    NumberType.MOBILE: "A mobile phone.",
    NumberType.FIXED_LINE: "A fixed line.",
    NumberType.FIXED_LINE_OR_MOBILE: "One of the two, as in North America, where the number does not tell.",
    NumberType.TOLL_FREE: "Free for the caller.",
    NumberType.PREMIUM_RATE: "At the caller's cost, for a service.",
    NumberType.SHARED_COST: "At the cost of both.",
    NumberType.VOIP: "An internet telephone.",
    NumberType.PERSONAL_NUMBER: "Follows a person from line to line.",
    NumberType.PAGER: "A pager.",
    NumberType.UAN: "A company's access number.",
    NumberType.VOICEMAIL: "A voicemail box.",
}

MEANING_OF_OUTCOME: Final[Mapping[Handover, str]] = {
    Handover.SENT: "The provider took it.",
    Handover.NOT_SENT: "The provider certainly does not have it.",
    Handover.MAYBE_SENT: "The request left, and no trustworthy answer came.",
}

MEANING_OF_KEYWORD: Final[Mapping[Keyword, str]] = {
    Keyword.STOP: "No more texts.",
    Keyword.START: "Texts again, after a STOP.",
}

MEANING_OF_STEP: Final[Mapping[StepKind, str]] = {
    StepKind.STATUS: "The status changed, or something was noted.",
    StepKind.ATTEMPT: "A provider was chosen, and called.",
    StepKind.OUTCOME: "An attempt came to something.",
    StepKind.RECEIPT: "A provider reported something.",
    StepKind.WAITING: "It has not happened yet: what the message waits for.",
}

MEANINGS: Final[Mapping[type[Enum], Mapping[Any, str]]] = {
    Status: MEANING_OF_STATUS,
    ErrorCode: MEANING_OF_CODE,
    DeliveryPolicy: MEANING_OF_POLICY,
    Priority: MEANING_OF_PRIORITY,
    ErrorPolicy: MEANING_OF_ERROR_POLICY,
    DuplicatePolicy: MEANING_OF_DUPLICATE_POLICY,
    RuleName: MEANING_OF_RULE,
    NumberType: MEANING_OF_NUMBER_TYPE,
    Handover: MEANING_OF_OUTCOME,
    Keyword: MEANING_OF_KEYWORD,
    StepKind: MEANING_OF_STEP,
}

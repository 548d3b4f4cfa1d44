"""Writes."""

from collections.abc import Callable
from functools import partial
from typing import Annotated
from uuid import UUID

import strawberry

from edge import rate_limit
from graphql_api.context import Context, Info
from graphql_api.errors import (
    IdempotencyConflict,
    InvalidBatch,
    InvalidMessage,
    LimitExceeded,
    MessageNotFound,
    NotCancelable,
    OptOutNotFound,
)
from graphql_api.idempotency import is_alone, key_of, shown, tell_replayed
from graphql_api.inbound_types import AddOptOutSuccess, OptOut, RemoveOptOutSuccess
from graphql_api.inputs import AddOptOutInput, SendMessageInput, SendMessagesInput
from graphql_api.types import CancelMessageSuccess, Message, SendMessagesPayload, SendMessagesRow, SendMessageSuccess
from sms import errors
from sms.services import opt_outs
from sms.services.accept import accept
from sms.services.accept_many import ErrorPolicy, accept_many
from sms.services.cancel import cancel
from sms.services.duplicates import DuplicatePolicy
from sms.services.store import Accepted, limit_behind, windows_of

SendMessageResult = Annotated[
    SendMessageSuccess | InvalidMessage | IdempotencyConflict | LimitExceeded,
    strawberry.union("SendMessageResult", description="The message, or why there is none."),
]
SendMessagesResult = Annotated[
    SendMessagesPayload | InvalidBatch | LimitExceeded,
    strawberry.union("SendMessagesResult", description="What became of each message, or why none was looked at."),
]
CancelMessageResult = Annotated[
    CancelMessageSuccess | MessageNotFound | NotCancelable,
    strawberry.union("CancelMessageResult", description="The message, or why it was not withdrawn."),
]

AddOptOutResult = Annotated[
    AddOptOutSuccess | InvalidMessage,
    strawberry.union("AddOptOutResult", description="The opt-out, or why there is none."),
]
RemoveOptOutResult = Annotated[
    RemoveOptOutSuccess | OptOutNotFound,
    strawberry.union("RemoveOptOutResult", description="The opt-out that is gone, or why none is."),
]


@strawberry.type(description="Writes. Each is answered only after it is stored for good.")
class Mutation:
    """Writes."""

    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Accept one message for delivery. Its fate is told by `messageStatus`."
    )
    async def send_message(
        self, info: Info, input: Annotated[SendMessageInput, strawberry.argument(description="The message.")]
    ) -> SendMessageResult:
        """Accept one message for delivery."""
        return await send(info.context, input, partial(is_alone, info))

    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Accept up to 1,000 messages for delivery, in one commit, each with a result of its own."
    )
    async def send_messages(
        self, info: Info, input: Annotated[SendMessagesInput, strawberry.argument(description="The messages.")]
    ) -> SendMessagesResult:
        """Accept many messages for delivery."""
        return await send_many(info.context, input, partial(is_alone, info))

    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Withdraw a message before it is sent. Doing it again is harmless."
    )
    async def cancel_message(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The message's id.")]
    ) -> CancelMessageResult:
        """Withdraw a message before it is sent; a malformed id looks like one that does not exist."""
        caller = await info.context.caller()
        try:
            message_id = UUID(id)
        except ValueError:
            raise errors.MessageNotFound from None
        return CancelMessageSuccess(message=Message.of(await cancel(caller=caller, message_id=message_id)))

    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Send a number no more texts, from the account or from one sender ID: messages to it are refused "
        "with RECIPIENT_OPTED_OUT, and those that wait become REJECTED. Doing it again changes nothing. With a test "
        "key it is about test messages."
    )
    async def add_opt_out(
        self, info: Info, input: Annotated[AddOptOutInput, strawberry.argument(description="Who, and why.")]
    ) -> AddOptOutResult:
        """Send a number no more texts."""
        caller = await info.context.caller()
        return AddOptOutSuccess(opt_out=OptOut.of(await opt_outs.add(caller=caller, **input.as_kwargs())))

    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Send a number texts again, because its owner wants that."
    )
    async def remove_opt_out(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The opt-out's id.")]
    ) -> RemoveOptOutResult:
        """Send a number texts again; a malformed id looks like one that does not exist."""
        caller = await info.context.caller()
        try:
            opt_out_id = UUID(id)
        except ValueError:
            raise errors.OptOutNotFound from None
        return RemoveOptOutSuccess(opt_out=OptOut.of(await opt_outs.remove(caller=caller, opt_out_id=opt_out_id)))


async def send(context: Context, input: SendMessageInput, is_alone: Callable[[], bool]) -> SendMessageSuccess:
    """Accept one message for whoever asks; `is_alone` tells whether the operation has no other field."""
    key = key_of(context, input.idempotency_key, is_alone)
    try:
        accepted = await accept(caller=await context.caller(), **{**input.as_kwargs(), "idempotency_key": key})
    except errors.LimitExceeded as error:
        context.tell(rate_limit.headers_of(error.windows))
        raise
    context.tell(rate_limit.headers_of(accepted.windows))
    tell_replayed(context, [accepted], is_alone)
    return SendMessageSuccess(
        message=Message.of(accepted.message), replayed=accepted.replayed, idempotency_key=shown(key)
    )


async def send_many(context: Context, input: SendMessagesInput, is_alone: Callable[[], bool]) -> SendMessagesPayload:
    """Accept many messages for whoever asks; `is_alone` tells whether the operation has no other field."""
    try:
        key = key_of(context, input.idempotency_key, is_alone)
    except errors.InvalidMessage as error:
        raise errors.InvalidBatch.because(error) from None
    results = await accept_many(
        caller=await context.caller(),
        messages=[one.as_kwargs() for one in input.messages],
        idempotency_key=key,
        error_policy=input.error_policy or ErrorPolicy.EACH_ROW,
        duplicates=input.duplicates or DuplicatePolicy.COLLAPSE,
    )
    context.tell(rate_limit.headers_of(windows_of(results)))
    if (limit := limit_behind(results)) is not None:
        raise limit
    accepted = sum(isinstance(one, Accepted) for one in results)
    tell_replayed(context, results, is_alone)
    return SendMessagesPayload(
        accepted=accepted,
        refused=len(results) - accepted,
        results=[
            SendMessagesRow.of(one, key=asked.idempotency_key)
            for one, asked in zip(results, input.messages, strict=True)
        ],
        idempotency_key=shown(key),
    )

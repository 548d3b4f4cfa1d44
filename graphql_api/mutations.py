"""Writes."""

from collections.abc import Callable
from functools import partial
from typing import Annotated
from uuid import UUID

import strawberry

from graphql_api.context import Context, Info
from graphql_api.errors import IdempotencyConflict, InvalidMessage, MessageNotFound, NotCancelable
from graphql_api.idempotency import is_alone, key_of, tell_replayed
from graphql_api.inputs import SendMessageInput
from graphql_api.types import CancelMessageSuccess, Message, SendMessageSuccess
from sms import errors
from sms.services.accept import accept
from sms.services.cancel import cancel

SendMessageResult = Annotated[
    SendMessageSuccess | InvalidMessage | IdempotencyConflict,
    strawberry.union("SendMessageResult", description="The message, or why there is none."),
]
CancelMessageResult = Annotated[
    CancelMessageSuccess | MessageNotFound | NotCancelable,
    strawberry.union("CancelMessageResult", description="The message, or why it was not withdrawn."),
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


async def send(context: Context, input: SendMessageInput, is_alone: Callable[[], bool]) -> SendMessageSuccess:
    """Accept one message for whoever asks; `is_alone` tells whether the operation has no other field."""
    key = key_of(context, input.idempotency_key, is_alone)
    accepted = await accept(caller=await context.caller(), idempotency_key=key, **input.as_kwargs())
    tell_replayed(context, accepted, is_alone)
    return SendMessageSuccess(message=Message.of(accepted.message), replayed=accepted.replayed)

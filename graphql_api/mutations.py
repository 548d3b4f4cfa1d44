"""Writes."""

from typing import Annotated

import strawberry

from graphql_api.context import Info
from graphql_api.errors import IdempotencyConflict, InvalidMessage
from graphql_api.idempotency import key_of, tell_replayed
from graphql_api.inputs import SendMessageInput
from graphql_api.types import Message, SendMessageSuccess
from sms.services.accept import accept

SendMessageResult = Annotated[
    SendMessageSuccess | InvalidMessage | IdempotencyConflict,
    strawberry.union("SendMessageResult", description="The message, or why there is none."),
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
        key = key_of(info, input.idempotency_key)
        accepted = await accept(caller=await info.context.caller(), idempotency_key=key, **input.as_kwargs())
        tell_replayed(info, accepted)
        return SendMessageSuccess(message=Message.of(accepted.message), replayed=accepted.replayed)

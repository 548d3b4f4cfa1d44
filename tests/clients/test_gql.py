"""The Python library gql: queries and mutations over HTTP, subscriptions over a websocket."""

from gql import Client, GraphQLRequest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

SEND = """
mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) { ... on SendMessageSuccess { message { id status } } }
}
"""
FOLLOW = "subscription Follow($id: ID!) { messageStatus(id: $id, afterSequence: 0) { status } }"
LOOK = "query Look($id: ID!) { message(id: $id) { status } }"


async def test_gql_follows_its_message_to_the_end(stack):
    """It also reads the schema, and checks each document and its variables against it."""
    key = {"Authorization": f"Bearer {stack.api_key}"}
    http = AIOHTTPTransport(f"{stack.url}/graphql/", headers=key)
    socket = WebsocketsTransport(stack.websocket_url, init_payload=key)
    given = {"senderId": "MyCorp", "recipient": "233200000901", "text": "Hello"}
    async with (
        Client(transport=http, fetch_schema_from_transport=True) as session,
        Client(transport=socket, schema=session.client.schema) as live,
    ):
        sent = await session.execute(GraphQLRequest(SEND, variable_values={"input": given}))
        message = sent["sendMessage"]["message"]
        assert message["status"] == "QUEUED"
        following = live.subscribe(GraphQLRequest(FOLLOW, variable_values={"id": message["id"]}))
        statuses = [event["messageStatus"]["status"] async for event in following]
        assert statuses == ["QUEUED", "SENDING", "SENT", "DELIVERED"]
        found = await session.execute(GraphQLRequest(LOOK, variable_values={"id": message["id"]}))
        assert found == {"message": {"status": "DELIVERED"}}

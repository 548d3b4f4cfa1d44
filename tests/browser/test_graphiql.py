"""GraphiQL in a real browser: it looks right, asks nobody but us, sends a message and follows it to its end."""

import json
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.graphql_api.conftest import serving
from tests.stack import API_KEY

RUN = ".graphiql-execute-button"
PATIENCE = 15_000  # milliseconds


class GraphiQL:
    """The page as a person uses it."""

    def __init__(self, page):
        self.page = page
        self.requests, self.sockets, self.faults = [], [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.sockets.append(socket.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)

    async def open(self, url):
        """Open the page and wait until it knows the schema."""
        await self.page.goto(f"{url}/graphql/")
        await expect(self.page.locator(".graphiql-query-editor .CodeMirror-code")).to_contain_text(
            "subscription Follow"
        )
        await expect(self.page.locator(RUN)).to_be_enabled(timeout=PATIENCE)

    async def run(self, operation):
        """Press the button and choose an operation."""
        await self.page.click(RUN)
        await self.page.get_by_role("menuitem", name=operation, exact=True).click()

    async def clear(self):
        """Empty the response, so that the next one can be told from it."""
        await self.page.evaluate("document.querySelector('.result-window .CodeMirror').CodeMirror.setValue('')")

    async def text(self, editor):
        """Return what an editor holds."""
        return await self.page.evaluate(f"document.querySelector('{editor} .CodeMirror').CodeMirror.getValue()")

    async def response(self, pattern):
        """Wait for a response that matches, and return it."""
        script = "pattern => document.querySelector('.result-window .CodeMirror').CodeMirror.getValue().match(pattern)"
        await self.page.wait_for_function(script, arg=pattern, timeout=PATIENCE)
        return json.loads(await self.text(".result-window"))


@pytest.fixture
async def graphiql(browser):
    """A browser window on no page yet."""
    context = await browser.new_context(viewport={"width": 1400, "height": 850})
    yield GraphiQL(await context.new_page())
    await context.close()


async def test_a_newcomer_sends_a_message_and_follows_it(stack, graphiql, tmp_path):
    """The first query works as it stands: Send, then Follow, until DELIVERED; and no request leaves our origin."""
    await graphiql.open(stack.url)
    await graphiql.page.screenshot(path=tmp_path / "1-opened.png")

    await graphiql.run("Send")
    sent = (await graphiql.response("SendMessageSuccess"))["data"]["sendMessage"]
    assert (sent["message"]["status"], sent["message"]["recipient"]) == ("QUEUED", "+233200000901")
    await graphiql.page.screenshot(path=tmp_path / "2-sent.png")

    script = "id => document.querySelector('.graphiql-editor-tool .CodeMirror').CodeMirror.getValue().includes(id)"
    await graphiql.page.wait_for_function(script, arg=sent["message"]["id"], timeout=PATIENCE)
    await graphiql.run("Follow")
    event = (await graphiql.response("DELIVERED"))["data"]["messageStatus"]
    assert (event["sequence"], event["final"]) == (4, True)
    await expect(graphiql.page.locator(f"{RUN}.running")).to_have_count(0)  # it has completed
    await graphiql.page.screenshot(path=tmp_path / "3-followed.png")

    await graphiql.run("Look")
    shown = (await graphiql.response("providerReference"))["data"]["message"]
    assert [one["status"] for one in shown["events"]] == ["QUEUED", "SENDING", "SENT", "DELIVERED"]

    origin = urlsplit(stack.url).netloc
    assert {urlsplit(url).netloc for url in graphiql.requests + graphiql.sockets if not url.startswith("data:")} == {
        origin
    }
    assert len(graphiql.sockets) == 1
    assert graphiql.faults == []


async def test_the_tools_are_there(stack, graphiql, tmp_path):
    """Documentation, explorer and the header editor open, and the key goes with HTTP and with the socket."""
    await graphiql.open(stack.url)
    await graphiql.page.get_by_label("Show Documentation Explorer").click()
    await expect(graphiql.page.locator(".graphiql-doc-explorer")).to_contain_text("Mutation")
    await graphiql.page.screenshot(path=tmp_path / "4-documentation.png")
    await graphiql.page.get_by_label("Show GraphiQL Explorer").click()
    await expect(graphiql.page.locator(".docExplorerWrap, .graphiql-explorer-root").first).to_contain_text(
        "sendMessage"
    )
    await graphiql.page.screenshot(path=tmp_path / "5-explorer.png")

    await graphiql.page.get_by_role("button", name="Headers").click()
    editor = "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1).CodeMirror"
    await graphiql.page.evaluate(f"key => {editor}.setValue(JSON.stringify({{Authorization: key}}))", "Bearer wrong")
    for operation in ("Follow", "Send"):
        await graphiql.run(operation)
        refused = await graphiql.response("UNAUTHENTICATED")
        assert "not valid" in refused["errors"][0]["message"]
        await graphiql.clear()
    await graphiql.page.evaluate(
        f"key => {editor}.setValue(JSON.stringify({{Authorization: key}}))", f"Bearer {API_KEY}"
    )
    await graphiql.run("Send")
    await graphiql.response("SendMessageSuccess")
    await graphiql.run("Follow")
    await graphiql.response("DELIVERED")


async def test_what_a_person_wrote_is_there_after_a_reload(stack, graphiql):
    """Query and variables are kept by the browser; the key is not."""
    await graphiql.open(stack.url)
    await graphiql.run("Send")
    sent = (await graphiql.response("SendMessageSuccess"))["data"]["sendMessage"]["message"]["id"]
    await graphiql.page.get_by_role("button", name="Headers").click()
    editor = "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1).CodeMirror"
    await graphiql.page.evaluate(f'{editor}.setValue(\'{{"Authorization": "Bearer kept-secret"}}\')')
    await graphiql.page.wait_for_timeout(1000)  # the editor stores with a delay
    await graphiql.page.reload()
    await expect(graphiql.page.locator(RUN)).to_be_enabled(timeout=PATIENCE)
    assert sent in await graphiql.text(".graphiql-editor-tool")
    assert "kept-secret" not in await graphiql.page.evaluate("JSON.stringify(localStorage)")


@pytest.mark.django_db(transaction=True)
async def test_without_introspection_the_page_says_so_and_sends(graphiql, caller, settings, tmp_path):
    """There is no documentation; what stands in the editor works."""
    settings.SMS_GRAPHQL_INTROSPECTION = False
    settings.SMS_ANONYMOUS_ACCOUNT = "tests"
    async with serving() as served:
        await graphiql.open(f"http://127.0.0.1:{served.port}")
        refused = await graphiql.response("INTROSPECTION_DISABLED")
        assert "does not show its schema" in refused["errors"][0]["message"]
        await graphiql.page.screenshot(path=tmp_path / "6-no-introspection.png")
        await graphiql.run("Send")
        sent = await graphiql.response("SendMessageSuccess")
        assert sent["data"]["sendMessage"]["message"]["status"] == "QUEUED"
        assert graphiql.faults == []
        await graphiql.page.close()  # and its connections

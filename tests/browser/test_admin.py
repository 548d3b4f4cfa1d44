"""The admin in a real browser, behind ASGI and without a server for its files: an operator's first day."""

import re
import subprocess
import sys

import pytest
from playwright.async_api import expect

from tests.http import call
from tests.stack import ROOT

PASSWORD = "correct horse battery staple"


@pytest.fixture
def operator(stack):
    """Somebody who may do everything, made as the README says."""
    command = [sys.executable, "manage.py", "createsuperuser", "--noinput", "--username", "operator", "--email", ""]
    given = {**stack.environment, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return "operator"


@pytest.fixture
async def page(browser):
    """A browser window that notes what goes wrong in it, and every address that is asked."""
    context = await browser.new_context(viewport={"width": 1400, "height": 850})
    page = await context.new_page()
    page.faults, page.asked = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on(
        "response", lambda answer: page.faults.append(f"{answer.status} {answer.url}") if answer.status > 399 else 0
    )
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda line: page.faults.append(line.text) if line.type in {"error", "warning"} else None)
    yield page
    await context.close()


def send(stack, secret):
    """Send a message with a key and return the answer."""
    message = {"sender_id": "Bakery", "recipient": "233200000901", "text": "Your bread is ready"}
    return call("POST", f"{stack.url}/api/messages/", message, {"Authorization": f"Bearer {secret}"})


async def test_an_operator_makes_an_account_and_looks_after_it(stack, operator, page, tmp_path):
    """Logs in, creates an account and a key, sees a message, and revokes the key."""

    async def picture(name):
        await page.screenshot(path=tmp_path / f"{name}.png", full_page=True)

    await page.goto(f"{stack.url}/admin/")
    await picture("1-login")
    await page.fill("#id_username", operator)
    await page.fill("#id_password", PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#content h1")).to_have_text("Operations")
    await picture("2-index")

    await page.locator(".model-account .addlink").click()
    await page.fill("#id_name", "Bakery")
    await page.fill("#id_rate_limit", "10")
    await page.fill("#id_sender_ids-0-value", "Bakery")
    await picture("3-account")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator(".messagelist .success")).to_contain_text("was added successfully")
    await picture("4-accounts")

    await page.goto(f"{stack.url}/admin/sms/apikey/add/")
    await page.select_option("#id_account", label="Bakery")
    await page.fill("#id_allowed_networks", "10.0.0.1/8")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator(".errornote + .errorlist, .errorlist.nonfield")).to_contain_text("is 10.0.0.0/8 meant")
    await picture("5-refused")
    await page.fill("#id_allowed_networks", "127.0.0.0/8")
    await page.get_by_role("button", name="Save", exact=True).click()
    secret = await page.locator("#secret").text_content()
    assert re.fullmatch(r"sms_live_[0-9A-Za-z]{36}", secret)
    await picture("6-key")

    sent = send(stack, secret)
    assert sent.status == 202
    await page.goto(f"{stack.url}/admin/sms/message/?q={sent.json()['id']}")
    await expect(page.locator("#result_list tbody")).to_contain_text("+23320*****01")
    await picture("7-messages")
    await page.locator("#result_list tbody a").first.click()
    await expect(page.locator("#content")).to_contain_text("QUEUED")
    await picture("8-message")
    assert "Your bread" not in await page.content()

    await page.goto(f"{stack.url}/admin/sms/apikey/")
    await page.get_by_role("row", name=secret[:16]).locator("input.action-select").check()
    await page.select_option("select[name=action]", label="Revoke the chosen API keys, for ever")
    await page.get_by_role("button", name="Go", exact=False).click()
    await expect(page.locator(".messagelist .success")).to_contain_text("1 revoked")
    await picture("9-keys")

    assert {re.match(r"\w+://[^/]+", url)[0] for url in page.asked if not url.startswith("data:")} == {stack.url}
    assert page.faults == []

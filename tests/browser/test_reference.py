"""The REST reference in a real browser: everything is on it, in light and in dark, and it asks nobody but us."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.contract import document

WIDTHS = [1300, 400]


@pytest.fixture(params=["light", "dark"])
async def page(request, browser):
    """A browser window of a person who likes it light, or dark; it keeps what the page asks for, and complains of."""
    context = await browser.new_context(color_scheme=request.param, viewport={"width": WIDTHS[0], "height": 900})
    page = await context.new_page()
    page.scheme, page.asked, page.faults = request.param, [], []
    page.on("request", lambda one: page.asked.append(one.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda line: page.faults.append(line.text))
    yield page
    await context.close()


async def test_everything_is_on_the_page(stack, page, tmp_path):
    """Operations with their fields, limits, examples and codes; no request leaves our origin, and no script is run."""
    await page.goto(f"{stack.url}/api/docs")  # the slash is added
    assert urlsplit(page.url).path == "/api/docs/"
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            article = page.locator(f"article#{operation['operationId']}")
            await expect(article.locator(".route")).to_have_text(f"{method.upper()} {path}")
            for status in operation["responses"]:
                await expect(article.locator(".answer > summary .status", has_text=status)).to_have_count(1)
    send = page.locator("#createMessage")
    await expect(send).to_contain_text("at most 255 characters")
    refused = send.locator(".answer", has=page.locator(".status", has_text="422"))
    await expect(refused.locator("summary").first).to_contain_text("IDEMPOTENCY_KEY_REUSED")
    await refused.locator("summary").first.click()
    await expect(refused.locator("td").first).to_be_visible()
    await page.screenshot(path=tmp_path / f"reference-{page.scheme}.png")
    assert {urlsplit(url).netloc for url in page.asked} == {urlsplit(stack.url).netloc}
    assert page.faults == []
    assert await page.locator("script").count() == 0


async def test_every_link_leads_somewhere_on_the_page(stack, page):
    """Each anchor is there, once."""
    await page.goto(f"{stack.url}/api/docs/")
    anchors = await page.eval_on_selector_all("a[href^='#']", "links => links.map(one => one.hash.slice(1))")
    ids = await page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
    assert len(anchors) > 20
    assert set(anchors) <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", WIDTHS)
async def test_it_can_be_read(stack, page, width):
    """Text differs enough from what is behind it (WCAG 2, level AA: 4.5), and nothing is wider than the window."""
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto(f"{stack.url}/api/docs/")
    colours = await page.evaluate(
        "['body', '.quiet', 'main a', '.method.get', '.method.post', '.refused .status', 'code'].map(one =>"
        " getComputedStyle(document.querySelector(one)).color)"
    )
    papers = await page.evaluate(
        "['body', 'nav'].map(one => getComputedStyle(document.querySelector(one)).backgroundColor)"
    )
    assert [(one, paper) for one in colours for paper in papers if contrast(one, paper) < 4.5] == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


def contrast(one, other):
    """The contrast ratio of two colours, as WCAG 2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    """The relative luminance of `rgb(r, g, b)`, as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

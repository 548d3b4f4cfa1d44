"""A headless Chromium that can reach this machine and nothing else."""

import shutil

import pytest
from playwright.async_api import async_playwright

CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium():
    """Return the path of a Chromium, or None."""
    return next((path for name in CANDIDATES if (path := shutil.which(name))), None)


def pytest_terminal_summary(terminalreporter):
    """Say loudly that the pages were not looked at."""
    if find_chromium() is None and any(
        "tests/browser" in one.nodeid for one in terminalreporter.stats.get("skipped", [])
    ):
        terminalreporter.write_sep(
            "!", "no Chromium found: GraphiQL was not tested in a browser", yellow=True, bold=True
        )


@pytest.fixture
async def browser():
    """A fresh Chromium; without one on this machine, the test is skipped."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        await chromium.close()

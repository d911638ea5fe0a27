"""A real server on a small county, and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import waitress
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.web.compiled import compiled_once
from tests.web.county import prepare, settings_in
from tests.web.signing_in import cookie_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Role
from zhiku.web.app import create_app
from zhiku.web.security import MAX_ADDRESS

#: No sandbox, since CI runs as root; nothing that calls out of the machine.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # All pages are ours: a process for each of them costs more than it shows.
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
]

#: Where Windows and macOS keep browsers that are not on the PATH.
USUAL_PLACES = (
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)


def find_chromium() -> str | None:
    """The Chromium to drive: ZHIKU_CHROMIUM, or one that is installed; None when there is none."""
    named = os.environ.get("ZHIKU_CHROMIUM")
    if named:
        return named
    for name in ("chromium", "chromium-browser", "google-chrome", "msedge", "microsoft-edge"):
        found = shutil.which(name)
        if found:
            return found
    return next((place for place in USUAL_PLACES if Path(place).is_file()), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium, Chrome or Edge is installed; set ZHIKU_CHROMIUM to the path of one")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="session", autouse=True)
def applications_compile_once() -> Iterator[None]:
    with compiled_once():
        yield


@pytest.fixture(scope="session")
def county_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The county, stored and indexed once; tests work on copies."""
    home = tmp_path_factory.mktemp("county")
    prepare(home)
    return home


@pytest.fixture
def zhiku(county_home: Path, tmp_path: Path) -> Iterator[Zhiku]:
    shutil.copytree(county_home, tmp_path, dirs_exist_ok=True)
    opened = Zhiku.open(settings_in(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def server(zhiku: Zhiku) -> Iterator[str]:
    """The pages under waitress with the drainer beside them, as `zhiku serve` runs; gives their address."""
    wsgi = waitress.create_server(
        create_app(zhiku), host="127.0.0.1", port=0, threads=4, max_request_header_size=MAX_ADDRESS
    )
    thread = Thread(target=wsgi.run)
    drainer = zhiku.drainer()
    drainer.start()
    thread.start()
    yield f"http://127.0.0.1:{wsgi.effective_port}"
    wsgi.close()
    # waitress leaves its loop when no socket is left in its map.
    wsgi.task_dispatcher.shutdown()
    thread.join(timeout=10)
    drainer.stop()


@pytest.fixture
def visiting(browser: Browser, server: str) -> Iterator[BrowserContext]:
    """A browser in which nobody is signed in."""
    opened = browser.new_context(base_url=server, viewport={"width": 1280, "height": 800}, locale="zh-CN")
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def context(browser: Browser, zhiku: Zhiku, server: str) -> Iterator[BrowserContext]:
    """The browser of a clerk of the bureau."""
    opened = browser.new_context(base_url=server, viewport={"width": 1280, "height": 800}, locale="zh-CN")
    opened.set_default_timeout(15_000)
    sign_in(opened, zhiku, server, Role.BUREAU)
    yield opened
    opened.close()


def sign_in(context: BrowserContext, zhiku: Zhiku, server: str, role: Role) -> None:
    """Let the account of a role be signed in with a browser."""
    context.add_cookies([{"name": "zhiku_session", "value": cookie_of(create_app(zhiku), role), "url": server}])


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of a clerk of the bureau."""
    return context.new_page()


@pytest.fixture
def visitor(visiting: BrowserContext) -> Page:
    """A page of somebody who is not signed in."""
    return visiting.new_page()

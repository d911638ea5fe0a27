"""A small county in a real database with a real index, and a browser on its pages (CSRF is on)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.compiled import compiled_once
from tests.web.county import prepare, settings_in
from tests.web.signing_in import browser_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Role
from zhiku.web.app import create_app


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
    home = tmp_path / "home"
    shutil.copytree(county_home, home)
    opened = Zhiku.open(settings_in(home))
    yield opened
    opened.close()


@pytest.fixture
def app(zhiku: Zhiku) -> Flask:
    return create_app(zhiku)


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    """A browser in which nobody is signed in."""
    return app.test_client()


@pytest.fixture
def signed_in_as(app: Flask) -> Callable[[Role], FlaskClient]:
    """Gives a browser of its own in which the account of a role is signed in."""
    return lambda role: browser_of(app, role)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """The browser of a clerk of the bureau."""
    return browser_of(app, Role.BUREAU)


@pytest.fixture
def unindexed(county_home: Path, tmp_path: Path) -> Iterator[FlaskClient]:
    """The browser of a clerk of the bureau in a county whose index is gone."""
    home = tmp_path / "unindexed"
    shutil.copytree(county_home, home)
    shutil.rmtree(home / "index")
    opened = Zhiku.open(settings_in(home))
    yield browser_of(create_app(opened), Role.BUREAU)
    opened.close()

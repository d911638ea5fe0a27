"""The database of the tests, as a real PostgreSQL: every test has one of its own, copied from one that was migrated."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, text

from tests.keys import TEST_KEYS
from tests.postgresql.server import find_binaries, running_server
from zhiku import migrations
from zhiku.persistence.session import make_engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need the server."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.postgresql)


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (on Debian: apt install postgresql)")
    with running_server(binaries) as url:
        yield url


@pytest.fixture(scope="session")
def new_database(server: URL) -> Iterator[Callable[[str], URL]]:
    """Gives the address of a fresh database, copied from another ("template0": an empty one)."""
    numbers = itertools.count(1)
    keeper = create_engine(server, isolation_level="AUTOCOMMIT")

    def make(template: str) -> URL:
        name = f"zhiku_{next(numbers)}"
        with keeper.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return server.set(database=name)

    yield make
    keeper.dispose()


@pytest.fixture(scope="session")
def migrated(server: URL, new_database: Callable[[str], URL]) -> str:
    """The name of a database with all tables and nothing in them."""
    url = new_database("template0")
    engine = make_engine(url.render_as_string(hide_password=False), TEST_KEYS)
    migrations.upgrade(engine)
    engine.dispose()
    assert url.database is not None
    return url.database


@pytest.fixture
def database(new_database: Callable[[str], URL], migrated: str) -> Iterator[Engine]:
    """As the fixture of all other tests, on PostgreSQL."""
    engine = make_engine(new_database(migrated).render_as_string(hide_password=False), TEST_KEYS)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(new_database: Callable[[str], URL]) -> Iterator[Engine]:
    """A database without any table."""
    engine = make_engine(new_database("template0").render_as_string(hide_password=False), TEST_KEYS)
    yield engine
    engine.dispose()

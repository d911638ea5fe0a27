"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket in it, for an unprivileged user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

#: Where Debian keeps what is not on the PATH: /usr/lib/postgresql/15/bin.
_DEBIAN = Path("/usr/lib/postgresql")
#: Whom the server runs as where the tests run as root, which PostgreSQL refuses: the package's user, or anybody's.
_USERS = ("postgres", "nobody")
_OWNER = "zhiku"
#: Nothing of it has to survive the tests.
_OPTIONS = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60"


def find_binaries() -> Path | None:
    """The folder with initdb and pg_ctl of the newest PostgreSQL that is installed; None where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [folder / "bin" for folder in _DEBIAN.glob("[0-9]*") if (folder / "bin" / "initdb").is_file()]
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def running_server(binaries: Path) -> Iterator[URL]:
    """A server while the block runs; gives the address of its first database."""
    # Not pytest's folder: it is closed to the server's user. The path of a socket has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="zhiku-pg-"))
    user = _server_user()
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        # Without the caller's variables of PostgreSQL, and not waiting for what the server inherits of our output.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with (folder / f"{program}.log").open("ab") as log:
            subprocess.run(
                [str(binaries / program), *arguments],
                check=True,
                cwd=folder,
                env=environ | {"LC_ALL": "C.UTF-8"},
                stdout=log,
                stderr=log,
                user=user,
                timeout=120,
            )

    try:
        run("initdb", "-D", str(data), "-U", _OWNER, "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "-N")
        run("pg_ctl", "-D", str(data), "-l", str(folder / "server.log"), "-w", "-o", f"{_OPTIONS} -k {folder}", "start")
        try:
            yield URL.create("postgresql+psycopg", _OWNER, database="postgres", query={"host": str(folder)})
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server_user() -> str | None:
    """Whom to run the server as; None for who runs the tests."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _USERS if name in known)

"""One process that serves the pages: waitress on sockets that are bound already, ended without cutting anybody off."""

from __future__ import annotations

import gc
import logging
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import waitress
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import BaseWSGIServer

from zhiku.bootstrap import Zhiku
from zhiku.search.port import IndexProblem
from zhiku.web.app import create_app
from zhiku.web.security import MAX_ADDRESS, MAX_UPLOAD_BODY
from zhiku.web.shares import ABSENT, Share
from zhiku.web.strict_requests import StrictChannel
from zhiku.web.tries import Tries

log = logging.getLogger(__name__)

#: How long requests that are being answered may take after the order to end, in seconds.
GRACE = 5.0

#: How long a start waits for the lists of completion, in seconds; a prefecture's take longer, and come when they come.
LONGEST_WAIT = 10.0

#: Connections that a process keeps open. Browsers open six each and keep them for minutes.
MAX_CONNECTIONS = 1000

#: Connections that wait to be accepted, for all processes together.
BACKLOG = 1024

#: `select` ends at file number 1023; Windows has no `poll`.
HAS_POLL = hasattr(select, "poll")

#: Reads what a first search reads: dictionary, encoder, index, rows.
_FIRST_QUERY = "水库"


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address of this host ("localhost" has two), which nobody can connect to before a server listens.

    Raises `OSError` where the port is taken or the address is not this machine's.
    """
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, address in Adjustments(host=host, port=port).listen:
            made = socket.socket(family, kind, protocol)
            sockets.append(made)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                # On Windows, SO_REUSEADDR would let two programs have the port.
                made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
    except ValueError as error:
        # waitress's way to say that the name is unknown.
        close(sockets)
        raise OSError(0, str(error)) from error
    except BaseException:
        close(sockets)
        raise
    return sockets


def close(sockets: Sequence[socket.socket]) -> None:
    """Close them all."""
    for one in sockets:
        one.close()


class PageServer:
    """The pages of an opened zhiku. Making one gets everything ready; `run` accepts connections until `stop`."""

    def __init__(
        self,
        zhiku: Zhiku,
        sockets: Sequence[socket.socket],
        tries: Tries | None = None,
        is_draining: bool = True,
        share: Share | None = None,
    ) -> None:
        """`is_draining`: whether this process brings changes into the index; one is enough for all. `share` is its
        part of the connections, where there are other processes."""
        self._share = share
        self._zhiku = zhiku
        self._sockets = sockets
        #: The application that answers.
        self.app = create_app(zhiku, tries)
        self._map: dict[int, Any] = {}
        self._drainer = zhiku.drainer() if is_draining else None
        self._is_stopping = False
        warm_up(zhiku, self.app)

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`; then who is being answered gets the rest, for `GRACE` seconds at most."""
        settings = self._zhiku.settings
        # waitress warns for every request that waits a moment; that is what its queue is for.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        server = waitress.create_server(
            self.app,
            map=self._map,
            sockets=list(self._sockets),
            threads=settings.threads,
            ident="zhiku",
            backlog=BACKLOG,
            connection_limit=MAX_CONNECTIONS,
            asyncore_use_poll=HAS_POLL,
            # An address may hold a pasted problem, and one that is too long is to be cut with a sentence, not refused.
            max_request_header_size=MAX_ADDRESS,
            # Read before anybody asks what for, into a temporary file where it is large.
            max_request_body_size=MAX_UPLOAD_BODY,
            # With proxies that are trusted, the application itself reads their headers (ProxyFix in web/security.py).
            clear_untrusted_proxy_headers=settings.trusted_proxies == 0,
        )
        for one in self._servers():
            one.channel_class = StrictChannel
        if self._share:
            for one in self._servers():
                one.handle_accept = _hesitating(self._share, one.handle_accept)
        if self._drainer:
            self._drainer.start()
        try:
            on_ready()
            while not self._is_stopping:
                self._turn(1.0)
            self._finish(time.monotonic() + GRACE)
        finally:
            server.task_dispatcher.shutdown(timeout=1)
            wasyncore.close_all(self._map, ignore_all=True)
            if self._drainer:
                self._drainer.stop()

    def stop(self) -> None:
        """Let `run` come to its end. May be called by any thread and by signal handlers."""
        self._is_stopping = True
        for server in self._servers():
            server.pull_trigger()

    def _turn(self, longest: float) -> None:
        if self._share:
            open_here = sum(len(one.active_channels) for one in self._servers())
            self._share.tell(ABSENT if self._is_stopping else open_here)
        wasyncore.loop(longest, use_poll=HAS_POLL, map=self._map, count=1)

    def _finish(self, until: float) -> None:
        servers = self._servers()
        for server in servers:
            # Its own `close` would also close the trigger, by which threads say that an answer is there.
            wasyncore.dispatcher.close(server)
        while time.monotonic() < until:
            channels = [channel for server in servers for channel in server.active_channels.values()]
            for channel in channels:
                if not channel.requests and not channel.total_outbufs_len:
                    channel.will_close = True
            if not channels:
                return
            self._turn(0.1)

    def _servers(self) -> list[BaseWSGIServer]:
        return [one for one in list(self._map.values()) if isinstance(one, BaseWSGIServer)]


def _hesitating(share: Share, accept: Callable[[], None]) -> Callable[[], None]:
    def hesitate_and_accept() -> None:
        share.hesitate()
        accept()

    return hesitate_and_accept


def warm_up(zhiku: Zhiku, app: Flask) -> None:
    """Read what the first request would have to wait for. What is wrong with database or index is its page's to say."""
    try:
        # The scope of almost everybody.
        searches = zhiku.searches.within(zhiku.settings.division)
        searches.experts.search(_FIRST_QUERY)
        searches.start()
        searches.completer.complete(_FIRST_QUERY, LONGEST_WAIT)
        searches.problem_words.get()
    except (IndexProblem, SQLAlchemyError) as error:
        log.warning("nothing to warm up with: %s", type(error).__name__)
    for template in ("experts/search.html", "experts/profile.html", "pages/home.html", "errors/error.html"):
        app.jinja_env.get_template(template)
    # Dictionaries and lists are some 300,000 objects that stay: to look at them stops everybody for 90 ms.
    gc.collect()
    gc.freeze()

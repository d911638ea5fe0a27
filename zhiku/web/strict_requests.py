"""Requests that two programs could read in two ways are refused.

RFC 9112 (6.1) lets a server answer a request with both a length and chunks, and warns of it: a proxy that counts and a
server that reads chunks disagree where the next request begins, and somebody's request ends up in another's. waitress
answers it; we do not, and nginx does not pass it on.
"""

from __future__ import annotations

from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError


class StrictParser(HTTPRequestParser):
    """Reads the head of a request."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        headers: dict[str, Any] = self.headers
        # The length that waitress counts of chunks is there only when all of them are.
        if self.chunked and "CONTENT_LENGTH" in headers:
            raise ParsingError("Content-Length with Transfer-Encoding")


class StrictChannel(HTTPChannel):
    """A connection whose requests are read so."""

    parser_class = StrictParser

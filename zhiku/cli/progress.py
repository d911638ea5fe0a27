"""A progress bar on standard error, from a callback `(done, total)`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Give a callback that draws a bar; nothing is drawn where standard error is no terminal, but start and end."""
    if not sys.stderr.isatty():
        click.echo(f"{label}…", err=True)
        yield lambda done, total: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr, update_min_steps=1) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield advance

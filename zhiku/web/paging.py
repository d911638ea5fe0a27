"""Links to the pages of a list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Pages named on each side of the current one.
NEIGHBOURS = 2


@dataclass(frozen=True, slots=True)
class PageLinks:
    """`numbered` has (page, its address) in order, and (None, "") where pages are left out."""

    page: int
    pages: int
    previous: str
    next: str
    numbered: tuple[tuple[int | None, str], ...]


def page_links(page: int, pages: int, address: Callable[[int], str]) -> PageLinks:
    """Links for page `page` of `pages`: first, last, and those around it."""
    near = range(page - NEIGHBOURS, page + NEIGHBOURS + 1)
    named = sorted({number for number in (1, *near, pages) if 1 <= number <= pages})
    numbered: list[tuple[int | None, str]] = []
    for number, before in zip(named, [0, *named], strict=False):
        if number - before > 1:
            numbered.append((None, ""))
        numbered.append((number, address(number)))
    return PageLinks(
        page=page,
        pages=pages,
        previous=address(page - 1) if 1 < page <= pages + 1 else "",
        next=address(page + 1) if page < pages else "",
        numbered=tuple(numbered),
    )

"""The figures as tables for a reader, or as JSON for a program."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field

from _bench.corpus import Corpus
from _bench.musts import Must, judge
from _bench.race import Result, ratio
from _bench.timing import Figures


@dataclass(slots=True)
class Report:
    """All that a run measured."""

    corpus: Corpus
    cores: int
    races: dict[int, list[Result]] = field(default_factory=dict)
    whole: Figures = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def musts(self) -> list[Must]:
        """Figures beside their limits."""
        return judge(self.races, self.whole)

    def as_dict(self) -> dict[str, object]:
        """For JSON; times in milliseconds."""
        return {
            "machine": {"cores": self.cores, "python": platform.python_version(), "system": platform.platform()},
            "corpus": {
                "name": self.corpus.name,
                "texts": len(self.corpus.texts),
                "long queries": len(self.corpus.long),
                "short queries": len(self.corpus.short),
            },
            "engines": {f"×{times}": [_record(one) for one in results] for times, results in self.races.items()},
            "figures": {
                name: {"value": round(figure.value, 4), "unit": figure.unit} for name, figure in self.whole.items()
            },
            "musts": [
                {
                    "what": must.what,
                    "value": round(must.value, 4),
                    "unit": must.unit,
                    "limit": ("at most " if must.is_at_most else "at least ") + f"{must.limit:g}",
                    "met": must.is_met,
                }
                for must in self.musts()
            ],
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """For a terminal."""
        lines = [
            f"{self.corpus.name}: {len(self.corpus.texts)} texts, {len(self.corpus.long)} long and "
            f"{len(self.corpus.short)} short queries; {self.cores} cores, Python {platform.python_version()}"
        ]
        for times, results in self.races.items():
            lines += ["", *_race_lines(times, results)]
        if self.whole:
            lines += ["", "zhiku's whole path"]
            lines += [f"  {name:<48}{figure.value:>12,.2f} {figure.unit}" for name, figure in self.whole.items()]
        if musts := self.musts():
            lines += ["", "What must be, on two cores at ×5:"]
            lines += [
                f"  {must.what:<48}{must.value:>12,.2f} {must.unit:<12}{'≤' if must.is_at_most else '≥'} "
                f"{must.limit:<8,g}{'met' if must.is_met else 'missed'}"
                for must in musts
            ]
        return lines + ([""] if self.notes else []) + self.notes


def _record(result: Result) -> dict[str, object]:
    record: dict[str, object] = {
        "engine": result.engine,
        "formula": result.formula,
        "documents": result.documents,
        "documents/s": round(result.rate, 1),
        "documents/s, terms given": round(result.documents / result.build, 1) if result.analysis else None,
        "bytes": result.size,
        "queries checked": len(result.comparisons),
        "exact": round(result.exact, 4),
        "overlap@10": round(result.overlap, 4),
    }
    for length in ("long", "short"):
        for share in (0.5, 0.95):
            for name, p in (("first touch", result.p_first), ("warm", result.p), ("every pass", result.p_every_pass)):
                record[f"{length}, {name}, p{share * 100:.0f}"] = round(p(share, length), 4)
    return record


_COLUMNS = (
    ("engine", 18), ("exact", 7), ("same 10", 8), ("long p50", 10), ("p95", 9), ("short p50", 10), ("p95", 9),
    ("first long", 11), ("short", 9), ("docs/s", 9), ("MB", 7), ("/tantivy", 9), ("whoosh/", 9),
)  # fmt: skip


def _race_lines(times: int, results: Sequence[Result]) -> list[str]:
    """One engine a line. Ratios are of p95, on the long queries that both were asked."""
    by_name = {result.engine: result for result in results}
    documents = results[0].documents if results else 0
    lines = [
        f"×{times}: {documents} documents, words and bigrams; milliseconds, of each query the better warm pass; "
        "first touch is p95",
        _line([name for name, _ in _COLUMNS]),
    ]
    for result in results:
        cells = [
            result.engine,
            f"{result.exact:.0%}",
            f"{result.overlap:.0%}",
            *(f"{result.p(share, length):.2f}" for length in ("long", "short") for share in (0.5, 0.95)),
            *(f"{result.p_first(0.95, length):.2f}" for length in ("long", "short")),
            f"{result.rate:,.0f}",
            f"{result.size / 1e6:.1f}",
            _ratio(result, by_name.get("tantivy")),
            _ratio(by_name.get("whoosh"), result),
        ]
        lines.append(_line(cells))
    return lines


def _line(cells: Sequence[str]) -> str:
    """The first cell to the left, the others to the right."""
    widths = [width for _, width in _COLUMNS]
    rest = zip(cells[1:], widths[1:], strict=True)
    return f"{cells[0]:<{widths[0]}}" + "".join(f"{cell:>{width}}" for cell, width in rest)


def _ratio(one: Result | None, other: Result | None) -> str:
    return f"{ratio(one, other, 'long'):.1f}×" if one and other else "–"

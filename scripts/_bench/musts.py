"""What the figures must be, and whether they are. Times say more of the machine than of the code, so none fails a run.

The musts are those of two cores and 21,630 documents (the corpus five times), words and bigrams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from _bench.race import Result, ratio
from _bench.timing import Figure, Figures


@dataclass(frozen=True, slots=True)
class Must:
    """One figure beside its limit."""

    what: str
    value: float
    unit: str
    limit: float
    is_at_most: bool = True

    @property
    def is_met(self) -> bool:
        """Whether the value keeps to the limit."""
        return self.value <= self.limit if self.is_at_most else self.value >= self.limit


_FOUND, _PACE, _LASTED = "a commit is found after, longest", "searches meanwhile", "pages under load, for"

#: Figure of the whole path -> (limit, whether at most).
_WHOLE: Mapping[str, tuple[float, bool]] = {
    "service call, p95": (8.0, True),
    "service call with meaning, p95": (8.0, True),
    "page, p95": (25.0, True),
    "page with meaning, p95": (25.0, True),
    "rebuild, one process": (1500.0, False),
    "rebuild, two processes": (2500.0, False),
    "rebuild with meaning, vectors cached": (1500.0, False),
    "rebuild with meaning, vectors cached, two processes": (2500.0, False),
    "pages under load": (150.0, False),
    "pages under load, p99": (150.0, True),
    "pages under load, errors": (0.0, True),
    _PACE: (45.0, False),
    _FOUND: (2.0, True),
}

#: How long the pages must bear the load, in seconds.
_LOAD = 60.0


def judge(races: Mapping[int, Sequence[Result]], whole: Figures) -> list[Must]:
    """Every must for which there are figures. `races`: times -> results."""
    musts: list[Must] = []
    for times, results in races.items():
        musts += _against_peers(times, {result.engine: result for result in results})
    if len(races) > 1:
        musts += _growth(races)
    kept_pace = _PACE in whole and whole[_PACE].value >= _WHOLE[_PACE][0]
    lasted = whole[_LASTED].value if _LASTED in whole else 0.0
    for name, figure in whole.items():
        limit = _WHOLE.get(name) or _WHOLE.get(name.partition(" (")[0])
        # Found in time beside fewer searches than asked for says nothing of the must.
        if limit and (name != _FOUND or kept_pace):
            short = name.startswith("pages under load") and lasted < _LOAD
            what = f"{name.partition(' (')[0]}, only {lasted:.0f} of {_LOAD:.0f} s" if short else name
            musts.append(Must(what, figure.value, figure.unit, *limit))
    msearch = [result for results in races.values() for result in results if result.engine == "flask-msearch"]
    rebuild = whole.get("rebuild, one process", Figure(0.0, ""))
    if msearch and rebuild.value:
        musts.append(Must("rebuild / flask-msearch", rebuild.value / msearch[-1].rate, "×", 5.0, False))
    return musts


def _against_peers(times: int, results: Mapping[str, Result]) -> list[Must]:
    if "zhiku" not in results:
        return []
    ours = results["zhiku"]
    musts = [Must(f"×{times}: first touch, long, p95", ours.p_first(0.95, "long"), "ms", 8.0)]
    if "tantivy" in results:
        for length in ("long", "short"):
            value = ratio(ours, results["tantivy"], length)
            musts.append(Must(f"×{times}: p95 / tantivy's, {length}", value, "×", 2.0))
    if "whoosh" in results:
        value = ratio(results["whoosh"], ours, "long")
        musts.append(Must(f"×{times}: faster than stock Whoosh, long", value, "×", 50.0, False))
    return musts


def _growth(races: Mapping[int, Sequence[Result]]) -> list[Must]:
    """p95 must grow less than the corpus."""
    least, most = min(races), max(races)
    ours = {times: result for times, results in races.items() for result in results if result.engine == "zhiku"}
    if least not in ours or most not in ours:
        return []
    return [
        Must(
            f"growth of p95 ×{least} → ×{most}, {length}",
            ours[most].p(0.95, length) / ours[least].p(0.95, length),
            "×",
            most / least,
        )
        for length in ("long", "short")
    ]

"""What the figures must be, and whether they are. Times say more of the machine than of the code, so none fails a run.

The musts are those of two cores and 21,630 documents (the corpus five times), words and bigrams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from _bench.race import Result
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


#: Figure of the whole path -> (limit, whether at most).
_WHOLE: Mapping[str, tuple[float, bool]] = {
    "service call, p95": (8.0, True),
    "service call with meaning, p95": (8.0, True),
    "page, p95": (25.0, True),
    "page with meaning, p95": (25.0, True),
    "rebuild, one process": (1500.0, False),
    "rebuild, two processes": (2500.0, False),
    "rebuild with meaning, vectors cached": (1500.0, False),
    "pages under load": (150.0, False),
    "pages under load, p99": (150.0, True),
    "pages under load, errors": (0.0, True),
    "a commit is found after, longest": (2.0, True),
}


def judge(races: Mapping[int, Sequence[Result]], whole: Figures) -> list[Must]:
    """Every must for which there are figures. `races`: times -> results."""
    musts: list[Must] = []
    for times, results in races.items():
        musts += _against_peers(times, {result.engine: result for result in results})
    if len(races) > 1:
        musts += _growth(races)
    for name, figure in whole.items():
        limit = _WHOLE.get(name) or _WHOLE.get(name.partition(" (")[0])
        if limit:
            musts.append(Must(name, figure.value, figure.unit, *limit))
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
            ratio = ours.p(0.95, length) / results["tantivy"].p(0.95, length)
            musts.append(Must(f"×{times}: p95 / tantivy's, {length}", ratio, "×", 2.0))
    if "whoosh" in results:
        ratio = results["whoosh"].p(0.95, "long") / ours.p(0.95, "long")
        musts.append(Must(f"×{times}: faster than stock Whoosh, long", ratio, "×", 50.0, False))
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

"""A suggestion's way as its author sees it: 已收到 → 已立案 → 已交办 → 办理中 → 已答复, with days and unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from zhiku.domain.suggestions import Suggestion, SuggestionStatus

#: The stations every suggestion passes, in order.
WAY = (
    SuggestionStatus.SUBMITTED,
    SuggestionStatus.ACCEPTED,
    SuggestionStatus.ASSIGNED,
    SuggestionStatus.IN_HAND,
    SuggestionStatus.REPLIED,
)

#: What each status means, in words a retiree understands.
MEANINGS = {
    SuggestionStatus.SUBMITTED: "县委老干部局已经收到您的建议，正在看。",
    SuggestionStatus.ACCEPTED: "您的建议已经正式登记，正在确定由哪个单位办理。",
    SuggestionStatus.ASSIGNED: "您的建议已经交给承办单位。",
    SuggestionStatus.IN_HAND: "承办单位正在办理。",
    SuggestionStatus.REPLIED: "承办单位已经答复。",
    SuggestionStatus.CLOSED: "这件建议已经办结。",
    SuggestionStatus.NOT_ACCEPTED: "这件建议没有立案，原因请问县委老干部局。",
    SuggestionStatus.WITHDRAWN: "这件建议已经撤回。",
}


@dataclass(frozen=True, slots=True)
class Station:
    """One station: passed or not, when, and by whom. `on` is None where the day is not known or not come."""

    label: str
    on: date | None
    note: str
    unit: str
    is_reached: bool
    is_current: bool


def stations_of(suggestion: Suggestion) -> tuple[Station, ...]:
    """The stations of a suggestion: those of the common way, then an end that is not on it (closed, withdrawn …)."""
    steps = {step.status: step for step in suggestion.steps}
    days = {SuggestionStatus.SUBMITTED: suggestion.submitted_on, SuggestionStatus.REPLIED: suggestion.replied_on}
    unit = suggestion.lead_department.name if suggestion.lead_department else ""
    way = list(WAY)
    status = suggestion.status
    if status not in WAY:
        # Closed comes after all of the way; the others cut it short after the last step that was taken.
        if status is not SuggestionStatus.CLOSED:
            way = [station for station in WAY if station is SuggestionStatus.SUBMITTED or station in steps]
        way.append(status)
    reached = way.index(status)
    stations = []
    for place, station in enumerate(way):
        step = steps.get(station)
        stations.append(
            Station(
                label=station.label,
                on=step.on if step else (days.get(station) if place <= reached else None),
                note=step.note if step else "",
                unit=unit if station is SuggestionStatus.ASSIGNED and place <= reached else "",
                is_reached=place <= reached,
                is_current=place == reached,
            )
        )
    return tuple(stations)

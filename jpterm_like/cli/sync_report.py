"""The outcome of one run of `sync`: told in sentences, or as facts for --json."""

from __future__ import annotations

from dataclasses import dataclass, field

from jpterm_like.cli.place_commands import REASONS
from jpterm_like.packs.decisions import Standing
from jpterm_like.packs.names import PackName
from jpterm_like.places.base import Place, in_sentence
from jpterm_like.places.exchange import Report


@dataclass
class Totals:
    """What one run did."""

    sent_changes: int = 0
    sent_documents: int = 0
    got_changes: int = 0
    got_documents: int = 0
    people: list[str] = field(default_factory=list)
    early: int = 0
    written: int = 0
    """Changes that went into packs of this machine, and so are to be sent."""
    notices: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    packs_sent: int = 0
    packs_fetched: int = 0
    set_aside: list[PackName] = field(default_factory=list)
    report: Report | None = None
    """The last exchange."""

    @property
    def has_moved(self) -> bool:
        """Whether anything came or went."""
        return bool(
            self.got_changes or self.sent_changes or self.packs_sent or self.packs_fetched or self.notices
        )

    @property
    def is_same(self) -> bool:
        """Whether both sides have the same now, and all of it could be used."""
        report = self.report
        return (
            report is not None
            and report.is_complete
            and not report.coming
            and not self.set_aside
            and not self.early
            and not self.problems
        )


def describe(place: Place, totals: Totals) -> list[str]:
    """Say in sentences what one run did: what a person should know, and last the sum of it."""
    report = totals.report
    assert report is not None
    said = [*totals.notices, *totals.problems]
    if report.standing is not Standing.READY:
        problem = report.problem or f"{in_sentence(place)} {REASONS[report.standing]}."
        return [*said, str(problem)]
    done: list[str] = []
    if totals.sent_changes:
        done.append(
            f"sent {_count(totals.sent_changes, 'change')} in {_count(totals.sent_documents, 'document')}"
        )
    elif totals.packs_sent:
        done.append(f"sent {_count(totals.packs_sent, 'pack')}")
    if totals.got_changes:
        by = f" by {_join(totals.people)}" if totals.people else ""
        what = f"{totals.got_changes:,}" if totals.sent_changes else _count(totals.got_changes, "change")
        done.append(f"got {what}{by} in {_count(totals.got_documents, 'document')}")
    elif totals.packs_fetched:
        done.append(f"got {_count(totals.packs_fetched, 'pack')}")
    is_ended = report.problem is not None
    sentence = ", ".join(done) or ("nothing was sent" if is_ended and report.waiting else "nothing is new")
    rest: list[str] = []
    if report.waiting:
        rest.append(f"{count_packs(report.waiting)} still to be sent")
    if report.unread:
        rest.append(f"{count_packs(report.unread)} not here yet")
    if totals.set_aside:
        rest.append(f"{count_packs(totals.set_aside)} damaged or of other texts, and left out")
    if report.coming or totals.early:
        rest.append("earlier changes of others are still on their way")
    ending = f"; {', '.join(rest)}" if rest else "; all is the same" if totals.is_same else ""
    if report.problem is not None:
        ending = f"; then it ended: {report.problem}"
    sentence = f"{sentence[0].upper()}{sentence[1:]}{ending}"
    return [*said, sentence if sentence.endswith(".") else f"{sentence}."]


def collect_facts(place: Place, totals: Totals) -> dict[str, object]:
    """Return for --json what one run did."""
    report = totals.report
    assert report is not None
    return {
        "place": place.address,
        "state": report.standing.value,
        "same": totals.is_same,
        "sent_changes": totals.sent_changes,
        "sent_documents": totals.sent_documents,
        "got_changes": totals.got_changes,
        "got_documents": totals.got_documents,
        "by": totals.people,
        "packs_sent": totals.packs_sent,
        "packs_fetched": totals.packs_fetched,
        "waiting": len(report.waiting),
        "unread": len(report.unread),
        "set_aside": [str(name) for name in totals.set_aside],
        "problem": None if report.problem is None else str(report.problem),
        "notices": totals.notices,
        "problems": totals.problems,
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def count_packs(names: list[PackName]) -> str:
    return _count(len(names), "pack")


def _join(people: list[str]) -> str:
    if len(people) < 2:
        return "".join(people)
    return (
        f"{', '.join(people[:-1])} and {people[-1]}"
        if len(people) < 5
        else f"{', '.join(people[:3])} and others"
    )

"""What a kernel says becomes records: each message once, whoever folds it and however often it is read."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from crdt.records import Records
from jpterm_like.notebook.fold import Fold
from jpterm_like.notebook.printed import Printed
from jpterm_like.notebook.runs import Run, outputs_json, parts_of_run, shown_run

RUN = "0" * 32


@dataclass(frozen=True)
class Said:
    """An entry of a keeper's log."""

    number: int
    kind: str = "received"
    channel: str = "iopub"
    seconds: float = 1.0
    header: dict[str, Any] = field(default_factory=dict)
    parent: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()


def said(number: int, kind: str, content: dict[str, Any], run: str = RUN) -> Said:
    channel = "shell" if kind.endswith("_reply") else "iopub"
    return Said(number, channel=channel, header={"msg_type": kind}, parent={"msg_id": run}, content=content)


def sent(number: int, run: str = RUN) -> Said:
    header = {"msg_type": "execute_request", "msg_id": run}
    return Said(number, kind="sent", channel="shell", header=header)


def begun(run: str = RUN, cell: str = "a", records: Records | None = None) -> Fold:
    fold = Fold(Records(site=1) if records is None else records)
    fold.enqueue(Run(run, cell, "ann", "waits", asked_ms=5), "print(1)")
    return fold


def told(fold: Fold, entries: Sequence[Said]) -> Fold:
    for entry in entries:
        fold.fold("k", entry)
    return fold


def outputs(fold: Fold, run: str = RUN) -> list[dict[str, Any]]:
    return outputs_json(parts_of_run(fold.records, run))


def printed(fold: Fold, run: str = RUN) -> str:
    return "".join("".join(each["text"]) for each in outputs(fold, run) if each["output_type"] == "stream")


def stream(number: int, text: str, run: str = RUN) -> Said:
    return said(number, "stream", {"name": "stdout", "text": text}, run)


def busy(number: int, run: str = RUN) -> Said:
    return said(number, "status", {"execution_state": "busy"}, run)


def idle(number: int, run: str = RUN) -> Said:
    return said(number, "status", {"execution_state": "idle"}, run)


def reply(number: int, status: str = "ok", run: str = RUN, **more: Any) -> Said:
    return said(number, "execute_reply", {"status": status, "execution_count": 7, **more}, run)


def test_a_run_from_asking_to_its_end() -> None:
    fold = begun()
    assert fold.queue == [RUN] and fold.source_of(RUN) == "print(1)"
    told(fold, [sent(0), busy(1), stream(2, "1\n"), reply(3)])
    run = fold.run(RUN)
    assert run is not None and run.state == "runs" and fold.queue == []
    told(fold, [stream(4, "late\n"), idle(5)])
    run = shown_run(fold.records, "a")
    assert run is not None and (run.state, run.number, run.by) == ("ok", 7, "ann")
    assert printed(fold) == "1\nlate\n"


def test_it_is_over_whichever_of_reply_and_idle_comes_first() -> None:
    for last in ([reply(2), idle(3)], [idle(2), reply(3)]):
        fold = told(begun(), [sent(0), busy(1), *last])
        run = fold.run(RUN)
        assert run is not None and run.state == "ok"


def test_each_entry_counts_once_whoever_reads_it() -> None:
    """At each entry the server may die: another one has the records alone, and reads some entries again."""
    rng = random.Random(5)
    entries = [sent(0), busy(1)]
    text = ""
    for number in range(2, 300):
        piece = rng.choice(
            ["tick\n", f"{number} %\r", "é", "\x1b[31mred\x1b[0m\n", "\x1b[", "A", "x" * 700, "\n" * 30]
        )
        text += piece
        entries.append(stream(number, piece))
    entries += [reply(300), idle(301)]
    whole = told(begun(), entries)
    for seed in range(20):
        rng = random.Random(seed)
        fold, at = begun(), 0
        while at < len(entries):
            step = rng.randrange(1, 40)
            told(fold, entries[max(0, at - rng.randrange(5)) : at + step])
            at += step
            fold = Fold(Records.decode(fold.records.encode(), site=seed * 1000 + at + 10))
        assert outputs(fold) == outputs(whole), f"seed {seed}"
        assert fold.run(RUN) == whole.run(RUN)


def test_printed_text_is_as_a_terminal_would_have_it() -> None:
    rng = random.Random(1)
    for seed in range(50):
        rng.seed(seed)
        text = "".join(
            rng.choice(
                ["ab", "\n", "\r", "\x1b[A", "\x1b[K", "\b", "\x1b[1mb\x1b[0m", "\x1b]0;title\x07", "\x07"]
            )
            for _ in range(60)
        )
        whole, cut = Printed(), Printed()
        whole.feed(text)
        at = 0
        while at < len(text):
            step = rng.randrange(1, 5)
            cut.feed(text[at : at + step])
            cut = Printed(cut.text, cut.row, cut.column, cut.rest)
            at += step
        assert (cut.text, cut.row, cut.column) == (whole.text, whole.row, whole.column), f"seed {seed}"
        assert "title" not in whole.text and "\x07" not in whole.text
    bar = Printed()
    bar.feed("a\nb\n\x1b[2A\x1b[KA\r\n\x1b[Kb2\n")
    assert bar.text == "A\nb2\n"


def test_a_progress_bar_keeps_one_line() -> None:
    fold = told(begun(), [sent(0), *[stream(at, f"\r{at:>5} of 2000") for at in range(1, 2001)]])
    assert printed(fold) == " 2000 of 2000"
    assert len(fold.records.encode()) < 1000


def test_of_a_long_text_beginning_and_end_are_kept() -> None:
    lines = [f"{at} {'x' * 60}\n" for at in range(100_000)]
    entries = [stream(at + 1, "".join(lines[at * 1000 : at * 1000 + 1000])) for at in range(100)]
    fold = told(begun(), [sent(0), *entries])
    found = printed(fold)
    assert found.startswith(lines[0]) and found.endswith(lines[-1]) and len(found) < 1_100_000
    [told_lines] = [line for line in found.split("\n") if "left out" in line]
    count = int(told_lines.split()[0].strip("[").replace(",", ""))
    assert found.count("\n") - 1 + count == 100_000


def test_displays_are_updated_by_their_name_in_every_cell() -> None:
    def shows(number: int, kind: str, text: str, run: str) -> Said:
        content = {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": "d"}}
        return said(number, kind, content, run)

    other = "1" * 32
    fold = begun()
    begun(other, "b", fold.records)
    fold = Fold(fold.records)
    told(
        fold,
        [
            sent(0),
            shows(1, "display_data", "one", RUN),
            sent(2, other),
            shows(3, "update_display_data", "two", other),
        ],
    )
    assert outputs(fold)[0]["data"] == {"text/plain": ["two"]} and outputs(fold, other) == []


def test_clearing_waits_for_the_next_output_if_asked() -> None:
    fold = told(begun(), [sent(0), stream(1, "a\n"), said(2, "clear_output", {"wait": True})])
    assert printed(fold) == "a\n"
    fold = Fold(fold.records)
    told(fold, [stream(3, "b\n")])
    assert printed(fold) == "b\n"
    told(fold, [said(4, "clear_output", {"wait": False})])
    assert printed(fold) == ""


def test_a_failure_cancels_what_the_same_person_queued() -> None:
    fold = begun()
    fold.enqueue(Run("1" * 32, "b", "ann", "waits"), "")
    fold.enqueue(Run("2" * 32, "c", "bob", "waits"), "")
    told(
        fold,
        [
            sent(0),
            busy(1),
            said(2, "error", {"ename": "E", "evalue": "v", "traceback": ["t"]}),
            reply(3, "error"),
            idle(4),
        ],
    )
    states = [run.state for cell in "abc" if (run := shown_run(fold.records, cell)) is not None]
    assert states == ["error", "cancelled", "waits"] and fold.queue == ["2" * 32]
    assert outputs(fold)[0]["ename"] == "E"


def test_an_interrupt_is_told_as_such() -> None:
    fold = told(begun(), [sent(0), busy(1), reply(2, "error", ename="KeyboardInterrupt"), idle(3)])
    run = fold.run(RUN)
    assert run is not None and run.state == "interrupted"


def test_a_dead_kernel_ends_what_ran_and_cancels_what_waits() -> None:
    fold = begun()
    fold.enqueue(Run("1" * 32, "b", "ann", "waits"), "")
    told(fold, [sent(0), stream(1, "so far\n"), Said(2, kind="exit", content={"code": -9})])
    run, other = fold.run(RUN), fold.run("1" * 32)
    assert run is not None and other is not None
    assert (run.state, run.code, other.state) == ("died", -9, "cancelled") and printed(fold) == "so far\n"


def test_a_gap_is_told_to_the_message() -> None:
    fold = told(begun(), [sent(0), busy(1), Said(2, kind="gap", content={"count": 16}), stream(3, "on\n")])
    assert "16 messages" in printed(fold)


def test_a_question_is_asked_until_somebody_answers_and_no_answer_is_kept() -> None:
    fold = told(begun(), [sent(0), said(1, "input_request", {"prompt": "name?", "password": True})])
    assert fold.note_answer(RUN, "bob") and not fold.note_answer(RUN, "ann")
    [part] = parts_of_run(fold.records, RUN)
    assert part == {"kind": "asks", "prompt": "name?", "secret": True, "answered": "bob"}


def test_a_new_run_takes_the_place_of_the_one_before() -> None:
    fold = told(begun(), [sent(0), stream(1, "before\n"), reply(2), idle(3)])
    fold.enqueue(Run("1" * 32, "a", "ann", "waits"), "")
    assert fold.run(RUN) is None and b"before" not in fold.records.encode()


def test_hostile_messages_break_nothing() -> None:
    fold = begun()
    values: list[Any] = [None, 1, "\ud800", [], {}, {"a": []}, "x" * 10, True, [1], -1, 1.5]
    rng = random.Random(2)
    kinds = ["stream", "display_data", "execute_result", "update_display_data", "clear_output", "error", "status",
             "execute_input", "input_request", "execute_reply", "comm_open"]  # fmt: skip
    keys = ["name", "text", "data", "metadata", "transient", "wait", "ename", "evalue", "traceback", "execution_state",
            "execution_count", "prompt", "password", "status", "display_id"]  # fmt: skip
    told(fold, [sent(0)])
    for number in range(1, 1500):
        content = {key: rng.choice(values) for key in rng.sample(keys, 6)}
        fold.fold("k", said(number, rng.choice(kinds), content))
        if number % 500 == 0:
            outputs(fold)
    assert fold.at == 1499


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("execute_input", {"execution_count": 10**400}),
        ("execute_reply", {"execution_count": -(2**63), "status": "ok"}),
        ("execute_result", {"execution_count": 2**64, "data": {"text/plain": "x"}}),
        ("display_data", {"data": {"application/json": nested(900)}}),
        ("display_data", {"data": {"application/json": nested(5000)}, "metadata": {"a": nested(5000)}}),
        ("display_data", {"data": {"application/json": [10**400, float("nan")]}, "metadata": {"\ud800": "\ud800"}}),
        ("display_data", {"data": {f"x/{at}": "y" * 50 for at in range(100_000)}}),
        ("display_data", {"data": {"x" * 3_000_000: "y", "text/html": "<table>" * 2_000_000, "a/\ud800": "b"}}),
        ("display_data", {"data": {"text/plain": ["x"] * 300_000}, "transient": {"display_id": "../\ud800\n"}}),
        ("error", {"ename": "E" * 3_000_000, "evalue": "v" * 3_000_000, "traceback": ["t" * 100] * 30_000}),
        ("error", {"ename": "E", "evalue": "v", "traceback": ["t"] * 1_000_000}),
        ("stream", {"text": "x" * 20_000_000}),
        ("stream", {"text": "\n" * 5_000_000}),
        ("stream", {"text": "\x1b[" + "9" * 300_000 + "m"}),
        ("stream", {"text": "\x1b]52;c;" + "A" * 3_000_000}),
        ("stream", {"text": "\x1b[99999C\x1b[9999B\x1b[9999A" * 1000}),
        ("input_request", {"prompt": "p" * 3_000_000 + "\ud800\x1b]0;x\x07"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_hostile_outputs_are_bounded_and_the_run_goes_on(kind: str, content: dict[str, Any]) -> None:
    """Bug: numbers of more than 53 bits, deep JSON and long escape sequences ended the task that reads the kernel; a line of 60 MB took 25 s."""
    fold = told(begun(), [sent(0), busy(1), said(2, kind, content), said(3, kind, content)])
    told(fold, [stream(4, "\nafter\n"), reply(5), idle(6)])
    run = fold.run(RUN)
    assert run is not None and run.state == "ok"
    encoded = fold.records.encode()
    assert len(encoded) < 9_000_000
    again = Fold(Records.decode(encoded))
    assert outputs(again) == outputs(fold) and printed(fold).endswith("after\n")
    json.dumps(outputs(fold)).encode()


def test_a_long_line_is_there_once() -> None:
    """Bug: the beginning of a line of more than 12,000 characters was there twice."""
    for length in (11_000, 12_001, 20_000, 50_000, 70_000):
        text = "".join(f"{at:07}" for at in range(length // 7))
        fold = told(begun(), [sent(0), busy(1), stream(2, text), stream(3, "end\n"), reply(4), idle(5)])
        assert printed(fold) == text + "end\n", length


def test_of_one_long_message_it_is_told_how_much_is_left_out() -> None:
    text = "".join(f"line {at}\n" for at in range(400_000))
    fold = told(begun(), [sent(0), busy(1), stream(2, text), reply(3), idle(4)])
    kept = printed(fold)
    told_count = next(part for part in parts_of_run(fold.records, RUN) if part["kind"] == "cut")
    assert kept.startswith("line 0\n") and kept.endswith("line 399999\n")
    assert told_count["characters"] == len(text) - (
        len(kept) - len(f"[{told_count['lines']:,} lines are left out here]\n")
    )

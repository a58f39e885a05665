"""What a screen shows of records, as they come."""

from __future__ import annotations

from crdt import Version
from crdt.records import Records
from jpterm_like.notebook.outputs import Display
from jpterm_like.notebook.runs import Run, put_cell, put_part
from jpterm_like.notebook.shown import ShownOutputs


def test_parts_that_come_before_their_run_are_shown_with_it() -> None:
    """A run is put again when it ends, so a reader that is far behind gets parts of it first, in several messages. The first ones were forgotten."""
    kernel = Records(site=1)
    run = Run("a" * 32, "cell", "ann", "runs")
    put_cell(kernel, "cell", run.id, "")
    kernel.put(f"run/{run.id}", run.value())
    for number in range(60):
        put_part(kernel, run.id, number, {"kind": "display", "data": {"text/plain": str(number)}})
    kernel.put(f"run/{run.id}", run._replace(state="ok").value())

    reader = Records(site=2)
    shown = ShownOutputs(reader, lambda _: "12:03")
    reached = Version()
    messages = 0
    while not kernel.version <= reached:
        message, reached = kernel.changes_up_to(reached, 200)
        shown.changed(reader.integrate(message).keys)
        messages += 1
    assert messages > 3
    assert shown.of("cell").items == tuple(Display({"text/plain": str(number)}) for number in range(60))


def test_a_run_that_is_dropped_is_forgotten() -> None:
    records = Records(site=1)
    run = Run("a" * 32, "cell", "ann", "ok")
    put_cell(records, "cell", run.id, "")
    records.put(f"run/{run.id}", run.value())
    put_part(records, run.id, 0, {"kind": "display", "data": {"text/plain": "1"}})
    shown = ShownOutputs(records, lambda _: "12:03")
    assert shown.of("cell").items
    keys = [key for key in records.keys() if key.startswith("run/")]  # noqa: SIM118 - it is no dictionary
    for key in keys:
        records.drop(key)
    put_cell(records, "cell", None, "")
    shown.changed([*keys, "cell/cell"])
    assert not shown.of("cell").items
    assert not shown._parts

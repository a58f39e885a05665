"""Widgets: what a kernel says of them becomes records, and what is shown is made of these, whatever changed and in which order."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from crdt.records import Records
from jpterm_like.notebook import widget_fold, widgets
from jpterm_like.notebook.fold import Fold
from jpterm_like.notebook.ipynb import with_metadata
from jpterm_like.notebook.outputs import CellOutputs, Stream, Widget
from jpterm_like.notebook.runs import Run
from jpterm_like.notebook.shown import ShownOutputs
from jpterm_like.notebook.widget_fold import CannotMove
from jpterm_like.notebook.widget_moves import MOVABLE, attribute_of, problem
from jpterm_like.notebook.widgets import (
    ATTRIBUTE_BYTES_MAX,
    MODELS_MAX,
    PIECE,
    STATE_TYPE,
    VIEW_TYPE,
    Widgets,
)
from tests.notebook.test_fold import RUN, Said, begun, said, sent, told

KEEPER = "k"


class Kernel:
    """Says things of widgets to a fold."""

    def __init__(self, fold: Fold | None = None) -> None:
        self.fold = begun() if fold is None else fold
        self.fold.records.put("keeper", {"folder": KEEPER, "at": -1})
        self.number = 0
        self.parent = RUN
        self.tell(sent(1))

    def tell(self, entry: Said) -> None:
        self.number = entry.number
        self.fold.fold(KEEPER, entry)

    def say(self, kind: str, content: dict[str, Any], buffers: tuple[bytes, ...] = ()) -> None:
        header = {"msg_type": kind}
        parent = {"msg_id": self.parent}
        self.tell(Said(self.number + 1, header=header, parent=parent, content=content, buffers=buffers))

    def open(self, name: str, model: str, **state: Any) -> None:
        whole = {"_model_name": model, "_model_module": "m", "_model_module_version": "2", **state}
        self.say("comm_open", {"comm_id": name, "target_name": "jupyter.widget", "data": {"state": whole}})

    def update(self, name: str, method: str = "update", **state: Any) -> None:
        self.say(
            "comm_msg", {"comm_id": name, "data": {"method": method, "state": state, "buffer_paths": []}}
        )

    def display(self, name: str) -> None:
        data = {"text/plain": "a widget", VIEW_TYPE: {"model_id": name, "version_major": 2}}
        self.say("display_data", {"data": data, "metadata": {}})

    def print(self, text: str) -> None:
        self.say("stream", {"name": "stdout", "text": text})

    @property
    def shown(self) -> CellOutputs:
        return ShownOutputs(self.fold.records, str).of("a")

    @property
    def widget(self) -> Widget:
        found = [item for item in self.shown.items if isinstance(item, Widget)]
        assert len(found) == 1
        return found[0]

    def move(
        self, name: str, attribute: str, value: Any, who: str = "ann"
    ) -> list[tuple[str, dict[str, Any]]]:
        return self.fold.widgets.move(KEEPER, name, attribute, value, who)


def plain(outputs: CellOutputs) -> str:
    """What is shown, but for its version."""
    return repr((outputs.badge, outputs.items, outputs.is_running))


def test_a_display_shows_its_widget_and_those_in_it() -> None:
    kernel = Kernel()
    kernel.open("s", "IntSliderModel", value=3, min=0, max=10, description="n")
    kernel.open("box", "HBoxModel", children=["IPY_MODEL_s"])
    kernel.display("box")
    assert kernel.widget.model == "HBoxModel" and kernel.widget.is_live
    (slider,) = kernel.widget.children
    assert (slider.model, slider.state["value"]) == ("IntSliderModel", 3)
    kernel.update("s", value=7)
    assert kernel.widget.children[0].state["value"] == 7


def test_an_unknown_widget_is_shown_as_its_text() -> None:
    kernel = Kernel()
    kernel.display("nobody")
    assert [type(item).__name__ for item in kernel.shown.items] == ["Display"]


def test_widgets_that_are_in_themselves_are_shown_once() -> None:
    kernel = Kernel()
    kernel.open("a", "VBoxModel", children=["IPY_MODEL_b", "IPY_MODEL_a"])
    kernel.open("b", "VBoxModel", children=["IPY_MODEL_a"])
    kernel.display("a")
    assert [child.id for child in kernel.widget.children] == ["b"]
    assert kernel.widget.children[0].children == ()


def test_what_is_printed_into_an_output_widget_is_in_it() -> None:
    kernel = Kernel()
    kernel.open("o", "OutputModel", msg_id="", outputs=[])
    kernel.display("o")
    kernel.update("o", msg_id=RUN)
    kernel.print("inside\n")
    kernel.update("o", msg_id="")
    kernel.print("outside\n")
    assert kernel.widget.items == (Stream("stdout", ("inside", "")),)
    assert kernel.shown.items[-1] == Stream("stdout", ("outside", ""))
    kernel.update("o", msg_id=RUN)
    kernel.say("clear_output", {"wait": True})
    kernel.print("new\n")
    assert kernel.widget.items == (Stream("stdout", ("new", "")),)


def test_output_widgets_in_each_other_have_what_the_inner_one_captures() -> None:
    kernel = Kernel()
    for name in ("one", "two"):
        kernel.open(name, "OutputModel", msg_id="")
        kernel.display(name)
        kernel.update(name, msg_id=RUN)
    kernel.print("two\n")
    kernel.update("two", msg_id="")
    kernel.print("one\n")
    inner, text = kernel.widget.items  # the second one was displayed into the first
    assert isinstance(inner, Widget) and inner.items == (Stream("stdout", ("two", "")),)
    assert text == Stream("stdout", ("one", ""))


def test_what_a_callback_prints_is_below_the_cell_that_made_its_widget() -> None:
    kernel = Kernel()
    kernel.open("b", "ButtonModel", description="go")
    kernel.display("b")
    kernel.say("execute_reply", {"status": "ok"})
    kernel.say("status", {"execution_state": "idle"})
    moved = kernel.move("b", "click", None)
    assert moved == [("b", {"method": "custom", "content": {"event": "click"}})]
    content = {"comm_id": "b", "data": moved[0][1]}
    kernel.tell(
        Said(kernel.number + 1, kind="sent", header={"msg_type": "comm_msg", "msg_id": "m1"}, content=content)
    )
    kernel.parent = "m1"
    kernel.print("clicked\n")
    assert kernel.shown.items[-1] == Stream("stdout", ("clicked", ""))


def test_an_echo_of_an_older_move_does_not_move_a_widget_back() -> None:
    kernel = Kernel()
    kernel.open("s", "IntSliderModel", value=0, min=0, max=10)
    kernel.display("s")
    for at, message in ((1, "m1"), (2, "m2"), (3, "m3")):
        ((_, data),) = kernel.move("s", "value", at)
        entry = Said(
            kernel.number + 1, kind="sent", header={"msg_type": "comm_msg", "msg_id": message},
            content={"comm_id": "s", "data": data},
        )  # fmt: skip
        kernel.tell(entry)
    seen = []
    for at, message in ((1, "m1"), (2, "m2"), (3, "m3")):
        kernel.parent = message
        kernel.update("s", "echo_update", value=at)
        seen.append(kernel.widget.state["value"])
    assert seen == [3, 3, 3]
    kernel.update("s", "update", value=5)  # the kernel has the last word
    assert kernel.widget.state["value"] == 5 and kernel.widget.by == "ann"


def test_links_of_the_front_end_move_both_ends() -> None:
    kernel = Kernel()
    for name in ("one", "two", "three"):
        kernel.open(name, "IntSliderModel", value=0, min=0, max=10)
    kernel.open("l", "LinkModel", source=["IPY_MODEL_one", "value"], target=["IPY_MODEL_two", "value"])
    kernel.open(
        "d", "DirectionalLinkModel", source=["IPY_MODEL_two", "value"], target=["IPY_MODEL_three", "value"]
    )
    assert [name for name, _ in kernel.move("two", "value", 4)] == ["two", "one", "three"]
    assert [name for name, _ in kernel.move("three", "value", 5)] == ["three"]
    values = {name: model.state.get("value") for name, model in kernel.fold.widgets.widgets.models.items()}
    assert values["one"] == values["two"] == 4 and values["three"] == 5


@pytest.mark.parametrize(
    ("model", "state", "good", "bad"),
    [
        ("IntSliderModel", {"min": 0, "max": 10}, [0, 10], [11, -1, 1.5, True, "1", None, float("nan")]),
        ("FloatSliderModel", {"min": 0.0, "max": 1.0}, [0, 0.5, 1], [1.1, "1", True, float("inf")]),
        ("IntRangeSliderModel", {"min": 0, "max": 10}, [[1, 1], [0, 10]], [[2, 1], [0, 11], [0], 1, [0.5, 1]]),
        ("CheckboxModel", {}, [True, False], [1, "x", None]),
        ("TextModel", {}, ["", "Zoé"], [1, None, "x" * 100_000]),
        ("DropdownModel", {"_options_labels": ["a", "b"]}, [0, 1], [2, -1, None, True, "a"]),
        ("SelectMultipleModel", {"_options_labels": ["a", "b"]}, [[], [0, 1]], [[2], [0, 0], 1, ["a"]]),
        ("TabModel", {"children": ["IPY_MODEL_a"]}, [0, None], [1, -1, "0", True]),
        ("DatePickerModel", {}, [None, {"year": 2026, "month": 0, "date": 31}], ["x", {"year": 1}, {"year": 0, "month": 0, "date": 1}]),
        ("ButtonModel", {}, [None], [1, "x"]),
        ("IntSliderModel", {"min": 0, "max": 10, "disabled": True}, [], [5]),
        ("HTMLModel", {}, [], ["<b>"]),
        ("IntSliderModel", {"min": "x", "max": []}, [5], ["5"]),
    ],
)  # fmt: skip
def test_only_values_that_the_kernel_would_take_are_taken(
    model: str, state: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    name = attribute_of(model)
    assert [value for value in good if problem(model, state, name, value)] == []
    assert [value for value in bad if not problem(model, state, name, value)] == []
    assert problem(model, state, "description", "x")


def test_a_widget_of_a_kernel_that_has_ended_is_not_moved() -> None:
    kernel = Kernel()
    kernel.open("s", "IntSliderModel", value=0, min=0, max=10)
    kernel.display("s")
    kernel.fold.begin_keeper("other", "python3", 5)
    assert not kernel.widget.is_live
    with pytest.raises(CannotMove, match="has ended"):
        kernel.fold.widgets.move("other", "s", "value", 1, "ann")
    with pytest.raises(CannotMove, match="gone"):
        kernel.fold.widgets.move("other", "nobody", "value", 1, "ann")


def test_hostile_states_are_bounded() -> None:
    kernel = Kernel()
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    kernel.open("s", "IntSliderModel", value=0, deep=deep, **{f"a{at}": at for at in range(1_000)})
    kernel.update("s", value="x" * (ATTRIBUTE_BYTES_MAX + 1))
    kernel.update("s", big="ü" * PIECE * 3, bad={"x/y": "\ud800"}, **{"a/b": 1, "": 2, "é": 3})
    model = kernel.fold.widgets.widgets.models["s"]
    assert "value" not in model.state and "deep" not in model.state and len(model.sizes) <= 200
    assert model.state.get("big", "ü" * PIECE * 3) == "ü" * PIECE * 3
    for content in (
        {}, {"comm_id": 5}, {"comm_id": "x/y", "target_name": "jupyter.widget", "data": {"state": {}}},
        {"comm_id": "s", "data": {"method": "update", "state": [1]}}, {"comm_id": "s", "data": 7},
        {"comm_id": "s", "data": {"method": "update", "state": {"v": 1}, "buffer_paths": [[1], ["v", 2], 7]}},
        {"comm_id": "c", "data": {"method": "update_states", "states": {"q": 1, "r": {"state": 4}}, "buffer_paths": 3}},
    ):  # fmt: skip
        for kind in ("comm_open", "comm_msg", "comm_close"):
            if kind != "comm_close" or content.get("comm_id") != "s":
                kernel.say(kind, content, (b"1", b"2"))
    for at in range(MODELS_MAX + 10):
        kernel.open(f"w{at}", "LabelModel", value="x")
    assert len(kernel.fold.widgets.widgets.models) <= MODELS_MAX


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], "deep"])
def test_what_a_file_or_a_screen_cannot_hold_is_left_out(value: Any) -> None:
    """Nested 900 deep, a state was folded, and ended the program of each person who looked at it: less of the stack was free there. With
    NaN in it no browser opened the file.
    """
    if value == "deep":
        value = []
        for _ in range(900):
            value = [value]
    kernel = Kernel()
    kernel.open("s", "FloatSliderModel", value=1.0, min=0.0, max=5.0)
    kernel.display("s")
    kernel.update("s", value=value)
    assert "value" not in kernel.widget.state and kernel.widget.state["max"] == 5.0
    json.dumps(kernel.fold.widget_states(), allow_nan=False)


def test_a_count_of_pieces_that_nobody_put_costs_nothing() -> None:
    """It took 16 s for 30,000,000."""
    kernel = Kernel()
    kernel.open("s", "LabelModel", value="x")
    kernel.fold.records.put("widget/s/state/boom", {"pieces": 10**15})
    kernel.fold.records.put("widget/s/state/deep", "[" * 5_000 + "]" * 5_000)
    assert set(Widgets(kernel.fold.records).models["s"].state) == {
        "_model_name", "_model_module", "_model_module_version", "value",
    }  # fmt: skip


def test_pictures_that_nobody_sees_any_more_leave_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stayed until there were 2,000 widgets, and new ones had no state meanwhile."""
    for module in (widgets, widget_fold):
        monkeypatch.setattr(module, "STATES_BYTES_MAX", 40_000)
    kernel = Kernel()
    for at in range(120):
        kernel.open(f"w{at}", "ImageModel", value="x" * 1_000)
        kernel.display(f"w{at}")
        assert "value" in kernel.widget.state
        kernel.say("clear_output", {"wait": False})
    assert kernel.fold.widgets.widgets.size <= 40_000


def test_widgets_that_are_shown_stay_when_there_are_too_many() -> None:
    kernel = Kernel()
    kernel.open("inner", "LabelModel", value="x")
    kernel.open("seen", "HBoxModel", children=["IPY_MODEL_inner"])
    kernel.display("seen")
    for at in range(MODELS_MAX * 2):
        kernel.open(f"w{at}", "LabelModel", value="x")
    assert {"seen", "inner"} <= set(kernel.fold.widgets.widgets.models)
    assert kernel.widget.children[0].id == "inner"


def test_states_that_a_kernel_is_asked_for_are_taken() -> None:
    kernel = Kernel()
    kernel.open("s", "IntSliderModel", value=0)
    kernel.display("s")
    kernel.tell(Said(kernel.number + 1, kind="gap", content={"count": 3}))
    assert kernel.fold.asks_states
    states = {
        "s": {
            "model_name": "IntSliderModel",
            "model_module": "m",
            "model_module_version": "2",
            "state": {"value": 9},
        },
        "i": {
            "model_name": "ImageModel",
            "model_module": "m",
            "model_module_version": "2",
            "state": {"format": "png"},
        },
    }
    data = {"method": "update_states", "states": states, "buffer_paths": [["i", "value"]]}
    kernel.say("comm_msg", {"comm_id": "control", "data": data}, (b"PNG",))
    assert not kernel.fold.asks_states and kernel.widget.state["value"] == 9
    assert kernel.fold.widgets.widgets.models["i"].state["value"] == b"PNG"


def test_a_large_attribute_comes_in_pieces_and_goes_with_them() -> None:
    kernel = Kernel()
    kernel.open("s", "HTMLModel", value="x" * 100_000)
    assert Widgets(kernel.fold.records).models["s"].state["value"] == "x" * 100_000
    kernel.update("s", value="y")
    assert Widgets(kernel.fold.records).models["s"].state["value"] == "y"
    assert not any("/value/" in key for key in kernel.fold.records.keys())  # noqa: SIM118 - it is no dictionary
    kernel.say("comm_close", {"comm_id": "s"})
    assert not any(key.startswith("widget/") for key in kernel.fold.records.keys())  # noqa: SIM118


@pytest.mark.parametrize("seed", range(20))
def test_what_is_shown_is_what_the_records_have_whatever_changed(seed: int) -> None:
    """Followed change by change, or read at once: the same. Checked after each step, and with a replica that gets them in batches."""
    rng = random.Random(seed)
    kernel = Kernel()
    records = kernel.fold.records
    replica = Records(site=2)
    shown = ShownOutputs(replica, str)
    names = ["s", "t", "box", "o", "o2"]
    models = ["IntSliderModel", "TextModel", "HBoxModel", "OutputModel", "OutputModel"]
    for _ in range(80):
        name = rng.choice(names)
        model = models[names.index(name)]
        match rng.randrange(10):
            case 0:
                children = [f"IPY_MODEL_{rng.choice(names)}" for _ in range(2)]
                kernel.open(name, model, value=rng.randrange(9), children=children, description=name)
            case 1:
                kernel.display(name)
            case 2 | 3:
                kernel.update(name, value=rng.choice([rng.randrange(9), "x" * rng.randrange(40_000)]))
            case 4:
                kernel.update(name, msg_id=rng.choice(["", RUN]))
            case 5 | 6:
                kernel.print(f"{rng.randrange(99)}\n")
            case 7:
                kernel.say("clear_output", {"wait": rng.random() < 0.5})
            case 8:
                kernel.say("comm_close", {"comm_id": name})
            case 9:
                kernel.say("display_data", {"data": {"image/svg+xml": "<svg>" + "y" * rng.randrange(90_000)}})
        if rng.random() < 0.05:
            kernel.fold.enqueue(Run(f"{rng.randrange(16**8):032x}", "a", "ann", "waits"), "1")
        if rng.random() < 0.3:
            shown.changed(replica.integrate(records.changes_since(replica.version)).keys)
            assert plain(shown.of("a")) == plain(ShownOutputs(records, str).of("a"))
    kernel_again = Fold(records)
    assert {name: model.state for name, model in kernel_again.widgets.widgets.models.items()} == {
        name: model.state for name, model in kernel.fold.widgets.widgets.models.items()
    }


def test_every_widget_that_can_be_moved_says_what_of_it() -> None:
    assert all(attribute_of(model) for model in MOVABLE) and not attribute_of("HTMLModel")
    assert json.dumps(sorted(MOVABLE))


def test_a_file_has_the_states_of_the_widgets_that_it_shows_and_they_come_back() -> None:
    kernel = Kernel()
    kernel.open("s", "IntSliderModel", value=3, min=0, max=10, description="n")
    kernel.open("o", "OutputModel", outputs=[], msg_id="")
    kernel.open("i", "ImageModel", format="png")
    kernel.update("i", value=1)
    content = {"comm_id": "i", "data": {"method": "update", "state": {}, "buffer_paths": [["value"]]}}
    kernel.say("comm_msg", content, (b"\x89PNG",))
    kernel.open("box", "VBoxModel", children=["IPY_MODEL_s", "IPY_MODEL_o", "IPY_MODEL_i"])
    kernel.open("unseen", "LabelModel", value="x")
    kernel.display("box")
    kernel.update("o", msg_id=RUN)
    kernel.print("inside\n")
    kernel.update("o", msg_id="")
    before = '{"cells": [],\n "metadata": {"kernelspec": {"name": "python3"}},\n "nbformat": 4, "nbformat_minor": 5}\n'
    states = kernel.fold.widget_states()
    written = with_metadata(before, "widgets", {STATE_TYPE: states})
    assert set(states["state"]) == {"s", "o", "i", "box"}
    assert (
        written.replace(written[written.index(', "widgets"') : written.index('},\n "nbformat"')], "")
        == before
    )
    assert with_metadata(written, "widgets", {STATE_TYPE: states}) == written
    assert with_metadata(written, "widgets", None) == before
    fresh = begun()
    fresh.widgets.take_file(json.loads(written)["metadata"]["widgets"][STATE_TYPE])
    told(fresh, [sent(1), said(2, "display_data", {"data": {VIEW_TYPE: {"model_id": "box"}}})])
    (widget,) = ShownOutputs(fresh.records, str).of("a").items
    assert isinstance(widget, Widget) and not widget.is_live
    slider, output, image = widget.children
    assert slider.state["value"] == 3 and image.state["value"] == b"\x89PNG"
    assert output.items == (Stream("stdout", ("inside", "")),)


@pytest.mark.parametrize("style", [None, 1, 4])
def test_metadata_are_written_in_the_style_of_the_file(style: int | None) -> None:
    for metadata in ({}, {"a": 1}, {"a": 1, "widgets": {"x": [1]}, "b": {"c": 2}}):
        whole = {"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        before = json.dumps(whole, indent=style)
        value = {"application/x": {"state": {}}}
        written = with_metadata(before, "widgets", value)
        assert written == json.dumps({**whole, "metadata": {**metadata, "widgets": value}}, indent=style)
        kept = {key: each for key, each in metadata.items() if key != "widgets"}
        assert json.loads(with_metadata(before, "widgets", None))["metadata"] == kept
        if "widgets" not in metadata:
            assert with_metadata(before, "widgets", None) == before


@pytest.mark.parametrize(
    "value",
    [
        None, 3, {}, {"version_major": 2}, {"version_major": 2, "state": [1]},
        {"version_major": 2, "state": {"a": 1, "b/c": {"state": {}}, "d": {"state": 1}, "e": {"state": {"value": 1}, "buffers": [1, {}, {"encoding": "base64", "path": ["v"], "data": "é"}]}}},
        {"version_major": 3, "state": {"e": {"state": {"value": 1}}}},
    ],
)  # fmt: skip
def test_states_of_a_file_that_are_none_are_left_out(value: object) -> None:
    fold = begun()
    fold.widgets.take_file(value)
    assert set(fold.widgets.widgets.models) <= {"e"}

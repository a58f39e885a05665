"""What a notebook file has as outputs gives items, whatever it is."""

from __future__ import annotations

import base64
import doctest
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpterm_like.notebook import outputs
from jpterm_like.notebook.ipynb import read_notebook
from jpterm_like.notebook.outputs import (
    Display,
    Error,
    Item,
    Stream,
    Unknown,
    items_of,
    stored_outputs,
)

PNG = b"\x89PNG\r\n"


@pytest.mark.parametrize(
    ("output", "item"),
    [
        ({"output_type": "stream", "name": "stderr", "text": "a\nb"}, Stream("stderr", ("a", "b"))),
        ({"output_type": "stream", "name": "elsewhere", "text": ["a\n"]}, Stream("stdout", ("a", ""))),
        (
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mone", "two\nlines"]},
            Error("E", "v", ("\x1b[31mone", "two\nlines")),
        ),
        ({"output_type": "error"}, Error("", "", ())),
        (
            {"output_type": "display_data", "data": {"text/plain": ["<Figure", ">"], "image/png": base64.b64encode(PNG).decode()}},
            Display({"text/plain": "<Figure>", "image/png": PNG}),
        ),
        ({"output_type": "execute_result", "data": {"image/png": "é", "image/gif": "a"}}, Display({"image/png": b"", "image/gif": b""})),
        ({"output_type": "execute_result", "data": {"image/svg+xml": ["<svg", "/>"]}}, Display({"image/svg+xml": "<svg/>"})),
        ({"output_type": "execute_result", "data": {"application/json": {"é": [1]}}}, Display({"application/json": '{"é": [1]}'})),
        ({"output_type": "execute_result", "data": {"text/plain": 3}}, Display({"text/plain": ""})),
        ({"output_type": "bad stream"}, Unknown("bad stream")),
        ({"output_type": "display_data"}, Unknown("display_data")),
        ({"output_type": ["stream"], "text": "a"}, Unknown("")),
        ("words", Unknown("")),
    ],
)  # fmt: skip
def test_an_output_of_a_file_is_an_item(output: object, item: Item) -> None:
    """Each kind of nbformat 4, and what is none of them."""
    assert items_of([output]) == (item,)


def test_what_was_sent_in_pieces_is_one_stream() -> None:
    """A program that saves each piece of a stream as an output of its own shows no other lines."""
    pieces = [{"output_type": "stream", "name": "stdout", "text": text} for text in ("ti", "ck\nto", "ck\n")]
    other = {"output_type": "stream", "name": "stderr", "text": "no"}
    assert items_of([*pieces, other, *pieces[:1]]) == (
        Stream("stdout", ("tick", "tock", "")),
        Stream("stderr", ("no",)),
        Stream("stdout", ("ti",)),
    )


def test_the_outputs_that_a_file_has_for_a_cell() -> None:
    """Cells that are no code have none, whatever the file says; a number of a run is one."""
    output = {"output_type": "stream", "name": "stdout", "text": "é"}
    code = {"cell_type": "code", "execution_count": 3, "outputs": [output], "source": "", "metadata": {}}
    cells = [code, {**code, "cell_type": "markdown"}, {**code, "execution_count": True, "outputs": None}]
    file = read_notebook(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 4}))
    assert [stored_outputs(file, at) for at in range(3)] == [
        (3, (Stream("stdout", ("é",)),)),
        (3, ()),
        (None, ()),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["output_type", "text", "name", "data", "traceback", "ename", "evalue"])
KINDS = st.sampled_from(["stream", "error", "display_data", "execute_result", "other"])
DATA = st.dictionaries(st.sampled_from(["image/png", "text/html", "application/json", "x"]), JSON)


@settings(max_examples=30)
@given(st.lists(st.dictionaries(KEYS, JSON | KINDS | DATA) | JSON))
def test_any_json_gives_items(found: list[object]) -> None:
    """A damaged or forged file raises nothing, and its outputs keep their order."""
    items = items_of(found)
    streams = sum(isinstance(item, Stream) for item in items)
    assert len(items) - streams == sum(not isinstance(items_of([output])[0], Stream) for output in found)


def test_the_example() -> None:
    """The example of the module is true."""
    assert doctest.testmod(outputs).failed == 0

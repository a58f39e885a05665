"""A notebook file is written by its own characters: what was not changed stays, and what was changed is written as the file is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from jpterm_like.notebook.convert import file_of, first_ids, text_of
from jpterm_like.notebook.ipynb import EMPTY, NotANotebook, read_notebook


def edited(file: str, edit: Callable[[str], str]) -> str:
    """The file after an edit of its text."""
    notebook = read_notebook(file)
    ids = first_ids(notebook)
    return file_of(notebook, ids, edit(text_of(notebook, ids)))[0]


def spaced(*lines: str, end: str = "\n") -> str:
    return end.join(lines) + end


INDENTED = spaced(
    "{",
    ' "cells": [',
    "  {",
    '   "cell_type": "markdown",',
    '   "id": "m1",',
    '   "metadata": {"odd":  1.0},',
    '   "attachments": {"a.png": {"image/png": "AA=="}},',
    '   "source": [',
    '    "# H\\u00e9llo\\n",',
    '    "there"',
    "   ]",
    "  },",
    "  {",
    '   "cell_type": "code",',
    '   "execution_count":   7,',
    '   "id": "c1",',
    '   "metadata": {},',
    '   "outputs": [ {"output_type": "stream", "name": "stdout", "text": "1e400 \\/"} ],',
    '   "source": "x = 1",',
    '   "later": [1.50, 1e3]',
    "  }",
    " ],",
    ' "metadata": {"z": 1, "a": 2},',
    ' "nbformat": 4,',
    ' "nbformat_minor": 5,',
    ' "more": null',
    "}",
)
TEXT = "# %% [markdown] id=m1\n# Héllo\nthere\n# %% id=c1\nx = 1"
COMPACT = '{"nbformat":4,"nbformat_minor":2,"metadata":{},"cells":[{"cell_type":"code","metadata":{},"source":["a\\n","b"],"outputs":[],"execution_count":null}]}'
TABS = (
    INDENTED.replace("\n    ", "\n\t\t\t\t")
    .replace("\n   ", "\n\t\t\t")
    .replace("\n  ", "\n\t\t")
    .replace("\n ", "\n\t")
)


@pytest.mark.parametrize(
    "file", [INDENTED, COMPACT, TABS, INDENTED.replace("\n", "\r\n"), EMPTY, f"\ufeff{EMPTY}\n\n"]
)
def test_untouched(file: str) -> None:
    assert edited(file, str) == file


def test_text() -> None:
    notebook = read_notebook(INDENTED)
    assert text_of(notebook, first_ids(notebook)) == TEXT


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("edit", "was", "becomes"),
    [
        # A line more, in the file's escapes; lines that were there keep theirs.
        ("# Héllo\nthere|# Héllo\nä\nthere", '    "there"\n', '    "\\u00e4\\n",\n    "there"\n'),
        ("there|there\n", '    "there"\n', '    "there\\n"\n'),
        ("there|there\nyou", '    "there"\n', '    "there\\n",\n    "you"\n'),
        # A source that is a string stays one, and what is around it stays.
        ("x = 1|x = 1\ny", '"x = 1"', '"x = 1\\ny"'),
        ("# Héllo\nthere|", '[\n    "# H\\u00e9llo\\n",\n    "there"\n   ]', "[]"),
    ],
)
def test_changed_source(edit: str, was: str, becomes: str, end: str) -> None:
    old, new = edit.split("|")
    file = INDENTED.replace("\n", end)
    after = edited(file, lambda text: text.replace(old, new))
    assert after == file.replace(was.replace("\n", end), becomes.replace("\n", end))


def test_new_cell() -> None:
    """Written as Jupyter does, in the file's indent; with an id where the format has ids."""
    after = edited(TABS, lambda text: text.replace("# %% id=c1", "# %% id=n1\nhello\n# %% id=c1"))
    new = (
        '\t\t{\n\t\t\t"cell_type": "code",\n\t\t\t"execution_count": null,\n\t\t\t"id": "n1",\n\t\t\t"metadata": {},\n'
        '\t\t\t"outputs": [],\n\t\t\t"source": [\n\t\t\t\t"hello"\n\t\t\t]\n\t\t},\n'
    )
    at = TABS.index('\t\t{\n\t\t\t"cell_type": "code"')
    assert after == TABS[:at] + new + TABS[at:]
    assert edited(COMPACT, lambda text: f"{text}\n# %% [raw] id=n1\n") == COMPACT[:-2] + (
        ', {"cell_type":"raw","metadata":{},"source":[]}]}'
    ).replace(", {", ",{")


def test_first_cell_of_an_empty_file() -> None:
    after = edited("", lambda _: "# %% [markdown] id=n1\nhi")
    assert after == edited(EMPTY, lambda _: "# %% [markdown] id=n1\nhi")
    pytest.importorskip("nbformat").validate(json.loads(after))
    assert after.startswith('{\n "cells": [\n  {\n   "cell_type": "markdown",\n')


def test_no_cell_left() -> None:
    assert json.loads(edited(INDENTED, lambda _: ""))["cells"] == []


def test_moved_and_deleted_cells() -> None:
    """They are moved with all that they have."""
    file = json.loads(INDENTED)
    first, last = TEXT[: TEXT.index("\n# %% id=c1")], TEXT[TEXT.index("# %% id=c1") :]
    swapped = edited(INDENTED, lambda _: f"{last}\n{first}")
    assert json.loads(swapped) == {**file, "cells": file["cells"][::-1]}
    assert len(swapped) == len(INDENTED)
    assert json.loads(edited(INDENTED, lambda _: last))["cells"] == file["cells"][1:]


@pytest.mark.parametrize("kind", ["code", "raw", "markdown"])
def test_other_type(kind: str) -> None:
    """A cell has what its new type must have, and not what it must not have."""
    strict = INDENTED.replace(',\n "more": null', "").replace(',\n   "later": [1.50, 1e3]', "")
    marker = "# %% id=" if kind == "code" else f"# %% [{kind}] id="
    for file in (strict, COMPACT):
        after = json.loads(edited(file, lambda text: re.sub("# %%.*? id=", marker, text)))
        pytest.importorskip("nbformat").validate(after)
        assert [cell["cell_type"] for cell in after["cells"]] == [kind] * len(after["cells"])


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("hello", "it is no JSON object"),
        ("[]", "it is no JSON object"),
        ('{"cells": [', "one of its cells is no object"),
        ("{\n1", "its JSON is broken at line 2: a name in quotes is expected"),
        ('{\n"a":\n<<<<<<< HEAD', "its JSON is broken at line 3: Expecting value"),
        ('{"cells": []} x', "more follows its JSON"),
        ('{"cells": []}', "it does not say its format (nbformat)"),
        ('{"cells": [], "nbformat": true}', "it does not say its format (nbformat)"),
        ('{"worksheets": [], "nbformat": 3}', "it is a notebook of format 3, not of 4"),
        ('{"cells": [], "nbformat": 5}', "it is a notebook of format 5, not of 4"),
        ('{"nbformat": 4}', "it has no cells"),
        ('{"cells": 1, "nbformat": 4}', "it has no cells"),
        ('{"cells": [[]], "nbformat": 4}', "one of its cells is no object"),
        ('{"cells": [{}], "nbformat": 4}', "one of its cells has no type"),
        ('{"cells": [{"cell_type": "a]b"}], "nbformat": 4}', "one of its cells has no type"),
        ('{"cells": [{"cell_type": "code", "source": 1}], "nbformat": 4}', "one of its cells has a source that is no text"),
        ('{"cells": [{"cell_type": "code", "source": ["\\ud800"]}], "nbformat": 4}', "one of its cells has half of a character in its source"),
        ('{"cells": [], "cells": [], "nbformat": 4}', "an object in it has a name twice"),
        ('{"cells": [{"source": "", "source": ""}], "nbformat": 4}', "an object in it has a name twice"),
        ('{"a": ' + "[" * 100_000, "its JSON is nested too deeply"),
        ('{"a": ' + "1" * 5_000 + "}", "a number in it is too long"),
    ],
)  # fmt: skip
def test_not_a_notebook(file: str, reason: str) -> None:
    """It is opened as text, and the reason is told."""
    with pytest.raises(NotANotebook) as caught:
        read_notebook(file)
    assert str(caught.value) == reason

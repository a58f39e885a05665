"""Commands of a notebook: run cells, the kernel, and what cells gave. Cells as such are in `cell_edits`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from jpterm_like.client.events import KernelWanted
from jpterm_like.tui.commands import cell_edits
from jpterm_like.tui.commands.cell_edits import outputs_in
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.text.cell_markers import kind_at
from jpterm_like.tui.text.cells import clean

if TYPE_CHECKING:
    from jpterm_like.tui.commands.outputs import Outputs

MENU: Final = (
    ("run_all_cells", "Run all cells"),
    ("run_cells_above", "Run all cells above"),
    ("interrupt_kernel", "Interrupt the cell that runs"),
    ("answer_cell", "Answer what a cell asks"),
    ("move_widgets", "Move the widgets of this cell"),
    ("show_outputs", "Open the outputs of this cell as text"),
    ("restart_kernel", "Restart the kernel"),
    ("restart_and_run", "Restart the kernel and run all cells"),
    ("choose_kernel", "Choose the kernel"),
    ("stop_kernel", "Stop the kernel"),
    ("clear_outputs", "Clear the outputs of this cell"),
    ("clear_all_outputs", "Clear the outputs of all cells"),
    ("new_cell", "New cell below"),
    ("split_cell", "Split the cell at the caret"),
    ("join_cells", "Join the cell with the next"),
    ("move_cell_up", "Move the cell up"),
    ("move_cell_down", "Move the cell down"),
    ("delete_cell", "Delete the cell"),
    ("cell_type", "Change the type of the cell"),
)
"""What the menu offers: commands and their titles."""


def do_notebook_menu(editor: Editing) -> None:
    if outputs_in(editor) is None:
        return
    choices = [(id, title, editor.keymap.key_label(id)) for id, title in MENU]
    title = editor.session.kernel_line or "Notebook: no kernel yet; running a cell starts one"
    editor.choose(title, choices, editor.run)


# ------------------------------------------------------------------ running


def do_run_cell(editor: Editing) -> None:
    """Run the cell of the caret."""
    outputs = outputs_in(editor)
    if outputs is not None:
        _run_here(editor, outputs)
        editor.update()


def do_run_and_next(editor: Editing) -> None:
    """Run the cell of the caret, and go to the next one; behind the last one a cell begins."""
    outputs = outputs_in(editor)
    if outputs is None:
        return
    lines = editor.text_layout.lines
    last = outputs.blocks.cells.last_row(lines.row(editor.cursor.caret))
    _run_here(editor, outputs)
    if last + 1 >= len(lines):
        cell_edits.do_new_cell(editor)
    else:
        editor.go(lines.start(min(last + 2, len(lines) - 1)))


def do_run_all_cells(editor: Editing) -> None:
    if outputs_in(editor) is not None:
        _run(editor, _code_cells(editor, len(editor.session.buffer)))


def do_run_cells_above(editor: Editing) -> None:
    """Run the cells of code above that of the caret."""
    outputs = outputs_in(editor)
    if outputs is None:
        return
    lines, rows = editor.text_layout.lines, outputs.blocks.cells.rows
    row = lines.row(editor.cursor.caret)
    above = [begin for begin in rows if begin <= row]
    _run(editor, _code_cells(editor, lines.start(above[-1]) if above else 0))


def _run_here(editor: Editing, outputs: Outputs) -> None:
    row = editor.text_layout.lines.row(editor.cursor.caret)
    if kind_at(editor.text_layout.line, row) != "code":
        return
    cell = outputs.blocks.cells.at(row)
    if not cell:
        editor.say("This cell has no id yet; the server gives it one in a moment.", serious=True)
        return
    _run(editor, [cell])


def _code_cells(editor: Editing, end: int) -> list[str]:
    """The ids of the cells of code that begin before an offset."""
    from jpterm_like.notebook.cells import parts_of

    parts = parts_of(editor.session.buffer.text)
    return [part.id for part in parts if part.kind == "code" and part.id and part.start < end]


def _run(editor: Editing, cells: list[str], *, restarts: bool = False) -> None:
    """Run cells, with `restarts` in a kernel that is started anew; ask first if others wrote in them."""
    session = editor.session
    if not cells:
        editor.say("There is no cell of code to run.")
        return
    if session.status.state != "connected":
        editor.say("Not connected: nothing was run.", serious=True)
        return

    outputs = editor.outputs
    if outputs is not None and (names := outputs.unknown_writers(cells, session.name)):

        def agree() -> None:
            outputs.known_writers.update(names)
            _run(editor, cells, restarts=restarts)

        told = clean(" and ".join(names), 60)
        body = "They wrote in these cells since you opened the notebook. You are asked once for each name."
        editor.ask_yes(f"Run what {told} wrote?", body, "Run", agree)
        return
    if not session.kernel_line:
        editor.say("Looking for a kernel …")

    async def run() -> None:
        if restarts:
            await session.command_kernel("restart")
        try:
            await session.run_cells(cells)
        except KernelWanted:
            await _choose_kernel(editor, lambda: _run(editor, cells))

    editor.in_background(run())


# ------------------------------------------------------------------ the kernel


def do_interrupt_kernel(editor: Editing) -> None:
    _command(editor, "interrupt", "")


def do_restart_kernel(editor: Editing) -> None:
    _ask_and_command(editor, "restart", "Restart the kernel?", "The kernel restarts.")


def do_stop_kernel(editor: Editing) -> None:
    _ask_and_command(editor, "stop", "Stop the kernel?", "The kernel stops.")


def do_restart_and_run(editor: Editing) -> None:
    if outputs_in(editor) is None:
        return
    editor.ask_yes(
        "Restart the kernel and run all cells?",
        "Its variables are lost, for everybody in this notebook.",
        "Restart and run all",
        lambda: _run(editor, _code_cells(editor, len(editor.session.buffer)), restarts=True),
    )


def _ask_and_command(editor: Editing, verb: Literal["restart", "stop"], title: str, done: str) -> None:
    if outputs_in(editor) is not None:
        body = "Its variables are lost, for everybody in this notebook."
        editor.ask_yes(title, body, verb.capitalize(), lambda: _command(editor, verb, done))


def _command(editor: Editing, verb: Literal["interrupt", "restart", "stop"], done: str) -> None:
    if outputs_in(editor) is None:
        return
    session = editor.session

    async def command() -> None:
        await session.command_kernel(verb)
        if done:
            editor.say(done)

    editor.in_background(command())


def do_move_widgets(editor: Editing) -> None:
    """Let the keys go to the widgets below the cell of the caret, until esc."""
    outputs = outputs_in(editor)
    if outputs is None:
        return
    if outputs.enter_widgets(editor, editor.text_layout.lines.row(editor.cursor.caret)):
        editor.say("In the widgets: tab goes to the next, the arrows and space change it, esc leaves.")
    else:
        editor.say("This cell has no widget that can be moved: run it first.")
    editor.update()


def do_choose_kernel(editor: Editing) -> None:
    """Choose which kernel runs this notebook, now and later."""
    if outputs_in(editor) is not None:
        editor.in_background(_choose_kernel(editor, lambda: editor.say("The kernel is chosen.")))


async def _choose_kernel(editor: Editing, then: Callable[[], None]) -> None:
    session = editor.session
    names, chosen = await session.kernel_names()
    if not names:
        editor.say("There is no Jupyter kernel on the server's machine.", serious=True)
        return

    async def use(name: str) -> None:
        await session.use_kernel(name)
        then()

    choices = [
        (name, title, name or "as the notebook says, or from the Python beside it") for name, title in names
    ]
    title = "Which kernel runs this notebook? One that runs is stopped."
    editor.choose(title, choices, lambda name: editor.in_background(use(name)), chosen)


def do_answer_cell(editor: Editing) -> None:
    """Answer the question of a cell, the caret's or else the first that asks one."""
    outputs = outputs_in(editor)
    if outputs is None:
        return
    from jpterm_like.notebook.outputs import Asks

    session, cells = editor.session, outputs.blocks.cells
    here = cells.at(editor.text_layout.lines.row(editor.cursor.caret))
    for cell in (here, *cells.ids):
        found = next((item for item in session.outputs_of(cell).items if isinstance(item, Asks)), None)
        run = session.shown_run(cell)
        if found is not None and run is not None:
            note = (
                "It is sent to the kernel and kept nowhere."
                if found.secret
                else "Everybody here may answer; the first answer counts."
            )
            editor.ask_line(
                found.prompt or "The cell asks for a line", note, _answer(editor, run.id), found.secret
            )
            return
    editor.say("No cell asks anything.")


def _answer(editor: Editing, run: str) -> Callable[[str], None]:
    return lambda line: editor.in_background(editor.session.answer_input(run, line))


# ------------------------------------------------------------------ outputs


def do_clear_outputs(editor: Editing) -> None:
    """Remove what the cell of the caret gave."""
    outputs = outputs_in(editor)
    if outputs is not None:
        cell = outputs.blocks.cells.at(editor.text_layout.lines.row(editor.cursor.caret))
        editor.in_background(editor.session.clear_outputs([cell] if cell else []))


def do_clear_all_outputs(editor: Editing) -> None:
    if outputs_in(editor) is not None:
        editor.in_background(editor.session.clear_outputs([]))

"""Commands that record a macro and play it."""

from __future__ import annotations

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.macro import Step
from jpterm_like.tui.commands.pairs import type_text


def play(editor: Editing, count: int) -> int:
    """Play the macro `count` times at the caret, as one undo step; return how often that was done."""

    def does(step: Step) -> None:
        if step.command:
            editor.run(step.command)
        elif step.pasted:
            editor.paste(step.text)
        else:
            type_text(editor, step.text)
        editor.finish_bulk_edit()

    with editor.session.one_step():
        done = editor.macro.play(
            does, lambda: (editor.session.buffer.version, editor.cursor.selection), count
        )
        editor.end_typing()
    return done


def do_record_macro(editor: Editing) -> None:
    macro = editor.macro
    if editor.keymap.preset == "vi":
        editor.say("With the keys of vi, q records a macro and @ plays it.")
        return
    key = editor.keymap.key_label("record_macro", "the command")
    if macro.recording is None:
        macro.start()
        editor.say(f"Recording a macro: what you type and do is part of it until {key} ends it.")
        return
    has_steps = bool(macro.recording)
    macro.stop()
    play = editor.keymap.key_label("play_macro", "the command “Play the macro”")
    editor.say(f"Macro recorded; {play} plays it." if has_steps else "Nothing was recorded.")


def do_play_macro(editor: Editing) -> None:
    _play(editor, 1)


def do_play_macro_times(editor: Editing) -> None:
    if not _may_play(editor):
        return

    def answered(written: str) -> None:
        if written.strip().isdecimal() and int(written.strip()[:9]) > 0:
            _play(editor, int(written.strip()[:9]))
        else:
            editor.say(f"{written.strip()[:20]} is not a number of times: write one like 10.")

    editor.ask("Play the macro", "How many times? It ends early when nothing changes any more.", answered)


def _may_play(editor: Editing) -> bool:
    if editor.macro.recording is not None:
        editor.say("End the recording first: a macro does not play itself.")
    elif not editor.macro.steps:
        key = editor.keymap.key_label("record_macro", "the command “Record a macro”")
        editor.say(f"There is no macro yet; {key} records one.")
    else:
        return editor.may_write()
    return False


def _play(editor: Editing, count: int) -> None:
    if not _may_play(editor):
        return
    done = play(editor, count)
    if done < count:
        editor.say(f"Played {done:,} of {count:,} times." if done else "The macro changes nothing here.")

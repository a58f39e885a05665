"""Insert and replace mode: what is typed, as one undo step, and again as often as the count says."""

from __future__ import annotations

from typing import Final

from jpterm_like.tui.commands.pairs import has_marks, type_text
from jpterm_like.tui.commands.vi.host import Again, Keys, Vi
from jpterm_like.tui.commands.vi.key_notation import Key, sign_of
from jpterm_like.tui.commands.vi.text import Place

REPEATED_MAX: Final = 1_000_000
"""The most code points that a count inserts."""

REPEATED_KEYS_MAX: Final = 1_000
"""The most keys that a count repeats one by one, in some 0.7 s: those that do more than insert a letter."""


class Insertion:
    """The insertion under way, and the keys that it is made of."""

    def __init__(self, vi: Vi) -> None:
        self._vi = vi
        self._times = 1
        self._again: Again | None = None
        self._keys: list[Key] = []
        self._replaced: list[str] = []
        """What replace mode has typed over, for backspace."""

    def begin(self, place: Place, again: Again | None, times: int, resume: bool) -> None:
        """Enter insert mode; with `resume` the insertion that a command interrupted goes on."""
        vi = self._vi
        vi.require_writing()
        vi.text.begin_step()
        vi.undo_carets.start_at(place)
        vi.text.go(place)
        vi.set_mode("insert")
        if not resume:
            self._times, self._again = times, again
        self._keys = []

    def drop(self) -> None:
        """Forget it, since the keys that were to follow will not come."""
        self._times, self._again, self._keys = 1, None, []

    def restart(self) -> None:
        """A move within insert mode: what comes now is another insertion."""
        self.drop()
        self._vi.insertion_restarts()
        self._vi.text.end_step()
        self._vi.text.begin_step()

    def note(self, key: str, character: str) -> None:
        """Take a key, or several letters at once, that the editor itself has handled."""
        self._keys += [(sign, sign) for sign in character] if len(character) > 1 else [(key, character)]

    def key(self, key: str, character: str) -> None:
        """Handle a key of insert or replace mode."""
        vi, text = self._vi, self._vi.text
        if key in ("escape", "ctrl+left_square_bracket"):
            self.leave()
            return
        if vi.mode == "replace":
            self._overwrite(key, character)
            return
        if key == "ctrl+o":
            vi.once = True
            return
        self._keys.append((key, character))
        if key == "ctrl+r":
            vi.take_keys(self._put_register())
        elif key == "ctrl+w":
            vi.editor.run("delete_word_left")
        elif key == "ctrl+u":
            caret = text.caret
            indent = text.indent(caret.row)
            low = Place(caret.row, indent if indent < caret.column else 0)
            text.replace(low, caret, "")
            text.go(low)
        else:
            self.type(key, character)

    def _put_register(self) -> Keys:
        key = yield
        self._keys.append(key)
        registers = self._vi.registers
        found = registers.get(sign_of(key)) if registers.is_name(sign_of(key)) else None
        if found is not None:
            self._vi.editor.type(found.text)
        self._vi.end_keys()
        yield

    def type(self, key: str, character: str) -> None:
        """Do a key of an insertion that is replayed, or one that is not vi's."""
        editor = self._vi.editor
        if character and character.isprintable() and not key.startswith(("ctrl+", "alt+")):
            type_text(editor, character)
        elif (command := editor.keymap.command(key)) is not None:
            editor.run(command)

    def leave(self) -> None:
        """Repeat the insertion as the count says, and go back to normal mode."""
        vi = self._vi
        times, again, inserted = self._times, self._again, self._keys
        self.drop()
        if times > 1 and (inserted or again):
            self._repeat(times - 1, again, inserted)
        self._keys = []
        vi.insertion_ends(inserted)
        if inserted:
            vi.text.changed = True
        vi.note_caret()
        vi.registers.inserted = "".join(character for _, character in inserted)
        vi.marks.set("^", vi.text.caret)
        vi.set_mode("normal")
        self._replaced = []
        vi.text.go(vi.text.left(vi.text.caret))
        vi.end_step()

    def _repeat(self, times: int, again: Again | None, inserted: list[Key]) -> None:
        vi = self._vi
        text = "".join(character for _, character in inserted)
        is_plain = (
            not vi.editor.extras
            and all(len(character) == 1 and character.isprintable() for _, character in inserted)
            and not any(key.startswith(("ctrl+", "alt+")) for key, _ in inserted)
            and not has_marks(text)
            and not (again is not None and text.startswith(" "))  # the next line would be indented like it
        )
        overwrites = vi.mode == "replace"
        if times * (len(text) + 1) > REPEATED_MAX:
            vi.editor.say(f"Not repeated: that would insert more than {REPEATED_MAX:,} characters.")
        elif is_plain and overwrites:
            self._overwrite_with(text * times)
        elif is_plain and again is not None:
            again(text, times)
        elif is_plain:
            vi.editor.type(text * times)
        elif times * len(inserted) > REPEATED_KEYS_MAX:
            vi.editor.say(f"Not repeated: that would be more than {REPEATED_KEYS_MAX:,} keys.")
        else:
            for _ in range(times):
                if again is not None:
                    again()
                for key, character in inserted:
                    self.key(key, character)

    def _overwrite_with(self, typed: str) -> None:
        """Type letters over what stands at the caret, in one edit."""
        text, caret = self._vi.text, self._vi.text.caret
        end, length = caret, len(text.line(caret.row))
        for _ in typed:
            if end.column >= length:
                break
            end = text.right(end)
        text.replace(caret, end, typed)
        text.go(Place(caret.row, caret.column + len(typed)))

    def _overwrite(self, key: str, character: str) -> None:
        text, caret = self._vi.text, self._vi.text.caret
        if key == "backspace":
            if self._replaced:
                old = self._replaced.pop()
                low = text.left(caret)
                text.replace(low, caret, old)
                text.go(low)
            elif caret.column:
                text.go(text.left(caret))
            if self._keys:
                self._keys.pop()
            return
        self._keys.append((key, character))
        if key == "enter":
            text.replace(caret, caret, "\n")
            text.go(Place(caret.row + 1, 0))
            self._replaced = []
        elif character and (character.isprintable() or character == "\t"):
            end = text.right(caret) if caret.column < len(text.line(caret.row)) else caret
            self._replaced.append(text.slice(caret, end))
            text.replace(caret, end, character)
            text.go(Place(caret.row, caret.column + len(character)))

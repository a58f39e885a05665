"""Key presets: other keys for some commands. The user's own bindings override them."""

from __future__ import annotations

from typing import Final

EMACS: Final[dict[str, tuple[str, ...]]] = {
    "left": ("ctrl+b", "left"),
    "right": ("ctrl+f", "right"),
    "up": ("ctrl+p", "up"),
    "down": ("ctrl+n", "down"),
    "word_left": ("alt+b", "ctrl+left", "alt+left"),
    "word_right": ("alt+f", "ctrl+right", "alt+right"),
    "line_start": ("ctrl+a", "home"),
    "line_end": ("ctrl+e", "end"),
    "page_down": ("ctrl+v", "pagedown"),
    "page_up": ("alt+v", "pageup"),
    "text_start": ("alt+less_than_sign", "ctrl+home"),
    "text_end": ("alt+greater_than_sign", "ctrl+end"),
    "delete_right": ("ctrl+d", "delete"),
    "delete_word_right": ("alt+d", "ctrl+delete"),
    "delete_to_line_end": ("ctrl+k",),
    "cut_or_delete_word": ("ctrl+w",),
    "copy": ("alt+w",),
    "paste": ("ctrl+y",),
    "cut": ("shift+delete",),
    "undo": ("ctrl+slash", "ctrl+underscore", "ctrl+x u", "ctrl+z"),
    "redo": ("alt+shift+y", "ctrl+shift+z"),
    "set_mark": ("ctrl+@", "ctrl+space"),
    "select_all": ("ctrl+x h",),
    "deselect": ("ctrl+g", "escape"),
    "complete": ("alt+slash",),
    "find": ("ctrl+s",),
    "find_previous": ("ctrl+r", "shift+f3"),
    "replace": ("alt+percent_sign",),
    "go_to_line": ("alt+g g", "alt+g alt+g"),
    "toggle_comment": ("alt+semicolon",),
    "wrap_paragraph": ("alt+q",),
    "join_lines": ("alt+j",),
    "newline": ("enter", "ctrl+j", "shift+enter"),
    "palette": ("alt+x", "ctrl+x x"),
    "save": ("ctrl+x ctrl+s",),
    "save_all": ("ctrl+x s",),
    "open": ("ctrl+x ctrl+f", "ctrl+x b", "ctrl+o"),
    "next_file": ("ctrl+x right", "ctrl+pagedown"),
    "previous_file": ("ctrl+x left", "ctrl+pageup"),
    "close_file": ("ctrl+x k",),
    "quit": ("ctrl+x ctrl+c",),
    "split": ("ctrl+x 2", "ctrl+x 1"),
    "split_beside": ("ctrl+x 3", "alt+shift+v"),
    "other_view": ("ctrl+x o",),
    "record_macro": ("ctrl+x left_parenthesis", "ctrl+x right_parenthesis"),
    "play_macro": ("ctrl+x e",),
    "add_next_match": (),
    "new_file": (),
    "toggle_case": (),
}
"""A sequence of two keys is written with a blank between them."""

PRESETS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "default": {},
    "emacs": EMACS,
    # Plain letters are handled in `commands.vi`; these are the keys with modifiers.
    "vi": {
        "redo": ("ctrl+r", "ctrl+y"),
        "page_down": ("ctrl+f", "pagedown"),
        "page_up": ("ctrl+b", "pageup"),
        "other_view": ("ctrl+w w", "ctrl+w ctrl+w", "alt+v"),
        "split": ("ctrl+w s", "ctrl+w q", "ctrl+backslash"),
        "split_beside": ("ctrl+w v", "alt+shift+v"),
        "find": (),
        "replace": (),
        "line_end": ("end",),
        "delete_word_left": ("alt+backspace",),
        "delete_lines": ("ctrl+shift+k",),
        "add_next_match": (),
        "skip_match": (),
    },
}

VI: Final = (
    (
        "h j k l  0 ^ $ | _ g_  w b e ge W B E gE  + -  gg G { } ( ) H M L",
        "Move; a number before repeats, 12G goes to line 12",
    ),
    (
        "f F t T and a letter, ; ,  % [( ])",
        "To a letter in the line, repeat, reverse; to the matching bracket",
    ),
    ("gx gf", "Open the link or file name at the caret"),
    ("]c [c", "To the next, to the previous change that is not saved or not committed"),
    ("i a I A gI gi o O R", "Insert, replace; esc ends it; a number before repeats"),
    (
        "ctrl+n ctrl+p",
        "While inserting: the list of words that begin like this one, and the one before in it",
    ),
    (
        "ctrl+o ctrl+r ctrl+w ctrl+u",
        "While inserting: one command, put in a register, delete a word, delete to the start",
    ),
    (
        "d c y > < gu gU g~ gq gw !",
        "With a move, or doubled for lines: delete, change, copy, indent, case, hard-wrap (gw: the caret stays), filter",
    ),
    (
        "iw aw iW aW is as ip ap i( i[ i{ i< i\" i' i` it …",
        "After these and in visual mode: word, sentence, paragraph, between brackets, quotes or tags; a… with what surrounds it",
    ),
    ("x X D C Y s S r ~ J gJ p P gp gP", "Short forms of these; replace a letter; change case; join; put in"),
    (
        "v V ctrl+v gv",
        "Visual mode: letters, lines, a block; o goes to the other end, I A c $ r ~ J > < work on all of it",
    ),
    ("u ctrl+r . &", "Undo, redo, repeat the last change, repeat the last :s"),
    ("/ ? n N * # g* g#", "Search forward, back; next, previous; the word at the caret"),
    (
        "m ' ` '' `` '. '< '>",
        "Set a mark, go to its line, to its place; marks follow the text while others edit",
    ),
    ("ctrl+o tab", "Back and forward through the places that one jumped from"),
    ('"a "A "0 "1 "- "_ "+', "Use a register: named, appended, copied, deleted, small, none, the clipboard"),
    ("q @ @@", "Record keys into a register, run them, run them again"),
    ("ctrl+a ctrl+x", "Add to the number at the caret, subtract"),
    ("ctrl+d ctrl+u ctrl+f ctrl+b ctrl+e ctrl+y zt zz zb", "Scroll"),
    ("za zM zR", "Fold here, fold all, unfold all"),
    ("]s z= zg", "Spelling: to the next misspelled word, correct it, add it to my dictionary"),
    (
        ":w :q :q! :wq :x :e NAME :e! :bn :bp :b :ls :bd :sp :vs :wa :qa :cq",
        "Save, close (!: discard), save and close, open, revert, tabs, split, save all, quit",
    ),
    (
        ":12 :$ :s/a/b/gcin :%s :g/a/d :v/a/d :d :y :m :t :j :> :pu",
        "Go to a line; commands on a range of lines",
    ),
    (
        ":r FILE  :r !CMD  :!CMD  :2,5!CMD",
        "Put in a file or what a command prints; run a command; filter lines through it",
    ),
    (":noh", "Mark the matches of the last search no more, until the next one"),
    (
        ":norm A;  :%norm @a  :g/a/norm dw",
        "Do keys here, at each line of a range, or at each line that matches",
    ),
    (":set nu wrap list ic scs ws hls et ai", "Options; no… and …! switch them off and over"),
    (":set fenc=latin1", "Save in this encoding; `:set fenc?` tells it"),
    ("ZZ ZQ ctrl+z", "Save and close; discard and close; suspend"),
)
"""The keys of vi's normal and visual mode for the help; `commands.vi` implements them."""

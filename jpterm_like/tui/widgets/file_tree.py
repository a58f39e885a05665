"""The file tree: files around the open one, or on its server. Loaded when first needed.

The catalog lists the files; nodes are added to the tree when a folder is unfolded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import events, on
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.text.cells import clean


@dataclass(frozen=True)
class _Place:
    """The folder or file of a node."""

    path: str
    """Path; of a folder with a slash at the end."""
    address: str = ""
    """Address of a file."""


class FileTree(Tree[_Place], can_focus=True):
    """The widget of the file tree."""

    DEFAULT_CSS = """
    FileTree#tree {
        width: 30%;
        min-width: 20;
        max-width: 36;
        height: 100%;
        background: $surface;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
    }

    FileTree#tree > .tree--guides, FileTree#tree > .tree--guides-hover, FileTree#tree > .tree--guides-selected {
        color: $primary;
    }

    FileTree#tree > .tree--cursor {
        text-style: underline;
        background: $surface;
        color: $foreground;
    }

    FileTree#tree:focus {
        background-tint: transparent;
    }

    FileTree#tree:focus > .tree--cursor {
        background: $block-cursor-background;
        color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    """

    @dataclass
    class Chosen(Message):
        """A file was chosen."""

        address: str

    def __init__(self, keymap: Keymap) -> None:
        super().__init__("", _Place(""), id="tree")
        self._keymap = keymap
        self._files: dict[str, tuple[list[str], list[tuple[str, str]]]] = {}
        """Content of each folder: its folders, and its files with their addresses."""
        self.guide_depth = 2
        self.root.expand()

    def show(self, place: str, names: Sequence[tuple[str, str]], current: str) -> None:
        """Show files, given by names and addresses. Unfolded folders stay so, and `current` is made visible."""
        unfolded = {
            node.data.path for node in self._every_node() if node.is_expanded and node.data is not None
        }
        chosen = self.cursor_node.data if self.cursor_node is not None else None
        self._files = _by_folder(names)
        found = next((name for name, address in names if address == current), "")
        unfolded |= {found[: end + 1] for end, sign in enumerate(found) if sign == "/"}
        self.root.remove_children()
        self.root.set_label(_label(place))
        self._unfold(self.root, unfolded)
        seen = current if not self.has_focus or chosen is None or not chosen.address else chosen.address
        self._go_to(seen)

    def tell(self, sentence: str) -> None:
        """Show why there are no files."""
        self.root.remove_children()
        self.root.set_label(_label(sentence))

    def _every_node(self) -> list[TreeNode[_Place]]:
        nodes = [self.root]
        for node in nodes:
            nodes += node.children
        return nodes

    def _unfold(self, node: TreeNode[_Place], wanted: set[str]) -> None:
        """Add the content of a folder, and of wanted folders within, recursively."""
        waiting = [node]
        for node in waiting:
            assert node.data is not None
            path = node.data.path
            folders, files = self._files.get(path, ([], []))
            for folder in folders:
                place = _Place(f"{path}{folder}/")
                inner = node.add(_label(f"{folder}/"), place, expand=place.path in wanted)
                if place.path in wanted:
                    waiting.append(inner)
            for name, address in files:
                node.add_leaf(_label(name), _Place(path + name, address))

    def _go_to(self, address: str) -> None:
        node = next((node for node in self._every_node() if node.data and node.data.address == address), None)
        if node is not None and address:
            # The tree knows the line of a node only after rebuilding.
            self.call_after_refresh(self.move_cursor, node)

    @on(Tree.NodeExpanded)
    def _fill(self, event: Tree.NodeExpanded[_Place]) -> None:
        if not event.node.children and event.node.data is not None:
            self._unfold(event.node, set())

    @on(Tree.NodeSelected)
    def _take(self, event: Tree.NodeSelected[_Place]) -> None:
        if event.node.data is not None and event.node.data.address:
            self.post_message(self.Chosen(event.node.data.address))

    def on_key(self, event: events.Key) -> None:
        node = self.cursor_node
        command = self._keymap.command(event.key)
        if event.key == "right" and node is not None and node.allow_expand:
            node.expand()
        elif event.key == "left" and node is not None:
            if node.is_expanded and node.allow_expand and not node.is_root:
                node.collapse()
            elif node.parent is not None:
                self.move_cursor(node.parent)
        elif event.key == "escape":
            self.app.do_leave_tree()  # type: ignore[attr-defined]
        elif command is not None and hasattr(self.app, f"do_{command}"):
            getattr(self.app, f"do_{command}")()
        elif event.character and event.character.isprintable() and event.character != " ":
            self._go_to_letter(event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def _go_to_letter(self, letter: str) -> None:
        """Move to the next node that begins with a letter."""
        lines = [line for number in range(self.last_line + 1) if (line := self.get_node_at_line(number))]
        start = self.cursor_line + 1
        for node in [*lines[start:], *lines[:start]]:
            if str(node.label).casefold().startswith(letter.casefold()):
                self.move_cursor(node)
                return


def _label(name: str) -> Text:
    return Text(clean(name, 80))


def _by_folder(names: Sequence[tuple[str, str]]) -> dict[str, tuple[list[str], list[tuple[str, str]]]]:
    """Group files by folder, sorted, with their addresses."""
    found: dict[str, tuple[list[str], list[tuple[str, str]]]] = {"": ([], [])}
    for name, address in sorted(names):
        *folders, file = name.split("/")
        path = ""
        for folder in folders:
            inner = f"{path}{folder}/"
            if inner not in found:
                found[inner] = ([], [])
                found[path][0].append(folder)
            path = inner
        found[path][1].append((file, address))
    return found

"""The widgets of a notebook as records: which keys there are, and the state of each as it is read from them.

    widget/ID              {keeper, run, model, module, version, by}: a model of ipywidgets; `keeper` is where its kernel's keeper is ("": it is of a file)
    widget/ID/state/NAME   an attribute: JSON as a text, or bytes; a long one is {pieces: n}, and
    widget/ID/state/NAME/NNN   the pieces
    run/output-ID/NNNNNN   what was printed into an Output widget, as the parts of a run

A state is checked where it comes in, by the names and sizes here, so everything in the records can be read without care.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from crdt.records import Records
from crdt.values import Value

VIEW_TYPE: Final = "application/vnd.jupyter.widget-view+json"
"""The form of a display that shows a widget: {model_id}."""
STATE_TYPE: Final = "application/vnd.jupyter.widget-state+json"
"""In a file's metadata: the states of all widgets."""
REFERENCE: Final = "IPY_MODEL_"
"""A text that begins so names another widget."""

MODELS_MAX: Final = 2_000
"""Widgets of one notebook. Beyond it those that are not shown go."""
ATTRIBUTES_MAX: Final = 200
ATTRIBUTE_BYTES_MAX: Final = 1024 * 1024
"""A larger attribute is left out."""
STATES_BYTES_MAX: Final = 32 * 1024 * 1024
PIECE: Final = 15_000
"""Code points of JSON, or bytes, in one record: at most 60 KiB."""
PIECES_MAX: Final = -(-ATTRIBUTE_BYTES_MAX // PIECE)
LEVELS_MAX: Final = 50
"""Lists and objects in each other in an attribute. Python's `json` takes as many as its caller has left free of the stack: a screen or a
file has less room than the runner."""
NESTED_MAX: Final = 12
"""Widgets in each other that are shown."""

OUTPUT_HEAD: Final = "output-"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def is_widget_id(name: object) -> bool:
    """Whether this can be the id of a widget."""
    return isinstance(name, str) and _ID.fullmatch(name) is not None


def is_attribute(name: object) -> bool:
    """Whether this can be the name of an attribute."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


@dataclass
class Model:
    """A widget as the records have it."""

    keeper: str
    run: str
    """The run that made it; "" if that is not known."""
    model: str
    """Its class in the front end, such as "IntSliderModel"."""
    module: str
    version: str
    by: str = ""
    """Who moved it last."""
    state: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    """Of each attribute, in code points of JSON or bytes."""


class Widgets:
    """The widgets of a notebook, read from its records. `changed` takes note of what others put; `put` and the like write."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.models: dict[str, Model] = {}
        self.size = 0
        """Of all attributes together."""
        self.changed(records.keys())

    def changed(self, keys: Iterable[str]) -> set[str]:
        """Read what is new under these keys; return the ids of the widgets that have changed."""
        found: set[str] = set()
        names: set[tuple[str, str]] = set()
        heads: set[str] = set()
        for key in keys:
            if not key.startswith("widget/"):
                continue
            _, name, *rest = key.split("/")
            found.add(name)
            if not rest:
                heads.add(name)
            elif rest[0] == "state" and len(rest) > 1:
                names.add((name, rest[1]))
        for name in sorted(heads):
            self._read_head(name)
        for name, attribute in names:
            model = self.models.get(name)
            if model is not None:
                self._read_attribute(name, model, attribute)
        return found

    def _read_head(self, name: str) -> None:
        value = self.records.get(f"widget/{name}")
        model = self.models.get(name)
        if not isinstance(value, dict):
            if model is not None:
                self.size -= sum(model.sizes.values())
                del self.models[name]
            return
        texts = {key: each for key, each in value.items() if isinstance(each, str)}
        keys = ("keeper", "run", "model", "module", "version", "by")
        keeper, run, kind, module, version, by = (texts.get(key, "") for key in keys)
        fresh = Model(keeper, run, kind, module, version, by)
        if model is not None:
            fresh.state, fresh.sizes = model.state, model.sizes
        self.models[name] = fresh

    def _read_attribute(self, name: str, model: Model, attribute: str) -> None:
        value = self.records.get(f"widget/{name}/state/{attribute}")
        if isinstance(value, dict):
            value = self._joined(name, attribute, value.get("pieces"))
        self.size -= model.sizes.pop(attribute, 0)
        model.state.pop(attribute, None)
        if isinstance(value, bytes):
            model.state[attribute] = value
        elif isinstance(value, str):
            try:
                model.state[attribute] = json.loads(value)
            except (ValueError, RecursionError):  # a piece has still to come; or a server that does not check
                return
        else:
            return
        model.sizes[attribute] = len(value)
        self.size += len(value)

    def _joined(self, name: str, attribute: str, count: Value) -> Value:
        if not isinstance(count, int) or count > PIECES_MAX:
            return None
        pieces = [self.records.get(_piece_key(name, attribute, at)) for at in range(count)]
        if pieces and all(isinstance(piece, bytes) for piece in pieces):
            return b"".join(piece for piece in pieces if isinstance(piece, bytes))
        return "".join(piece for piece in pieces if isinstance(piece, str))

    # ------------------------------------------------------------------ writing, at the server

    def put_model(self, name: str, model: Model) -> None:
        """Put what is known of a widget besides its state."""
        self.models[name] = model
        self._put_head(name, model)

    def _put_head(self, name: str, model: Model) -> None:
        value: dict[str, Value] = {
            "keeper": model.keeper, "run": model.run, "model": model.model, "module": model.module,
            "version": model.version, "by": model.by,
        }  # fmt: skip
        key = f"widget/{name}"
        if self.records.get(key) != value:
            self.records.put(key, value)

    def put_by(self, name: str, by: str) -> None:
        """Note who moved a widget."""
        model = self.models[name]
        if model.by != by:
            model.by = by
            self._put_head(name, model)

    def put_attribute(self, name: str, attribute: str, value: Any) -> None:
        """Put an attribute: bytes or what JSON knows. One that is too large or too deep, and one that is no JSON, is removed: a file with NaN
        is opened by no browser.
        """
        model = self.models[name]
        if not is_attribute(attribute):
            return
        if value is None and attribute not in model.sizes:  # most of a layout
            return
        if attribute not in model.sizes and len(model.sizes) >= ATTRIBUTES_MAX:
            return
        encoded = _encode(value)
        if encoded is not None and attribute in model.state and _same(model.state[attribute], value):
            return
        self._forget_attribute(name, model, attribute)
        if encoded is None or self.size + len(encoded) > STATES_BYTES_MAX:
            self.records.drop(f"widget/{name}/state/{attribute}")
            return
        key = f"widget/{name}/state/{attribute}"
        if len(encoded) <= PIECE:
            self.records.put(key, encoded)
        else:
            starts = range(0, len(encoded), PIECE)
            for at, start in enumerate(starts):
                self.records.put(_piece_key(name, attribute, at), encoded[start : start + PIECE])
            self.records.put(key, {"pieces": len(starts)})
        model.state[attribute] = value if isinstance(value, bytes) else json.loads(encoded)
        model.sizes[attribute] = len(encoded)
        self.size += len(encoded)

    def _forget_attribute(self, name: str, model: Model, attribute: str) -> None:
        """Remove the pieces of an attribute; its own key is put anew or dropped by the caller."""
        if attribute not in model.sizes:
            return
        before = self.records.get(f"widget/{name}/state/{attribute}")
        count = before.get("pieces") if isinstance(before, dict) else None
        for at in range(count if isinstance(count, int) else 0):
            self.records.drop(_piece_key(name, attribute, at))
        self.size -= model.sizes.pop(attribute)
        model.state.pop(attribute, None)

    def remove(self, name: str) -> None:
        """Remove a widget and its state."""
        model = self.models.pop(name, None)
        if model is None:
            return
        for attribute in list(model.sizes):
            self._forget_attribute(name, model, attribute)
            self.records.drop(f"widget/{name}/state/{attribute}")
        self.records.drop(f"widget/{name}")

    # ------------------------------------------------------------------ who is in whom

    def reachable(self, names: Iterable[str]) -> set[str]:
        """These widgets and all that their states name."""
        found: set[str] = set()
        waiting = [name for name in names if name in self.models]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(each for each in references(self.models[name].state) if each in self.models)
        return found


def references(state: Mapping[str, Any]) -> Iterator[str]:
    """The ids of the widgets that a state names, such as its children."""
    waiting: list[Any] = list(state.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if value.startswith(REFERENCE):
                yield value[len(REFERENCE) :]
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())


def _encode(value: Any) -> str | bytes | None:
    """An attribute as it is put; None if it cannot be."""
    if isinstance(value, bytes):
        return value if len(value) <= ATTRIBUTE_BYTES_MAX else None
    if not _is_shallow(value):
        return None
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError):
        return None
    return text.encode("utf-8", "replace").decode() if len(text) <= ATTRIBUTE_BYTES_MAX else None


def _is_shallow(value: Any) -> bool:
    """Whether a value has no more levels than are allowed."""
    level = [value]
    for _ in range(LEVELS_MAX):
        level = [
            inner
            for each in level
            if isinstance(each, (list, dict))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return True
    return False


def viewed(form: object) -> str:
    """The id of the widget that a display shows, from its form of `VIEW_TYPE`; "" if it is none."""
    try:
        value = json.loads(form) if isinstance(form, str) else form
    except (ValueError, RecursionError):
        return ""
    name = value.get("model_id") if isinstance(value, dict) else None
    return name if isinstance(name, str) and is_widget_id(name) else ""


def _piece_key(name: str, attribute: str, at: int) -> str:
    return f"widget/{name}/state/{attribute}/{at:03d}"


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON has them: 1, 1.0 and true are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, dict)):
        return bool(json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))
    return bool(one == other)

"""The states of widgets as a notebook file has them, in its metadata.

    {"version_major": 2, "version_minor": 0, "state": {ID: {model_name, model_module, model_module_version, state, buffers}}}

https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/v2/state.schema.json. Bytes are in `buffers`, with their paths.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jpterm_like.notebook.widgets import Model, Widgets, is_attribute, is_widget_id

MAJOR: Final = 2
_NOT_SAVED: Final = frozenset(("msg_id",))
"""What is of a moment only."""


def states_json(
    widgets: Widgets, names: Iterable[str], printed: Callable[[str], list[dict[str, Any]]]
) -> dict[str, Any]:
    """The states of some widgets; `printed` tells what an Output widget holds besides its state. Empty if there are none."""
    states: dict[str, Any] = {}
    for name in sorted(names):
        model = widgets.models[name]
        state = {key: each for key, each in sorted(model.state.items()) if key not in _NOT_SAVED}
        if model.model == "OutputModel":
            before = state.get("outputs")
            state["outputs"] = [*(before if isinstance(before, list) else []), *printed(name)]
        buffers = [
            {"data": binascii.b2a_base64(each, newline=False).decode(), "encoding": "base64", "path": [key]}
            for key, each in state.items()
            if isinstance(each, bytes)
        ]
        told: dict[str, Any] = {
            "model_module": model.module,
            "model_module_version": model.version,
            "model_name": model.model,
            "state": {key: each for key, each in state.items() if not isinstance(each, bytes)},
        }
        states[name] = {"buffers": buffers, **told} if buffers else told
    return {"state": states, "version_major": MAJOR, "version_minor": 0} if states else {}


def states_of(value: object) -> dict[str, tuple[Model, dict[str, Any]]]:
    """The widgets of a file: for each what is known besides its state, and that. What is no valid one is left out."""
    found: dict[str, tuple[Model, dict[str, Any]]] = {}
    if not isinstance(value, dict) or value.get("version_major") != MAJOR:
        return found
    states = value.get("state")
    for name, told in states.items() if isinstance(states, dict) else ():
        if not is_widget_id(name) or not isinstance(told, dict) or not isinstance(told.get("state"), dict):
            continue
        model, module, version = (
            each[:200] if isinstance(each := told.get(key), str) else ""
            for key in ("model_name", "model_module", "model_module_version")
        )
        found[name] = (
            Model("", "", model, module, version),
            {**told["state"], **_buffers(told.get("buffers"))},
        )
    return found


def _buffers(value: object) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for each in value if isinstance(value, list) else ():
        match each:
            case {"encoding": "base64", "path": [str(key)], "data": str(data)} if is_attribute(key):
                try:
                    found[key] = binascii.a2b_base64(data)
                except ValueError:
                    continue
    return found

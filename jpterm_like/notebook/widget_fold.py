"""Fold what a kernel says of its widgets into the records of the notebook. Pure, and used by `notebook.fold` alone.

A widget is a comm of Jupyter's protocol: it is opened with a state, updated by attribute, and closed. Messages and states are in
https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from crdt.records import Records
from jpterm_like.notebook.widget_file import states_of
from jpterm_like.notebook.widget_moves import CLICK, MOVABLE, problem
from jpterm_like.notebook.widgets import (
    MODELS_MAX,
    OUTPUT_HEAD,
    REFERENCE,
    STATES_BYTES_MAX,
    Model,
    Widgets,
    is_widget_id,
)

TARGET: Final = "jupyter.widget"
OUTPUT: Final = "OutputModel"
MOVES_MAX: Final = 1_000
"""Messages to widgets whose outputs are known to be theirs."""
LINKED_MAX: Final = 50
"""Widgets that one move changes, through links."""


class CannotMove(ValueError):
    """A widget cannot be moved so. Its text says why, as a sentence."""


class WidgetFold:
    """See the module.

    Args:
        forget: removes what was printed into an Output widget, which is kept as a run of this name.
    """

    def __init__(self, records: Records, forget: Callable[[str], None]) -> None:
        self._forget = forget
        self.widgets = Widgets(records)
        self._captures: dict[str, list[str]] = {}
        """The Output widgets that are to have what has this parent, the last one first of all."""
        for name, model in self.widgets.models.items():
            self._capture(name, "", model.state.get("msg_id"))
        self._echoes: dict[tuple[str, str], str] = {}
        """For each attribute that was moved here the last message about it, until the kernel says the same."""
        self._owners: OrderedDict[str, str] = OrderedDict()
        """The runs that made the widgets which these messages move."""
        self._tidy_above = STATES_BYTES_MAX // 2
        """Size of all states above which widgets go that nobody can see. It grows with those that are seen, so that they are looked for
        seldom."""

    # ------------------------------------------------------------------ what the kernel says

    def open(
        self,
        keeper: str,
        run: str,
        content: Mapping[str, Any],
        buffers: Sequence[bytes],
        shown: Callable[[], Iterable[str]],
    ) -> None:
        """A widget was made. Those that nobody can see go if there are too many; `shown` tells the ones that are displayed."""
        name, data = content.get("comm_id"), content.get("data")
        if content.get("target_name") != TARGET or not isinstance(name, str) or not isinstance(data, dict):
            return
        if not is_widget_id(name):
            return
        widgets = self.widgets
        is_full = len(widgets.models) >= MODELS_MAX and name not in widgets.models
        if is_full or widgets.size > self._tidy_above:
            self._tidy(shown())
        if len(widgets.models) >= MODELS_MAX and name not in widgets.models:
            return
        self._remove(name)
        state = _state(data, buffers)
        texts = (state.get(key) for key in ("_model_name", "_model_module", "_model_module_version"))
        model, module, version = (each if isinstance(each, str) else "" for each in texts)
        widgets.put_model(name, Model(keeper, run, model[:200], module[:200], version[:200]))
        self._take(name, state)

    def _tidy(self, shown: Iterable[str]) -> None:
        """Remove widgets that no display shows: those that are not shown yet are among the newer half, which stays."""
        widgets = self.widgets
        seen = widgets.reachable(shown)
        gone = [each for each in widgets.models if each not in seen]
        for each in gone[: (len(gone) + 1) // 2]:
            self._remove(each)
        self._tidy_above = (widgets.size + STATES_BYTES_MAX) // 2

    def message(self, content: Mapping[str, Any], buffers: Sequence[bytes], parent: object) -> None:
        """A widget's kernel side has changed it."""
        name, data = content.get("comm_id"), content.get("data")
        if not isinstance(name, str) or name not in self.widgets.models or not isinstance(data, dict):
            return
        state = _state(data, buffers)
        match data.get("method"):
            case "update":
                self._take(name, state)
            case "echo_update":
                self._take(
                    name, {each: state[each] for each in state if not self._is_late(name, each, parent)}
                )

    def _is_late(self, name: str, attribute: str, parent: object) -> bool:
        """Whether an echo is of a move after which there was another one."""
        awaited = self._echoes.get((name, attribute))
        if awaited == parent:
            del self._echoes[name, attribute]
            return False
        return awaited is not None

    def states(self, content: Mapping[str, Any], buffers: Sequence[bytes], keeper: str) -> None:
        """The answer to a request for all states: {states: {id: {state, …}}, buffer_paths: [[id, attribute], …]}."""
        data = content.get("data")
        found = data.get("states") if isinstance(data, dict) else None
        if not isinstance(found, dict):
            return
        paths = data.get("buffer_paths") if isinstance(data, dict) else None
        filled: dict[tuple[str, str], bytes] = {}
        if isinstance(paths, list):
            for path, buffer in zip(paths, buffers, strict=False):
                if isinstance(path, list) and len(path) == 3 and path[1] == "state":
                    path = [path[0], path[2]]
                if isinstance(path, list) and len(path) == 2 and all(isinstance(each, str) for each in path):
                    filled[path[0], path[1]] = bytes(buffer)
        for name, told in found.items():
            if (
                not is_widget_id(name)
                or not isinstance(told, dict)
                or not isinstance(told.get("state"), dict)
            ):
                continue
            if name not in self.widgets.models:
                if len(self.widgets.models) >= MODELS_MAX:
                    continue
                keys = ("model_name", "model_module", "model_module_version")
                model, module, version = (
                    each[:200] if isinstance(each := told.get(key), str) else "" for key in keys
                )
                self.widgets.put_model(name, Model(keeper, "", model, module, version))
            state = {**told["state"], **{key: data for (each, key), data in filled.items() if each == name}}
            self._take(name, state)

    def take_file(self, value: object) -> None:
        """The states that a file has of widgets that are not known here: no kernel has these."""
        for name, (model, state) in states_of(value).items():
            if name not in self.widgets.models and len(self.widgets.models) < MODELS_MAX:
                self.widgets.put_model(name, model)
                self._take(name, state)

    def close(self, content: Mapping[str, Any]) -> None:
        """A widget is gone, and what was printed into it."""
        name = content.get("comm_id")
        if isinstance(name, str):
            self._remove(name)

    def _remove(self, name: str) -> None:
        model = self.widgets.models.get(name)
        if model is not None:
            self._capture(name, model.state.get("msg_id"), "")
            if model.model == OUTPUT:
                self._forget(OUTPUT_HEAD + name)
            self.widgets.remove(name)

    def _take(self, name: str, state: Mapping[str, Any]) -> None:
        model = self.widgets.models[name]
        if "msg_id" in state and model.model == OUTPUT:
            self._capture(name, model.state.get("msg_id"), state["msg_id"])
        for attribute, value in state.items():
            self.widgets.put_attribute(name, attribute, value)

    def _capture(self, name: str, before: object, after: object) -> None:
        if isinstance(before, str) and name in self._captures.get(before, ()):
            self._captures[before].remove(name)
            if not self._captures[before]:
                del self._captures[before]
        if isinstance(after, str) and after:
            self._captures.setdefault(after, []).append(name)

    def capturing(self, parent: object) -> str:
        """The Output widget that is to have an output of this parent; "" if none is."""
        names = self._captures.get(parent) if isinstance(parent, str) else None
        return names[-1] if names else ""

    # ------------------------------------------------------------------ what people do

    def move(
        self, keeper: str, name: str, attribute: str, value: Any, who: str
    ) -> list[tuple[str, dict[str, Any]]]:
        """Move a widget, and those that are linked to it; returns for each the content of the message to its kernel side.

        Raises:
            CannotMove: it is not there any more, its kernel has ended, or it takes no such value.
        """
        model = self.widgets.models.get(name)
        if model is None:
            raise CannotMove("That widget is gone.")
        if not keeper or model.keeper != keeper:
            raise CannotMove("The kernel of that widget has ended: run its cell again.")
        why = problem(model.model, model.state, attribute, value)
        if why:
            raise CannotMove(why)
        self.widgets.put_by(name, who)
        if attribute == CLICK:
            return [(name, {"method": "custom", "content": {"event": "click"}})]
        return [(each, self._set(each, key, value)) for each, key in self._linked(name, attribute)]

    def _set(self, name: str, attribute: str, value: Any) -> dict[str, Any]:
        self.widgets.put_attribute(name, attribute, value)
        return {"method": "update", "state": {attribute: value}, "buffer_paths": []}

    def _linked(self, name: str, attribute: str) -> list[tuple[str, str]]:
        """An attribute, and those that links of the front end (`jslink`, `jsdlink`) keep equal to it."""
        found = [(name, attribute)]
        links: list[tuple[tuple[str, str], tuple[str, str]]] = []
        for model in self.widgets.models.values():
            if model.model in ("LinkModel", "DirectionalLinkModel"):
                source, target = _end(model.state.get("source")), _end(model.state.get("target"))
                if source is not None and target is not None:
                    links.append((source, target))
                    if model.model == "LinkModel":
                        links.append((target, source))
        for end in found:
            for one, other in links:
                if (
                    one == end
                    and other not in found
                    and other[0] in self.widgets.models
                    and len(found) < LINKED_MAX
                ):
                    found.append(other)
        return found

    def sent(self, message: str, content: Mapping[str, Any]) -> None:
        """A message to a widget is in the keeper's log: what has it as its parent comes of it."""
        name, data = content.get("comm_id"), content.get("data")
        model = self.widgets.models.get(name) if isinstance(name, str) else None
        if model is None or not isinstance(name, str):
            return
        self._owners[message] = model.run
        if len(self._owners) > MOVES_MAX:
            self._owners.popitem(last=False)
        state = data.get("state") if isinstance(data, dict) else None
        for attribute in state if isinstance(state, dict) else ():
            self._echoes[name, attribute] = message

    def owner(self, message: object) -> str:
        """The run that made the widget which a message moved; "" if that is not known."""
        return self._owners.get(message, "") if isinstance(message, str) else ""

    def waiting_for_subshell(self, keeper: str, greeted: set[str]) -> list[str]:
        """The widgets that people can move, and that have had no message on a subshell yet."""
        return [
            name
            for name, model in self.widgets.models.items()
            if model.keeper == keeper and model.model in MOVABLE and name not in greeted
        ]


def _end(value: Any) -> tuple[str, str] | None:
    """An end of a link: ["IPY_MODEL_ID", "value"]."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value):
        return value[0].removeprefix(REFERENCE), value[1]
    return None


def _state(data: Mapping[str, Any], buffers: Sequence[bytes]) -> dict[str, Any]:
    """A state with its buffers. Those that are not an attribute as a whole are left out: no widget that is drawn has any."""
    state = data.get("state")
    if not isinstance(state, dict):
        return {}
    paths = data.get("buffer_paths")
    filled: dict[str, Any] = {key: value for key, value in state.items() if isinstance(key, str)}
    if isinstance(paths, list):
        for path, buffer in zip(paths, buffers, strict=False):
            if isinstance(path, list) and len(path) == 1 and isinstance(path[0], str):
                filled[path[0]] = bytes(buffer)
    return filled

"""The records of one open notebook: what its cells gave, beside its text. See `notebook.runs` for what is in them.

The server alone writes them. Each opening of the document begins a replica of its own (`records_pad.renewed`), so that nothing that
was replaced stays, and nobody can have a later version of it than the server.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from crdt import Version
from crdt.records import Records
from jpterm_like import clock
from jpterm_like.notebook.fold import Fold
from jpterm_like.notebook.ipynb import Result
from jpterm_like.notebook.runs import (
    Run,
    file_digest_of,
    outputs_json,
    part_of_output,
    parts_of_run,
    put_cell,
    put_part,
    shown_run,
)
from jpterm_like.sync.records_pad import LINEAGE_BYTES, RecordsPad, renewed
from jpterm_like.sync.unsaved_work import DISK


class NotebookRecords:
    """See the module.

    Args:
        kept: what the store has.
        writes_outputs: whether what cells gave goes into the file; else a cell that ran has none there. The setting `outputs`.
    """

    def __init__(self, kept: Records | None, *, writes_outputs: bool) -> None:
        records = Records() if kept is None else renewed(kept)
        self.pad = RecordsPad(records, secrets.token_bytes(LINEAGE_BYTES))
        self.pad.stored = records.version
        self.fold = Fold(records)
        self.read_raw: bytes | None = None
        """The state of the file whose outputs are known here; None: none was read yet."""
        self.on_result: list[Callable[[], None]] = []
        """Called when there is something that the file should hold."""
        self._writes_outputs = writes_outputs
        self._seen = Version()
        self._unsaved: dict[str, Result] = {}

    @property
    def records(self) -> Records:
        return self.pad.records

    def publish(self) -> None:
        """Pass on what was put."""
        self.pad.publish()

    # ------------------------------------------------------------------ the file

    def take_file(self, found: Mapping[str, Result], widgets: object = None) -> None:
        """Show what the file has for its cells, where it is not what was read or written here before; `widgets` are their states, as the
        file has them.
        """
        self.fold.widgets.take_file(widgets)
        records, now_ms = self.records, int(clock.wall() * 1000)
        for cell, result in found.items():
            digest = _digest(result)
            if digest == (file_digest_of(records, cell) or _EMPTY):
                continue
            shown = shown_run(records, cell)
            if shown is not None and not shown.is_over:
                put_cell(records, cell, shown.id, digest)  # it is running: that is newer
                continue
            if shown is not None and _digest(self._result(shown)) == digest:
                put_cell(records, cell, shown.id, digest)
                continue
            if shown is not None:
                self.fold.forget(shown.id)
            if not result.outputs and result.number is None:
                put_cell(records, cell, None, digest)
                continue
            run = Run(f"{DISK}-{secrets.token_hex(8)}", cell, DISK, "disk", now_ms, number=result.number)
            self.fold.put_run(run)
            number = 0
            for output in result.outputs:
                part = part_of_output(output)
                if part is not None:
                    number = put_part(records, run.id, number, part)
            put_cell(records, cell, run.id, digest)
        self.publish()

    @property
    def has_unsaved(self) -> bool:
        """Whether there are results that the file lacks."""
        return bool(self.unsaved())

    def unsaved(self) -> dict[str, Result]:
        """The results that the file lacks, by cell."""
        version = self.records.version
        if version != self._seen:
            self._unsaved = dict(self._look())
            self._seen = version
        return self._unsaved

    def _look(self) -> list[tuple[str, Result]]:
        found = []
        for key in self.records.keys():  # noqa: SIM118 - it is no dictionary
            kind, _, cell = key.partition("/")
            if kind != "cell":
                continue
            run = shown_run(self.records, cell)
            if run is not None and run.state in ("disk", "waits", "runs"):
                continue
            known = file_digest_of(self.records, cell)
            if not self._writes_outputs:
                if (known or _EMPTY) != _EMPTY:
                    found.append((cell, Result(None, [])))
                continue
            result = Result(None, []) if run is None else self._result(run)
            if _digest(result) != known:
                found.append((cell, result))
        return found

    def _result(self, run: Run) -> Result:
        return Result(run.number, outputs_json(parts_of_run(self.records, run.id)))

    def widget_states(self) -> dict[str, Any]:
        """The states of the widgets that cells show, as a file has them; empty if none does."""
        return self.fold.widget_states()

    @property
    def kernel_name(self) -> str:
        """The name of the kernel that ran last, as Jupyter knows it; empty if none did."""
        state = self.records.get("kernel")
        name = state.get("name") if isinstance(state, dict) else None
        return name if isinstance(name, str) else ""

    def note_saved(self, results: Mapping[str, Result]) -> None:
        """The file holds these results."""
        for cell, result in results.items():
            run = shown_run(self.records, cell)
            put_cell(self.records, cell, None if run is None else run.id, _digest(result))
        self.publish()


def _digest(result: Result) -> str:
    text = json.dumps([result.number, result.outputs], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_EMPTY: Final = _digest(Result(None, []))
"""Of a cell that has given nothing; what the file has for a cell that nobody has seen there."""

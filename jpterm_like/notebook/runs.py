"""The runs of a notebook as records: which keys there are, and what is under them.

    cell/ID            {run, file}: the run that is shown for a cell, and the digest of the outputs that its file was last seen with
    run/ID             {cell, by, state, asked_ms, …}: a run, see `Run`; its id is that of the request to the kernel
    run/ID/source/…    what is to run, until it was sent
    run/ID/clears, reply, idle    what the kernel said of it so far: the next output replaces all; its state; it is idle
    run/ID/NNNNNN      a part of what it gave, in order: see `PartKind`
    kernel             {name, state, since, why, code}
    keeper             {folder, at}: where the kernel's keeper is, and the number of its last entry that is in these records
    choice             {kernel}: the kernel that somebody chose; empty or missing: that which the notebook names
    queue              the runs that wait, in order

Everything is put, so what was replaced goes when the records are encoded. Only one site writes: the server that has the document
open (`server.notebook_records`). Fields that are not known are kept by nobody: a newer release adds keys, not fields.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, Literal, NamedTuple, cast

from crdt.records import Records
from crdt.values import Value, decode_value, encode_value

PartKind = Literal["stream", "display", "error", "asks", "gap", "cut", "pieces", "piece"]
"""stream: {name, text}, and {row, column, rest} while its end may be overwritten; parts of one name that follow each other are one text.
display: {data, metadata, id, result, count}. error: {ename, evalue, traceback}. asks: {prompt, secret, answered}. gap: {count, start, end}.
cut: {lines, characters}, of a text that was too long to be kept. pieces: {count}: that many `piece` parts follow, and joined they are a part."""

RunState = Literal["waits", "runs", "ok", "error", "interrupted", "cancelled", "died", "lost", "disk"]
"""waits: in the queue. cancelled: taken out of it. died: its kernel ended. lost: whether it ran is not known. disk: from the file."""

ENDED: Final = frozenset(("ok", "error", "interrupted", "cancelled", "died", "lost", "disk"))

PIECE_BYTES: Final = 48 * 1024
"""A part is put, and what is put has at most 64 KiB."""
DISPLAY_BYTES_MAX: Final = 8 * 1024 * 1024
"""Forms of a display beyond this are left out, the largest first."""
FORMS_MAX: Final = 100
"""Forms of one display."""
FORM_NAME_MAX: Final = 200
JSON_DEPTH_MAX: Final = 200
ERROR_NAME_MAX: Final = 1_000
ERROR_CHARACTERS_MAX: Final = 1_000_000
"""Of what an error says, and of its traceback, whose end is kept."""
TRACEBACK_LINES_MAX: Final = 10_000
RUN_ID_LENGTH: Final = 32

_BRACKET: Final = re.compile(r"[\[\]{}]")


class Run(NamedTuple):
    """A run of a cell."""

    id: str
    cell: str
    by: str
    """The person who asked."""
    state: RunState
    asked_ms: int = 0
    started_ms: int = 0
    """0: it has not begun."""
    ended_ms: int = 0
    number: int | None = None
    """What the kernel counted it as: `[7]`."""
    code: int | None = None
    """The exit code of the kernel that died of it."""
    digest: str = ""
    """Of the source that ran; see `source_digest`."""

    @property
    def is_over(self) -> bool:
        return self.state in ENDED

    def value(self) -> Value:
        fields = {**self._asdict()}
        del fields["id"]
        return {key: value for key, value in fields.items() if value not in (None, 0, "")}


_RUN_TYPES: Final[dict[str, type]] = {
    "cell": str, "by": str, "state": str, "asked_ms": int, "started_ms": int, "ended_ms": int, "number": int, "code": int,
    "digest": str,
}  # fmt: skip


def source_digest(source: str) -> str:
    """What tells whether a cell has changed since it ran."""
    return hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def is_run_id(name: str) -> bool:
    """Whether this can be the id of a run that somebody asks for: 32 hexadecimal digits."""
    return len(name) == RUN_ID_LENGTH and all(digit in "0123456789abcdef" for digit in name)


def run_of(records: Records, name: str) -> Run | None:
    """The run with an id."""
    value = records.get(f"run/{name}")
    if not isinstance(value, dict):
        return None
    fields = {key: value[key] for key, kind in _RUN_TYPES.items() if isinstance(value.get(key), kind)}
    if "cell" not in fields or "state" not in fields:
        return None
    fields.setdefault("by", "")
    return Run(name, **cast(Any, fields))


def shown_run(records: Records, cell: str) -> Run | None:
    """The run that is shown for a cell."""
    value = records.get(f"cell/{cell}")
    name = value.get("run") if isinstance(value, dict) else None
    return run_of(records, name) if isinstance(name, str) else None


def file_digest_of(records: Records, cell: str) -> str:
    """The digest of the outputs that the file was last seen with for a cell."""
    value = records.get(f"cell/{cell}")
    digest = value.get("file") if isinstance(value, dict) else None
    return digest if isinstance(digest, str) else ""


def put_cell(records: Records, cell: str, run: str | None, file: str) -> None:
    """Have a run shown for a cell, and note the digest of its outputs in the file."""
    records.put(f"cell/{cell}", {"run": run, "file": file})


def part_key(run: str, number: int) -> str:
    return f"run/{run}/{number:06d}"


def part_keys(records: Records, run: str) -> list[str]:
    """The keys of a run's parts, in order. O(all keys)."""
    head = f"run/{run}/"
    return [key for key in _keys(records) if key.startswith(head) and key[len(head) :].isdigit()]


def _keys(records: Records) -> list[str]:
    return records.keys()


def parts_of_run(records: Records, run: str) -> Iterator[dict[str, Any]]:
    """The parts of a run, in order, pieces joined."""
    yield from parts_at(records, part_keys(records, run))


def parts_at(records: Records, keys: list[str]) -> Iterator[dict[str, Any]]:
    """The same for keys that are known."""
    pieces: list[bytes] = []
    awaited = 0
    for key in keys:
        part = records.get(key)
        if not isinstance(part, dict):
            continue
        if part.get("kind") == "pieces":
            count = part.get("count")
            awaited, pieces = count if isinstance(count, int) else 0, []
        elif part.get("kind") == "piece":
            data = part.get("data")
            pieces.append(data if isinstance(data, bytes) else b"")
            if len(pieces) == awaited:
                whole = decode_value(b"".join(pieces))
                if isinstance(whole, dict):
                    yield cast(dict[str, Any], whole)
        else:
            yield cast(dict[str, Any], part)


def put_part(records: Records, run: str, number: int, part: Mapping[str, Value]) -> int:
    """Put a part, in pieces if it is long; return the number after the last one that it took."""
    value = dict(part)
    encoded = encode_value(value)
    if len(encoded) <= PIECE_BYTES:
        records.put(part_key(run, number), value)
        return number + 1
    starts = range(0, len(encoded), PIECE_BYTES)
    records.put(part_key(run, number), {"kind": "pieces", "count": len(starts)})
    for at, start in enumerate(starts):
        piece = encoded[start : start + PIECE_BYTES]
        records.put(part_key(run, number + 1 + at), {"kind": "piece", "data": piece})
    return number + 1 + len(starts)


def drop_run(records: Records, run: str) -> None:
    """Remove a run and everything that it gave."""
    head = f"run/{run}/"
    for key in _keys(records):
        if key.startswith(head):
            records.drop(key)
    records.drop(f"run/{run}")


# ---------------------------------------------------------------------- nbformat


def part_of_output(output: object) -> dict[str, Value] | None:
    """The part for an output as a file has it; None if it is no valid one."""
    if not isinstance(output, dict):
        return None
    match output:
        case {"output_type": "stream"}:
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return {"kind": "stream", "name": name, "text": _clean(_text(output.get("text")))}
        case {"output_type": "display_data" | "execute_result" as kind, "data": dict(data)}:
            part = display_part(data, output.get("metadata"))
            if kind == "execute_result":
                part["result"] = True
                part["count"] = count_of(output.get("execution_count"))
            return part
        case {"output_type": "error"}:
            return error_part(output)
    return None


def count_of(value: object) -> int | None:
    """What a kernel or a file counts a run as; None if that is no number for it."""
    return value if type(value) is int and 0 <= value < 2**31 else None


def display_part(data: Mapping[str, Any], metadata: object, name: str | None = None) -> dict[str, Value]:
    """The part for a value in several forms, as messages and files have them: images in base64, JSON as values."""
    forms = {
        _clean(kind): form
        for kind, value in islice(data.items(), FORMS_MAX)
        if isinstance(kind, str)
        and len(kind) <= FORM_NAME_MAX
        and (form := _form(_clean(kind), value)) is not None
    }
    kept: dict[str, Value] = {}
    left = DISPLAY_BYTES_MAX
    for kind, form in sorted(forms.items(), key=lambda item: len(item[1])):
        size = len(form) if isinstance(form, bytes) else len(form.encode())
        if size <= left:
            kept[kind] = form
            left -= size
    part: dict[str, Value] = {"kind": "display", "data": {kind: kept[kind] for kind in forms if kind in kept}}
    if left_out := [kind for kind in forms if kind not in kept]:
        part["large"] = cast(Value, left_out)
    if isinstance(metadata, dict) and metadata:
        part["metadata"] = (_json_text(metadata) or "")[:PIECE_BYTES]
    if name is not None:
        part["id"] = name
    return part


def error_part(content: Mapping[str, Any]) -> dict[str, Value]:
    traceback = content.get("traceback")
    lines: list[str] = []
    left = ERROR_CHARACTERS_MAX
    for line in reversed(traceback[-TRACEBACK_LINES_MAX:] if isinstance(traceback, list) else []):
        lines.append(_clean(_text(line))[:left])
        left -= len(lines[-1])
        if not left:
            break
    lines.reverse()
    return {
        "kind": "error",
        "ename": _clean(_text(content.get("ename")))[:ERROR_NAME_MAX],
        "evalue": _clean(_text(content.get("evalue")))[:ERROR_CHARACTERS_MAX],
        "traceback": cast(Value, lines),
    }


def outputs_json(parts: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs as a file has them (nbformat 4). Questions, gaps and what was cut are told as printed lines."""
    outputs: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case {"kind": "stream", "text": str(text)}:
                name = part.get("name", "stdout")
                last = outputs[-1] if outputs else {}
                if last.get("output_type") == "stream" and last["name"] == name:
                    last["text"] += text
                else:
                    outputs.append({"name": name, "output_type": "stream", "text": text})
            case {"kind": "display", "data": dict(data)}:
                output: dict[str, Any] = {
                    "data": {kind: _json_form(kind, form) for kind, form in data.items()},
                    "metadata": _metadata(part.get("metadata")),
                    "output_type": "display_data",
                }
                if part.get("result"):
                    output |= {"execution_count": part.get("count"), "output_type": "execute_result"}
                outputs.append(dict(sorted(output.items())))
            case {"kind": "error"}:
                keys = ("ename", "evalue")
                outputs.append(
                    {
                        **{key: part.get(key, "") for key in keys},
                        "output_type": "error",
                        "traceback": part.get("traceback", []),
                    }
                )
            case {"kind": "gap", "count": int(count)}:
                outputs.append(_told(f"[{count:,} messages of the kernel were lost here]\n"))
            case {"kind": "cut", "lines": int(lines)}:
                outputs.append(_told(f"[{lines:,} lines are left out here]\n"))
    for output in outputs:
        if output["output_type"] == "stream":
            output["text"] = output["text"].splitlines(keepends=True)
    return outputs


def _told(line: str) -> dict[str, Any]:
    return {"name": "stderr", "output_type": "stream", "text": line}


def _metadata(text: object) -> Any:
    if isinstance(text, str):
        try:
            value = json.loads(text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}
    return {}


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def _is_binary(kind: str) -> bool:
    top, _, rest = kind.partition("/")
    return (top in ("image", "audio", "video") and not rest.endswith("+xml")) or kind == "application/pdf"


def _form(kind: str, value: Any) -> str | bytes | None:
    """One form of a value as it is kept; None if it cannot be."""
    if _is_json(kind):
        return _json_text(value)
    if isinstance(value, (str, list)):
        text = _clean(_text(value))
        if _is_binary(kind):
            try:
                return binascii.a2b_base64(text)
            except ValueError:
                return None
        return text
    return None


def _json_text(value: object) -> str | None:
    """A value as JSON; None if lists are nested in it deeper than everything that reads it later can follow."""
    try:
        text = _clean(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return None
    depth = deepest = 0
    if text.count("[") + text.count("{") > JSON_DEPTH_MAX:
        for found in _BRACKET.finditer(text):  # those within strings count as well
            depth += 1 if found[0] in "[{" else -1
            deepest = max(deepest, depth)
    return text if deepest <= JSON_DEPTH_MAX else None


def _json_form(kind: str, form: object) -> Any:
    if isinstance(form, bytes):
        return binascii.b2a_base64(form, newline=False).decode()
    if isinstance(form, str) and _is_json(kind):
        try:
            return json.loads(form)
        except ValueError:
            return form
    return form.splitlines(keepends=True) if isinstance(form, str) else form


def _text(value: object) -> str:
    """A text, which nbformat may also have as a list of its lines."""
    if isinstance(value, list):
        return "".join([line for line in value if isinstance(line, str)])
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """A text without halves of characters, which JSON can have and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()

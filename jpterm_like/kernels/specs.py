"""Which kernel a notebook wants: the one that it names, else the Python of the environment beside it, else a question.

The kernels that are installed are listed by `jupyter_client` in a child that ends: it takes 33 MB, which no other process of ours pays.
Everything here blocks for some tenths of a second.
"""

from __future__ import annotations

import json
import os
import stat
import string
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from jpterm_like.errors import escape_for_terminal
from jpterm_like.files import private
from jpterm_like.kernels.description import KernelError

LIST_S: Final = 20.0
"""How long the child may take to list the kernels."""
LOOK_S: Final = 10.0
"""How long a Python may take to say whether it has ipykernel."""
SPECS_MAX: Final = 200
"""Most kernels of this machine that are looked at."""

_LIST: Final = """
import json, sys
from jupyter_client.kernelspec import KernelSpecManager
found = {}
for name, each in KernelSpecManager().get_all_specs().items():
    found[name] = {**each["spec"], "resource_dir": each["resource_dir"], "is_ours": each["resource_dir"].startswith(sys.prefix)}
print(json.dumps(found))
"""
_HAS_IPYKERNEL: Final = "import importlib.util, sys; sys.exit(importlib.util.find_spec('ipykernel') is None)"
_PYTHON: Final = "python3"
"""The name that Jupyter gives to "the Python that is here"."""


@dataclass(frozen=True)
class KernelSpec:
    """A kernel that can be started."""

    name: str
    """As `metadata.kernelspec.name` of a notebook has it."""
    display_name: str
    """For people: `Python 3 (ipykernel)`, `Python of .venv`."""
    language: str
    argv: Sequence[str]
    """Its command, with `{connection_file}`."""
    env: Mapping[str, str]
    """What its environment has besides ours."""
    interrupt_mode: Literal["signal", "message"]
    """Whether a cell is interrupted by SIGINT, or by an `interrupt_request` on control."""


class NoKernel(KernelError):
    """There is no kernel for the notebook; the sentence says what to install."""


class WhichKernel(KernelError):
    """A person must choose among some kernels."""

    def __init__(self, sentence: str, choices: Sequence[KernelSpec]) -> None:
        super().__init__(sentence)
        self.choices = choices


def choose_kernel(notebook: Path, metadata: Mapping[str, Any], environ: Mapping[str, str]) -> KernelSpec:
    """The kernel for a notebook.

    Args:
        notebook: its file.
        metadata: the notebook's own, of which `kernelspec` and `language_info` are read.
        environ: the environment of the person who wants to run it.

    Raises:
        WhichKernel: a person must choose.
        NoKernel: there is none.
    """
    wanted = _words(metadata.get("kernelspec"), "name")
    language = (
        _words(metadata.get("kernelspec"), "language") or _words(metadata.get("language_info"), "name")
    ).lower()
    specs, ours = _list_kernels(environ)
    if wanted in specs and wanted not in ours:
        return specs[wanted]
    if language in ("", "python"):
        beside = next(_environments(notebook, environ), None)
        if beside is not None:
            return beside
    if wanted in specs:
        return specs[wanted]
    if not specs:
        raise NoKernel(_nothing(notebook))
    choices = sorted(specs.values(), key=lambda spec: (spec.language != language, spec.display_name))
    if not wanted:
        if len(choices) == 1:
            return choices[0]
        raise WhichKernel("The notebook names no kernel. Which one?", choices)
    display = _words(metadata.get("kernelspec"), "display_name") or wanted
    raise WhichKernel(
        f"The notebook wants the kernel {escape_for_terminal(display)}, which is not installed here. Use another one?",
        choices,
    )


def kernels_for(
    notebook: Path, metadata: Mapping[str, Any], environ: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The kernels that a notebook may have: name, and title for people; first, without a name, the one that it gets if nobody chooses."""
    specs, _ = _list_kernels(environ)
    found = sorted((spec.name, spec.display_name) for spec in specs.values())
    try:
        return [("", choose_kernel(notebook, metadata, environ).display_name), *found]
    except KernelError:
        return found


def kernel_by_name(name: str, notebook: Path, environ: Mapping[str, str]) -> KernelSpec:
    """The kernel of this name.

    Raises:
        NoKernel: there is none of this name.
    """
    specs, _ = _list_kernels(environ)
    if name in specs:
        return specs[name]
    raise NoKernel(
        f"There is no kernel {escape_for_terminal(name)}. There are: {', '.join(map(escape_for_terminal, sorted(specs)))}."
        if specs
        else _nothing(notebook)
    )


def _nothing(notebook: Path) -> str:
    folder = escape_for_terminal(notebook.parent)
    return f"There is no Jupyter kernel here. For Python: python3 -m venv {folder}/.venv && {folder}/.venv/bin/pip install ipykernel"


def _list_kernels(environ: Mapping[str, str]) -> tuple[dict[str, KernelSpec], set[str]]:
    """The kernels that are installed, by name; and the names of those in the environment of jpterm-like itself.

    Without jupyter_client there are none, and a kernel is only found beside the notebook.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _LIST],
            env=dict(environ),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIST_S,
        )
        found = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}, set()
    specs = {}
    ours = set()
    for name, spec in list(found.items())[:SPECS_MAX]:
        made = _spec(name, spec, environ)
        if made is not None:
            specs[name] = made
            if spec.get("is_ours") is True:
                ours.add(name)
    return specs, ours


def _spec(name: str, spec: Mapping[str, Any], environ: Mapping[str, str]) -> KernelSpec | None:
    """A kernel from its `kernel.json`; None if that cannot be started."""
    argv, env = spec.get("argv"), spec.get("env") or {}
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        return None
    if not isinstance(env, dict):
        return None
    # As jupyter_client has it: a bare `python` is the Python that runs Jupyter.
    generic = {"python", "python3", f"python3.{sys.version_info.minor}"}
    first = sys.executable if spec.get("is_ours") is True and argv[0] in generic else argv[0]
    resources = str(spec.get("resource_dir", ""))
    return KernelSpec(
        name,
        str(spec.get("display_name") or name),
        str(spec.get("language") or "").lower(),
        [first, *(word.replace("{resource_dir}", resources) for word in argv[1:])],
        {key: string.Template(str(value)).safe_substitute(environ) for key, value in env.items()},
        "message" if spec.get("interrupt_mode") == "message" else "signal",
    )


def _environments(notebook: Path, environ: Mapping[str, str]) -> Iterator[KernelSpec]:
    """Pythons that have ipykernel: of `.venv` or `venv` beside the notebook or above it, and of the person's own environment."""
    folders = [folder / name for folder in notebook.absolute().parents for name in (".venv", "venv")]
    if environ.get("VIRTUAL_ENV"):
        folders.append(Path(environ["VIRTUAL_ENV"]))
    for folder in folders:
        python = folder / "bin" / "python"
        if not python.exists() or not _is_trusted(folder) or not _has_ipykernel(python, environ):
            continue
        command = [str(python), "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        path = f"{folder / 'bin'}{os.pathsep}{environ.get('PATH', os.defpath)}"
        env = {"VIRTUAL_ENV": str(folder), "PATH": path}
        yield KernelSpec(_PYTHON, f"Python of {folder.name}", "python", command, env, "signal")


def _is_trusted(folder: Path) -> bool:
    """Whether nobody else can have put a program into an environment: it is about to run as this user."""
    try:
        return all(private.is_private(os.stat(each)) for each in (folder, folder / "bin")) and stat.S_ISDIR(
            os.stat(folder).st_mode
        )
    except OSError:
        return False


def _has_ipykernel(python: Path, environ: Mapping[str, str]) -> bool:
    command = [str(python), "-c", _HAS_IPYKERNEL]
    try:
        # From /: with -c, Python looks for modules in the working folder first.
        done = subprocess.run(
            command, env=dict(environ), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=LOOK_S
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _words(members: object, name: str) -> str:
    """A member of a notebook's metadata, which may be anything; "" if it is no text."""
    found = members.get(name) if isinstance(members, Mapping) else None
    return found if isinstance(found, str) else ""

"""Which kernel a notebook gets, and what is said where there is none."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from jpterm_like.kernels import specs
from jpterm_like.kernels.specs import NoKernel, WhichKernel, choose_kernel, kernel_by_name, kernels_for

pytest.importorskip(
    "jupyter_client", reason="the kernels of this machine need jupyter_client: pip install '.[test]'"
)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment with kernels of its own only: no ipykernel is found in that of the tests."""
    monkeypatch.setattr(
        specs,
        "_LIST",
        specs._LIST.replace("KernelSpecManager()", "KernelSpecManager(ensure_native_kernel=False)"),
    )
    folder = tmp_path / "jupyter"
    (folder / "kernels").mkdir(parents=True)
    return {
        **os.environ,
        "JUPYTER_PATH": str(folder),
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_PREFER_ENV_PATH": "0",
        "X": "x y",
    }


def install(environ: dict[str, str], name: str, **spec: object) -> None:
    folder = Path(environ["JUPYTER_PATH"]) / "kernels" / name
    folder.mkdir()
    content = {
        "argv": [f"/bin/{name}", "{resource_dir}", "{connection_file}"],
        "display_name": name.title(),
        "language": name,
    }
    (folder / "kernel.json").write_text(json.dumps(content | spec))


def make_environment(folder: Path, *, has_ipykernel: bool = True) -> Path:
    """An environment whose Python has ipykernel, or has not."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\nexit {0 if has_ipykernel else 1}\n")
    python.chmod(0o700)
    return python


def named(name: str, language: str = "") -> dict[str, object]:
    return {"kernelspec": {"name": name, "display_name": name.upper(), "language": language}}


def test_the_kernel_that_the_notebook_names(environ: dict[str, str], tmp_path: Path) -> None:
    install(environ, "ir", env={"A": "${X}!"}, interrupt_mode="message")
    make_environment(tmp_path / ".venv")
    spec = choose_kernel(tmp_path / "a.ipynb", named("ir", "R"), environ)
    folder = Path(environ["JUPYTER_PATH"]) / "kernels" / "ir"
    assert (spec.argv, spec.interrupt_mode) == (["/bin/ir", str(folder), "{connection_file}"], "message")
    assert spec.env == {"A": "x y!"}


def test_the_environment_beside_the_notebook(environ: dict[str, str], tmp_path: Path) -> None:
    python = make_environment(tmp_path / "project" / ".venv")
    notebook = tmp_path / "project" / "notes" / "a.ipynb"
    for metadata in ({}, named("some-env", "python"), {"kernelspec": 3, "language_info": {"name": "python"}}):
        spec = choose_kernel(notebook, metadata, environ)
        assert spec.argv[0] == str(python) and spec.argv[-1] == "{connection_file}"
        assert spec.env["VIRTUAL_ENV"] == str(python.parent.parent)


def test_an_environment_that_others_can_write_is_not_run(environ: dict[str, str], tmp_path: Path) -> None:
    """In a shared folder somebody else's `.venv` would run as this user."""
    python = make_environment(tmp_path / "project" / ".venv")
    python.parent.chmod(0o777)
    own = make_environment(tmp_path / "own")
    spec = choose_kernel(
        tmp_path / "project" / "a.ipynb", {}, {**environ, "VIRTUAL_ENV": str(tmp_path / "own")}
    )
    assert spec.argv[0] == str(own)


def test_a_question_where_the_kernel_is_not_installed(environ: dict[str, str], tmp_path: Path) -> None:
    install(environ, "julia")
    install(environ, "ir")
    with pytest.raises(WhichKernel, match="wants the kernel RUST, which is not installed") as question:
        choose_kernel(tmp_path / "a.ipynb", named("rust", "rust"), environ)
    assert {"ir", "julia"} <= {spec.name for spec in question.value.choices}


def test_a_word_on_what_to_install_where_there_is_none(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where jupyter_client is missing; a broken `kernel.json` is passed over."""
    monkeypatch.setattr(specs, "_LIST", "raise ImportError")
    make_environment(tmp_path / ".venv", has_ipykernel=False)
    with pytest.raises(NoKernel, match=r"python3 -m venv .*/\.venv && .*/\.venv/bin/pip install ipykernel"):
        choose_kernel(tmp_path / "a.ipynb", {}, environ)


def test_kernels_that_cannot_be_started_are_passed_over(environ: dict[str, str], tmp_path: Path) -> None:
    install(environ, "broken", argv=[])
    install(environ, "odd", env=["A"])
    install(environ, "good")
    with pytest.raises(NoKernel, match="good") as refused:
        kernel_by_name("broken", tmp_path / "a.ipynb", environ)
    assert "broken" not in str(refused.value).partition("There are")[2] and "odd" not in str(refused.value)
    assert kernel_by_name("good", tmp_path / "a.ipynb", environ).display_name == "Good"


def test_our_own_python_runs_a_kernel_named_python(environ: dict[str, str], tmp_path: Path) -> None:
    spec = specs._spec("python3", {"argv": ["python", "-m", "x"], "is_ours": True}, environ)
    assert spec is not None and spec.argv == [sys.executable, "-m", "x"]


def test_kernels_are_listed_with_the_one_that_a_notebook_gets_first(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """If there is one without a question."""
    for name in ("julia", "ir"):
        install(environ, name)
    notebook = tmp_path / "a.ipynb"

    def listed(metadata: dict[str, Any]) -> list[tuple[str, str]]:
        """Without the kernel that ipykernel installs where the tests run."""
        return [each for each in kernels_for(notebook, metadata, environ) if each[0] != "python3"]

    assert listed({}) == [("ir", "Ir"), ("julia", "Julia")]
    assert listed(named("ir")) == [("", "Ir"), ("ir", "Ir"), ("julia", "Julia")]

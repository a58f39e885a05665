"""Builds the wheel: `crdt` through mypyc where a C compiler is found, pure Python where not.

    JPTERM_LIKE_COMPILE=1 pip install .    compiled, or an error that says why not
    JPTERM_LIKE_COMPILE=0 pip install .    pure Python
    pip install .                          compiled if that can be done; else pure, without a word of alarm
    pip install -e .                       always pure, so that nobody edits code that does not run

The sources are in the wheel either way; Python takes the compiled module where there is one. Each build happens in a
folder of its own and leaves nothing beside the sources.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH: Final = "JPTERM_LIKE_COMPILE"

PACKAGE: Final = "crdt"

STAYS_PURE: Final = {
    # Tells which of the two runs; and nothing in it takes time.
    "__init__.py",
    # What it tells mypyc is not there for Python.
    "mypyc_compat.py",
}

TOOLS: Final = ["mypy[mypyc]>=2.4,<3"]

WHEELS_OF_TOOLS: Final = ("linux-x86_64", "linux-aarch64", "macosx")
"""Platforms for which mypy comes ready made. Elsewhere asking for it could fail where pure Python would not."""


class CompiledCrdt(BuildHookInterface[BuilderConfig]):
    """Adds the compiled modules to a wheel."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs: mypy only where it will be used, so that it bars nobody else."""
        switch = _switch()
        if switch is None:
            wanted = sysconfig.get_platform().startswith(WHEELS_OF_TOOLS) and _has_compiler()
        else:
            wanted = switch
        return TOOLS if wanted else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        switch = _switch()
        if version == "editable" or switch is False or not (switch or _has_compiler()):
            return
        with tempfile.TemporaryDirectory(prefix="jpterm-like-") as folder:
            shutil.copytree(
                Path(self.root, PACKAGE),
                Path(folder, PACKAGE),
                ignore=shutil.ignore_patterns("*.so", "__pycache__"),
            )
            done = subprocess.run(
                [sys.executable, str(Path(self.root, ".ci", "build_hook.py"))],
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
            if done.returncode:
                said = done.stdout + done.stderr
                if switch:
                    raise RuntimeError(f"{SWITCH}=1, and {PACKAGE} could not be compiled:\n{said}")
                self.app.display_debug(f"{PACKAGE} stays pure Python:\n{said}")
                return
            compiled = Path(self.directory, "compiled")
            shutil.rmtree(compiled, ignore_errors=True)
            for module in sorted(Path(folder).rglob("*" + sysconfig.get_config_vars()["EXT_SUFFIX"])):
                inside = module.relative_to(folder)
                if inside.parts[0] == "build":
                    continue
                kept = compiled / inside
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(module, kept)
                build_data["force_include"][str(kept)] = inside.as_posix()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(Path(self.directory, "compiled"), ignore_errors=True)


def _switch() -> bool | None:
    """What the environment says: compile, or not; None if it says nothing."""
    value = os.environ.get(SWITCH, "")
    if value not in ("", "0", "1"):
        raise ValueError(f"{SWITCH} is {value!r}; it can be 0 or 1")
    return value == "1" if value else None


def _has_compiler() -> bool:
    """Whether the C compiler that would be called is there, and Python's headers."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if not command or shutil.which(command[0]) is None:
        return False
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return False
    if sys.platform == "darwin":
        # Without the developer tools `cc` is there nevertheless: it opens a window that offers to install them.
        asked = subprocess.run(["xcode-select", "-p"], capture_output=True, check=False)
        return asked.returncode == 0
    return True


def _compile() -> None:
    """Compile the package in the current folder, in place. Runs in a process of its own: mypyc prints and exits.

    A C file for each module, so that all cores compile. Functions of other modules are called directly all the same: nothing but
    the start of each module is visible outside the library.
    """
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    class InParallel(build_ext):  # type: ignore[misc]  # setuptools has no types
        """Compiles the files of an extension at once, the largest first."""

        def build_extensions(self) -> None:
            compile_each = self.compiler.compile

            def compile_all(sources: list[str], **options: Any) -> list[str]:
                largest_first = sorted(sources, key=os.path.getsize, reverse=True)
                with ThreadPoolExecutor(os.cpu_count()) as threads:
                    compiled = threads.map(lambda source: compile_each([source], **options), largest_first)
                    return sorted(file for files in compiled for file in files)

            self.compiler.compile = compile_all
            super().build_extensions()

    files = [str(file) for file in sorted(Path(PACKAGE).glob("*.py")) if file.name not in STAYS_PURE]
    # No configuration of the place where it is built may count, so that the same sources give the same modules.
    modules = mypycify(
        ["--config-file=", "--strict", *files],
        group_name=PACKAGE,
        # Level 3 takes half as long again, and makes applying a keystroke 5 % faster and nothing else.
        opt_level="1",
        debug_level="0",
        multi_file=True,
    )
    for module in modules:
        module.extra_compile_args += ["-fvisibility=hidden"]
    command = InParallel(Distribution({"name": PACKAGE, "ext_modules": modules}))
    command.inplace = True
    command.parallel = True
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    _compile()

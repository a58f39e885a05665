"""`mypyc_attr`: a class decorator with instructions for mypyc that does nothing in plain Python.

It stands in for the one of mypy_extensions, which is not needed at run time. This module is not compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**attributes):
        return lambda cls: cls


__all__ = ["mypyc_attr"]

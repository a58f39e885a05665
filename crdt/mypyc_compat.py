"""`mypyc_attr`: what mypyc is told of a class when the package is compiled, and nothing to Python.

It is that of mypy_extensions, which whoever runs the package need not have. This module is not compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**attributes):
        return lambda cls: cls


__all__ = ["mypyc_attr"]

"""Notebooks as text that people edit together, and as files: pure. See DESIGN.md.

>>> from jpterm_like.notebook.cells import Cell, join_cells, split_cells
>>> text = join_cells([Cell("markdown", "b07e44d1", "## Hello"), Cell("code", "3f9a81c2", "import time")])
>>> print(text)
# %% [markdown] id=b07e44d1
## Hello
# %% id=3f9a81c2
import time
>>> split_cells(text)[1]
Cell(kind='code', id='3f9a81c2', source='import time')
"""

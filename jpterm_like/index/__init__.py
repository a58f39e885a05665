"""Find words in all documents that this user keeps, in their texts and in what was deleted from them.

`search.find` answers; `database` is a cache that makes it fast, and may be missing or gone at any time.
"""

from __future__ import annotations

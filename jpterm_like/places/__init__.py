"""Folders anywhere that carry packs: the port, its implementations, and the exchange between two of them."""

from __future__ import annotations

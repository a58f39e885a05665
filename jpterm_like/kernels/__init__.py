"""Kernels: a keeper process for each, which outlives the server, and its client.

Only `kernel_sockets` knows ZMQ, and only the keeper loads it; see DESIGN.md.
"""

from __future__ import annotations

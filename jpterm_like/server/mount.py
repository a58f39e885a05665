"""Where a proxy has put a server: names of files at the client, `pads/docs/n.md`, and here, `docs/n.md`.

A client asks for the path of its address and repeats that path in a header, which no proxy rewrites. What the path of the
request lacks was taken away on the way; what `--prefix` names is taken away here. Both together are the beginning of every
name that this client uses. Clients of release 0.1.0 ask for "/", so their names have no such beginning.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Mount(NamedTuple):
    """The beginning of all names that one client uses: empty, or a path with a slash at its end, as "pads/"."""

    prefix: str = ""

    def local_name(self, name: str) -> str:
        """The name here of a file that the client calls `name`; a name from elsewhere stays as it is."""
        return name.removeprefix(self.prefix)

    def client_name(self, name: str) -> str:
        """The name that the client has for a file here."""
        return self.prefix + name


UNMOUNTED: Final = Mount()


def find_mount(asked: str, written: str | None, prefix: str) -> Mount:
    """Tell where the server is for a client.

    Args:
        asked: the path of its request, decoded, as it arrived.
        written: the path of its address, decoded; None if it did not say.
        prefix: of `--prefix`, as "pads/", or empty.
    """
    if written is None:
        return UNMOUNTED
    here, there = asked.removeprefix("/").removeprefix(prefix), written.removeprefix("/")
    if not there.endswith(here):
        return UNMOUNTED  # the proxy leads to a name of its own
    beginning = there[: len(there) - len(here)]
    return Mount(beginning) if not beginning or beginning.endswith("/") else UNMOUNTED

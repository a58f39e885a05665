"""The command that brings the texts of a folder and a place together."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from jpterm_like.cli.parser import Command, add_name
from jpterm_like.errors import JptermError


def _sync_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "place",
        metavar="PLACE",
        nargs="?",
        help="a folder that something carries, such as ~/Dropbox/team, or webdavs://HOST/PATH, sftp://HOST/PATH, s3://BUCKET/PATH; default: the places "
        "that this folder was synced with",
    )
    parser.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        default=".",
        help="the folder with the texts; default: this one. If it is a place as well, the two are brought together without texts",
    )
    parser.add_argument(
        "--copy",
        action="store_true",
        help="DIR is to become a place like PLACE, such as a stick that is empty still",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="go on until ctrl+c: what is written on either side is at the other soon",
    )
    parser.add_argument(
        "--join",
        metavar="FILE",
        default="",
        help="make one text of a file of DIR, such as 'notes (Bob).md', and the others that have its name at the place",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be sent and fetched, and change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_name(parser)


def _sync(options: Namespace) -> int:
    from jpterm_like.cli.place_commands import is_place

    if options.place is None:
        if options.copy:
            raise JptermError("--copy takes a PLACE, and the DIR that is to become one like it.")
        return _sync_with_known(options)
    if options.copy or is_place(options.folder):
        if options.watch:
            raise JptermError("--watch keeps texts and a place in step, not two places.")
        if options.join:
            raise JptermError("--join makes one text of files in a folder of texts, and DIR is a place.")
        from jpterm_like.cli.sync_places import sync_places

        return sync_places(options.place, options.folder, dry_run=options.dry_run, as_json=options.json)
    from jpterm_like.cli.sync import sync

    return sync(
        options.place,
        Path(options.folder),
        name=options.name,
        join=options.join.removeprefix("./"),
        dry_run=options.dry_run,
        as_json=options.json,
        watch=options.watch,
    )


def _sync_with_known(options: Namespace) -> int:
    """Sync this folder with each place that it was synced with. A place that fails does not keep the others."""
    from jpterm_like.cli.sync import places_of, sync
    from jpterm_like.errors import escape_for_terminal

    folder = Path.cwd()
    places = places_of(folder)
    if not places:
        raise JptermError(
            f"{escape_for_terminal(folder)} was not synced yet. Say with which place: jpterm-like sync PLACE"
        )
    if options.watch and len(places) > 1:
        raise JptermError(
            f"This folder is synced with {len(places)} places. Say which one to watch: jpterm-like sync --watch PLACE"
        )
    code = 0
    for place in places:
        if len(places) > 1 and not options.json:
            print(f"{escape_for_terminal(place)}:", flush=True)
        try:
            same = sync(
                place,
                folder,
                name=options.name,
                join=options.join.removeprefix("./") if place == places[0] else "",
                dry_run=options.dry_run,
                as_json=options.json,
                watch=options.watch,
            )
        except JptermError as problem:
            if len(places) == 1:
                raise
            print(f"jpterm-like: {problem}", file=sys.stderr, flush=True)
            same = 1
        code = max(code, same)
    return code


def _places_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def _places(options: Namespace) -> int:
    from jpterm_like.cli.places import list_places

    return list_places(as_json=options.json)


COMMANDS: Final = (
    Command(
        "sync",
        "[PLACE [DIR]]",
        "sync the texts of a folder through a folder that anything carries",
        "Bring the text files of DIR and PLACE together: what was written here is sent there with its history, and what the others wrote is "
        "merged in. PLACE is a folder outside of DIR that Syncthing, a cloud's client, a network drive or a stick carries to the others, or one "
        "on a server; the others run the same command. Nothing is ever in conflict, and a missing file is not a deleted one. "
        "Exit code 0: both sides are the same; 1: something is still on its way, or could not be done.",
        _sync_arguments,
        _sync,
    ),
    Command(
        "places",
        "",
        "list what is synced with which places",
        "List the folders whose texts are synced, each with its places, when the last sync reached them, and how many changes of which texts wait to "
        "be sent, also those that no sync has seen. Asks no place. Exit code 0: nothing waits; 1: something does.",
        _places_arguments,
        _places,
    ),
)

"""Commands on stored data: verify, doctor, forget."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from jpterm_like.cli.parser import (
    Command,
    add_address,
)
from jpterm_like.errors import JptermError, escape_for_terminal


def _forget_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "--unsaved", action="store_true", help="also remove work that is not yet in any file or on any server"
    )


def _forget(options: Namespace) -> int:
    from jpterm_like.access.addresses import parse_address
    from jpterm_like.client.file_catalog import FileCatalog
    from jpterm_like.config import Paths
    from jpterm_like.index.index_file import remove_index
    from jpterm_like.retention import forget
    from jpterm_like.stores import replicas_of

    sentence = forget(options.address, unsaved=options.unsaved)
    paths = Paths.of_user()
    remove_index(paths.cache)  # it has the texts of removed histories, too
    with contextlib.closing(replicas_of(paths)) as replicas:
        FileCatalog(paths, replicas, "").forget(parse_address(options.address).text)
    print(sentence)
    return 0


def _verify_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folder", metavar="DIR|PLACE", nargs="?", help="a served folder, or a place; default: your own stores"
    )
    parser.add_argument("--store", metavar="URL", help="a database that servers share")


def _verify(options: Namespace) -> int:
    from jpterm_like.cli import place_commands

    if options.folder and options.store:
        raise JptermError("Give a folder or --store, not both.")
    if options.folder and place_commands.is_place(options.folder):
        return place_commands.verify(options.folder)

    from jpterm_like.cli.verify import verify_database, verify_folder, verify_user
    from jpterm_like.config import Paths

    count = damaged = 0
    folder = options.folder
    if options.store:
        verdicts = verify_database(options.store)
    else:
        verdicts = verify_folder(Path(folder)) if folder else verify_user(Paths.of_user())
    for name, summary, damage, newer in verdicts:
        count += 1
        damaged += bool(damage)
        word = "damaged" if damage else "newer" if newer else "whole"
        print(f"{word}  {escape_for_terminal(name)}: {summary}")
        for sentence in damage:
            print(f"         {escape_for_terminal(sentence)}")
    print(f"{count:,} {'document' if count == 1 else 'documents'}, {damaged:,} damaged.")
    return 1 if damaged else 0


def _doctor_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("address", metavar="FILE|URL|PLACE", nargs="?")
    parser.add_argument("--store", metavar="URL", help="a database that servers share")


def _doctor(options: Namespace) -> int:
    if (options.address is None) == (options.store is None):
        raise JptermError("Give a file, a place, or --store with a database.")
    if options.store is not None:
        from jpterm_like.cli.database import examine_database

        is_good = True
        for word, sentence in examine_database(options.store):
            is_good &= word != "look"
            print(f"{word}   {escape_for_terminal(sentence)}")
        return 0 if is_good else 1

    from jpterm_like.cli import place_commands

    if place_commands.is_place(options.address):
        return place_commands.doctor(options.address)

    from jpterm_like.cli.doctor import examine

    is_whole = True
    for whole, sentence in examine(options.address):
        is_whole &= whole
        print(f"{'whole' if whole else 'look '}  {escape_for_terminal(sentence)}")
    return 0 if is_whole else 1


def _migrate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--store", metavar="URL", required=True, help="postgresql://USER@HOST/DATABASE")


def _migrate(options: Namespace) -> int:
    from jpterm_like.stores import migrate_database

    made = migrate_database(options.store)
    print(
        "The tables are as this release needs them."
        if not made
        else f"Made step {', '.join(map(str, made))} of the tables."
    )
    return 0


COMMANDS: Final = (
    Command(
        "verify",
        "[DIR|PLACE]",
        "check every stored byte",
        "Read every stored byte again and say for each document whether it is whole; of a place, read every file and say which are damaged. "
        "Changes nothing, and can be used while a server runs. Exit code 0: everything is whole; 1: something is damaged.",
        _verify_arguments,
        _verify,
    ),
    Command(
        "doctor",
        "FILE|URL|PLACE",
        "check that server, disk and journals agree, or try a place",
        "Compare what the server, its disk, the plain file and your own journals have of a file, and say what is missing "
        "where. Changes nothing. Exit code 0: everything is everywhere; 1: something is missing. Of a place, such as webdavs://HOST/PATH: try "
        "what it must do to carry documents, with files that are removed at the end. Exit code 0: it is good enough. Of a database: say what it "
        "keeps of what is called stored. Exit code 1: something is wrong; a warning, as of one that has no synchronous replica, is none.",
        _doctor_arguments,
        _doctor,
    ),
    Command(
        "migrate",
        "--store URL",
        "make or change the tables of a database that servers share",
        "Make the tables that 'serve --store' needs in a database, or bring them to this release: all or nothing. Servers of the release "
        "before go on. A password belongs into the file that PGPASSFILE names, or into ~/.pgpass, never into the address.",
        _migrate_arguments,
        _migrate,
    ),
    Command(
        "forget",
        "FILE|URL",
        "remove what this machine keeps of a file",
        "Remove everything that this machine keeps of a file besides the file itself: its history, its undo steps, and its "
        "place in the list of recent files. Others who had it open keep what they have.",
        _forget_arguments,
        _forget,
    ),
)

"""Commands for sharing: serve, token, share; and those that editors start: hub, bridge."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from jpterm_like.cli.parser import (
    Command,
    add_address,
    length_of_time,
    parser_of,
    seconds,
)
from jpterm_like.errors import JptermError


def _serve_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?")
    parser.add_argument(
        "--store",
        metavar="URL",
        help="instead of a folder: share the texts in a database, postgresql://USER@HOST/DATABASE, with other servers that do so",
    )
    parser.add_argument(
        "--inner",
        metavar="HOST:PORT",
        help="with --store: where the other servers of the database reach this one",
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="default 127.0.0.1:8765; port 0 takes a free one"
    )
    parser.add_argument(
        "--unix",
        metavar="PATH",
        type=Path,
        help="listen on a unix socket, whose permissions decide who gets in; with --listen, on both",
    )
    parser.add_argument(
        "--save-after",
        metavar="SECONDS",
        type=seconds,
        default=1.0,
        help="write the plain files this long after the last change; default 1",
    )
    parser.add_argument(
        "--tls-cert",
        metavar="FILE",
        type=Path,
        help="the certificate chain (PEM): use TLS on --listen, where everybody then needs a token",
    )
    parser.add_argument("--tls-key", metavar="FILE", type=Path, help="its private key (PEM)")
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        help="a proxy in front does TLS; everybody needs a token, also on the unix socket",
    )
    parser.add_argument(
        "--prefix",
        metavar="PATH",
        default="",
        help="a proxy in front has the server under this path, such as /pads, and passes it on",
    )
    parser.add_argument(
        "--run",
        action="store_true",
        help="run the cells of notebooks for those who have a token with the role run or own, and for you on --unix: that is any program, as you",
    )
    parser.add_argument(
        "--metrics",
        metavar="HOST:PORT",
        help="answer /healthz, /readyz and /metrics (Prometheus) there, to everybody; figures only, no names",
    )


def _serve(options: Namespace) -> int:
    from jpterm_like.cli.keepers import Keepers
    from jpterm_like.config import Paths
    from jpterm_like.server.daemon import ListenOptions, serve_folder, serve_store
    from jpterm_like.stores import note_served

    if (options.folder is None) == (options.store is None):
        parser_of(_command("serve")).error("give a folder, or --store with a database")
    listen = ListenOptions(
        listen=options.listen,
        unix=options.unix,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        behind_proxy=options.behind_proxy,
        prefix=options.prefix,
        metrics=options.metrics,
        runs=options.run,
        inner=options.inner,
    )
    if options.store is not None:
        if options.run:
            raise JptermError("--run is for a folder: notebooks are edited there, not yet in a database.")
        return serve_store(options.store, listen, autosave_s=options.save_after)
    note_served(Paths.of_user(), options.folder)
    keepers = Keepers()
    for folder in _folders_to_keep(options.folder):
        keepers.keep(folder)
    return serve_folder(options.folder, listen, autosave_s=options.save_after)


def _folders_to_keep(folder: Path) -> list[Path]:
    """The folders in a served one, or that folder, which were synced with places, and are to be kept in step while it is served."""
    from jpterm_like.config import Paths, Settings

    paths = Paths.of_user()
    if not (paths.state_folder / "collections").is_dir() or not Settings.load(paths).keep_in_step:
        return []
    from jpterm_like.collection import all_of

    root = Path(os.path.realpath(folder))
    return [known.folder for known in all_of(paths.state_folder, []) if known.folder.is_relative_to(root)]


def _token_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["new", "list", "revoke", "add", "forget"],
        help="on the serving side: make a token, list the tokens, or revoke one and end its connections; on the connecting side: "
        "keep a server's token, or your NAME:PASSWORD for a place such as webdavs://HOST (asked for, or read from standard input), or forget it",
    )
    parser.add_argument("what", metavar="ID|URL", nargs="?", help="which token to revoke, or which server")
    parser.add_argument(
        "--role",
        choices=["view", "edit", "run", "own"],
        help="view: read; edit: write too; run: also run the cells of notebooks, where the server was started with --run; own: also remove people "
        "and change their roles",
    )
    parser.add_argument(
        "--expires", metavar="TIME", type=length_of_time, help="such as 30m, 2h, 7d; default: never"
    )
    parser.add_argument(
        "--pad", metavar="PATTERN", default="*", help="only for these files, such as 'docs/*'"
    )
    parser.add_argument("--folder", metavar="DIR", type=Path, help="only for this served folder")
    parser.add_argument(
        "--store",
        metavar="URL",
        help="the tokens of a database that servers share; they count there within two seconds",
    )


def _token(options: Namespace) -> int:
    from jpterm_like.cli import token

    parser = parser_of(_command("token"))
    if (options.what is None) == (options.action in ("revoke", "add", "forget")):
        parser.error(f"{options.action} needs {'an ID or URL' if options.what is None else 'nothing more'}")
    if (options.role is None) == (options.action == "new"):
        parser.error("--role belongs to new, and new needs it: view, edit or own")
    if options.store is not None and (options.folder is not None or options.action in ("add", "forget")):
        parser.error("--store belongs to new, list and revoke, without --folder")
    if options.action == "new":
        with token.book_of(options.store) as book:
            token.make(book, options.role, pad=options.pad, folder=options.folder, lasts_s=options.expires)
    elif options.action == "list":
        with token.book_of(options.store) as book:
            token.show(book)
    elif options.action == "revoke":
        with token.book_of(options.store) as book:
            book.revoke(options.what)
    elif options.action == "add":
        token.add(options.what)
    else:
        token.forget(options.what)
    return 0


def _share_arguments(parser: ArgumentParser) -> None:
    add_address(parser, "FILE")
    parser.add_argument(
        "--role",
        choices=["view", "edit"],
        help="view: read; edit: write too; default: edit where that is possible",
    )
    parser.add_argument(
        "--expires",
        metavar="TIME",
        type=length_of_time,
        help="how long the token lasts, such as 30m, 2h, 7d; default: for ever",
    )
    parser.add_argument(
        "--at",
        metavar="ADDRESS",
        help="how others reach this machine, if not by its own name: HOST, ssh://USER@HOST:PORT or wss://HOST:PORT, with the path that a proxy has the server under",
    )
    parser.add_argument(
        "--from-now",
        action="store_true",
        help="begin the history anew, so that newcomers get only the current text and nothing that was deleted before",
    )


def _share(options: Namespace) -> int:
    from jpterm_like.cli.share import invite

    invitation = invite(
        options.address, role=options.role, lasts_s=options.expires, at=options.at, from_now=options.from_now
    )
    print(invitation.line)
    sys.stdout.flush()
    print(invitation.words, file=sys.stderr)
    return 0


def _hub_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--idle",
        metavar="SECONDS",
        type=seconds,
        default=60.0,
        help="end after this long without anybody connected",
    )


def _hub(options: Namespace) -> int:
    from jpterm_like.server.daemon import serve_hub

    return serve_hub(idle_s=options.idle)


def _bridge(options: Namespace) -> int:
    from jpterm_like.access.ssh import bridge

    return bridge(options.address)


COMMANDS: Final = (
    Command(
        "serve",
        "DIR",
        "share the text files of a folder",
        "Share the text files of a folder and its subfolders, and nothing outside. Prints 'listening on ADDRESS' when "
        "it is ready. SIGTERM or ctrl+c writes everything to disk and ends it. Exit code 1: something could not be saved or "
        "stored.",
        _serve_arguments,
        _serve,
    ),
    Command(
        "token",
        "new|list|revoke|add",
        "manage the tokens that let people in",
        "Tokens let people on other machines in. 'new' prints a token once; only its hash is kept.",
        _token_arguments,
        _token,
    ),
    Command(
        "share",
        "FILE",
        "print a tested command that brings somebody into a file",
        "Print one command that somebody else runs to join you in a file, after testing it: with the address of a server of "
        "yours that shares the file, and a token if it needs one; otherwise through ssh, or with the path, for users of this "
        "machine whom the file's permissions let in. A command with a token is a secret. If nothing can work, "
        "say why and print nothing.",
        _share_arguments,
        _share,
    ),
    Command(
        "hub",
        "",
        "the server behind 'jpterm-like FILE'",
        "The server behind 'jpterm-like FILE'; editors start it by themselves.",
        _hub_arguments,
        _hub,
        for_people=False,
    ),
    Command(
        "bridge",
        "PATH",
        "the other end of 'jpterm-like HOST:FILE'",
        "The other end of 'jpterm-like HOST:FILE': carries bytes between ssh and the hub of this machine.",
        lambda parser: add_address(parser, "PATH"),
        _bridge,
        for_people=False,
    ),
)


def _command(name: str) -> Command:
    return next(command for command in COMMANDS if command.name == name)

"""What --help says of each option is true: a table that names for each the test that shows it, and those tests that stand nowhere else."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import socket
import subprocess
import tomllib
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.cli.commands import COMMANDS
from jpterm_like.cli.editor_command import EDITOR
from jpterm_like.cli.main import COMMAND_NAMES
from jpterm_like.cli.parser import parser_of
from jpterm_like.config import Paths
from tests.access.team import as_holder, token
from tests.access.test_tokens import certificate
from tests.e2e.hub import kill_hub
from tests.e2e.terminal import PATIENCE_S, PROGRAM, Serve, Terminal, run, terminals, until

ROOT = Path(__file__).parents[2]

HERE = "cli/test_options.py::"
SHOWN = {
    "--name": HERE + "test_a_name_in_the_editor_is_what_others_see",
    "--theme": HERE + "test_a_theme_by_its_name",
    "--view": HERE + "test_a_reader_through_any_door",
    "--readonly": "access/test_editor.py::test_several_files_places_and_a_reader",
    "--version": "test_docs.py::test_the_version_is_one",
    "serve --listen": HERE + "test_where_a_server_listens",
    "serve --unix": "access/test_proxy.py::test_a_socket_is_closed_to_others_and_in_a_place_where_nobody_can_put_another",
    "serve --save-after": HERE + "test_plain_files_are_written_so_long_after_the_last_change",
    "serve --tls-cert": HERE + "test_with_tls_everybody_needs_a_token",
    "serve --tls-key": "access/test_tokens.py::test_tls",
    "serve --behind-proxy": "access/test_proxy.py::test_behind_a_proxy_a_socket_asks_for_tokens",
    "serve --prefix": "access/test_proxy_path.py::test_a_server_is_found_under_a_path",
    "serve --metrics": "access/test_tokens.py::test_health_and_metrics_are_on_an_address_of_their_own",
    "token action": "access/test_tokens.py::test_revoking_cuts_live_connections",
    "token what": HERE + "test_tokens_are_kept_listed_and_forgotten",
    "token --role": "access/test_tokens.py::test_roles_from_the_command_line",
    "token --expires": "access/test_tokens.py::test_a_token_expires_while_it_is_used",
    "token --pad": "access/test_paths.py::test_the_pattern_of_a_token_means_the_file_and_not_what_it_is_called",
    "token --folder": HERE + "test_a_token_for_one_folder_opens_no_other",
    "share --role": "access/test_share.py::test_an_invitation_to_a_server_with_tokens",
    "share --expires": HERE + "test_how_long_an_invitation_lasts",
    "share --at": "access/test_share.py::test_f23_no_line_behind_a_proxy_that_is_not_there",
    "share --from-now": "access/test_share.py::test_who_is_invited_from_now_on_gets_nothing_of_what_was_before",
    "forget --unsaved": "test_retention.py::test_a_file_is_forgotten_when_it_is_closed_and_saved",
    "hub --idle": HERE + "test_a_hub_ends_when_it_was_alone_for_so_long",
    "log --json": "access/test_scripting.py::test_who_wrote_what",
    "who --json": "access/test_scripting.py::test_a_program_takes_part",
    "kick who": "access/test_kick.py::test_an_owner_puts_out_a_person_and_what_came_by_the_same_token",
    "kick --name": HERE + "test_a_name_in_a_command_is_what_others_see",
    "insert text": "access/test_scripting.py::test_one_edit_from_a_script",
    "insert --offset": "access/test_scripting.py::test_one_edit_from_a_script",
    "insert --line": "access/test_scripting.py::test_one_edit_from_a_script",
    "insert --before": HERE + "test_a_place_is_a_text_that_is_there_once",
    "insert --after": HERE + "test_a_place_is_a_text_that_is_there_once",
    "insert --anchor": HERE + "test_an_anchor_is_a_place_that_moves_with_its_text",
    "insert --name": HERE + "test_a_name_in_a_command_is_what_others_see",
    "insert --save": HERE + "test_save_writes_what_others_have_not_saved",
    "replace texts": "access/test_scripting.py::test_a_replacement_that_is_not_clear_fails_and_says_so",
    "replace --all": "access/test_scripting.py::test_one_edit_from_a_script",
    "replace --lines": "access/test_scripting.py::test_one_edit_from_a_script",
    "replace --range": "access/test_scripting.py::test_one_edit_from_a_script",
    "replace --name": HERE + "test_a_name_in_a_command_is_what_others_see",
    "replace --save": HERE + "test_save_writes_what_others_have_not_saved",
    "append text": "access/test_scripting.py::test_one_edit_from_a_script",
    "append --name": HERE + "test_a_name_in_a_command_is_what_others_see",
    "append --save": HERE + "test_save_writes_what_others_have_not_saved",
    "blame -L": "access/test_looking_back.py::test_each_line_has_its_author",
    "blame --at": "access/test_looking_back.py::test_each_line_has_its_author",
    "blame --newest": "access/test_looking_back.py::test_each_line_has_its_author",
    "blame --porcelain": "access/test_looking_back.py::test_each_line_has_its_author",
    "blame --json": "access/test_looking_back.py::test_each_line_has_its_author",
    "diff --from": "access/test_looking_back.py::test_what_changed_is_a_diff_and_exit_code_1",
    "diff --to": "access/test_looking_back.py::test_what_changed_is_a_diff_and_exit_code_1",
    "diff --words": "access/test_looking_back.py::test_what_changed_is_a_diff_and_exit_code_1",
    "changes --since": "access/test_looking_back.py::test_what_changed_since_a_time_or_my_last_key",
    "changes --by": "access/test_looking_back.py::test_what_changed_since_a_time_or_my_last_key",
    "changes --json": "access/test_looking_back.py::test_what_changed_since_a_time_or_my_last_key",
    "revert --by": "access/test_looking_back.py::test_one_person_s_work_goes_and_the_other_s_stays",
    "revert --since": "access/test_looking_back.py::test_only_some_lines_are_taken_back",
    "revert --lines": "access/test_looking_back.py::test_only_some_lines_are_taken_back",
    "revert --name": "access/test_looking_back.py::test_one_person_s_work_goes_and_the_other_s_stays",
    "revert --save": "access/test_looking_back.py::test_a_restored_passage_is_written_unless_others_have_unsaved_work",
    "restore --to": "access/test_looking_back.py::test_an_earlier_time_is_restored_and_can_be_taken_back",
    "restore --lines": "access/test_looking_back.py::test_a_restored_passage_is_written_unless_others_have_unsaved_work",
    "restore --name": "access/test_looking_back.py::test_an_earlier_time_is_restored_and_can_be_taken_back",
    "restore --save": "access/test_looking_back.py::test_a_restored_passage_is_written_unless_others_have_unsaved_work",
    "restore --deletion": "cli/test_find.py::test_a_deleted_passage_comes_back_by_the_command_that_is_printed",
    "find words": "cli/test_find.py::test_words_are_found_with_the_place_to_go_to",
    "find --deleted": "cli/test_find.py::test_a_deleted_passage_comes_back_by_the_command_that_is_printed",
    "find -n": "cli/test_find.py::test_words_are_found_with_the_place_to_go_to",
    "find --json": "cli/test_find.py::test_words_are_found_with_the_place_to_go_to",
    "export --repo": "access/test_exports.py::test_an_export_from_the_shell_goes_on_where_the_last_one_ended",
    "export --per": "access/test_exports.py::test_an_export_from_the_shell_goes_on_where_the_last_one_ended",
    "export --since-last": "access/test_exports.py::test_an_export_from_the_shell_goes_on_where_the_last_one_ended",
    "export --size": "access/test_exports.py::test_a_recording_from_the_shell",
    "export --from": "access/test_exports.py::test_a_recording_from_the_shell",
    "export --v3": "access/test_exports.py::test_a_recording_from_the_shell",
    "inspect --json": "access/test_looking_back.py::test_under_the_hood",
    "inspect --lines": "access/test_looking_back.py::test_under_the_hood",
    "demo --peers": "demo/test_lessons.py::test_a_third_person_sees_the_same",
    "demo --lesson": "demo/test_lessons.py::test_a_lesson_ends_as_it_says",
    "demo --record": "demo/test_lessons.py::test_a_recording_is_played_by_any_player_of_asciicasts",
    "watch --name": HERE + "test_a_name_in_a_command_is_what_others_see",
    "pipe --name": HERE + "test_a_name_in_a_command_is_what_others_see",
    "manual topic": "test_docs.py::test_a_page_of_the_manual_as_text_and_in_a_terminal",
    "manual --man": "cli/test_completions.py::test_the_manual_page",
    "sync place": "e2e/test_sync_folder.py::test_texts_go_both_ways_through_a_folder",
    "sync folder": "e2e/test_sync_folder.py::test_a_run_that_only_looks_changes_nothing",
    "sync --copy": "cli/test_sync.py::test_two_places_are_brought_together_without_texts",
    "sync --dry-run": "e2e/test_sync_folder.py::test_a_run_that_only_looks_changes_nothing",
    "sync --json": "e2e/test_sync_folder.py::test_a_run_that_only_looks_changes_nothing",
    "sync --join": "cli/test_join.py::test_two_texts_of_one_name_become_one",
    "sync --watch": "e2e/test_sync_folder.py::test_texts_are_kept_in_step_until_ctrl_c",
    "sync --name": "e2e/test_sync_folder.py::test_texts_go_both_ways_through_a_folder",
    "serve --run": "e2e/test_notebook_kills.py::test_every_tick_is_there_once_whoever_is_killed",
    "run --wait": "e2e/test_notebook_kills.py::test_every_tick_is_there_once_whoever_is_killed",
    "run --cell": "e2e/test_run.py::test_cells_are_run_by_their_ids_and_print_what_they_give",
    "run --all": "e2e/test_run.py::test_all_cells_are_run_one_after_the_other",
    "run --json": "e2e/test_run.py::test_cells_are_run_by_their_ids_and_print_what_they_give",
    "run --name": "e2e/test_run.py::test_cells_are_run_by_their_ids_and_print_what_they_give",
    "run --timeout": "e2e/test_run.py::test_a_cell_that_takes_too_long_is_interrupted",
    "run --param": "e2e/test_run.py::test_parameters_are_a_cell_below_the_one_that_gives_them",
    "run --kernel": "e2e/test_run.py::test_parameters_are_a_cell_below_the_one_that_gives_them",
    "cat --outputs": "e2e/test_run.py::test_what_cells_gave_is_printed_and_removed",
    "clear --cell": "e2e/test_run.py::test_what_cells_gave_is_printed_and_removed",
    "clear --name": "e2e/test_run.py::test_what_cells_gave_is_printed_and_removed",
    "convert target": "e2e/test_run.py::test_a_notebook_becomes_a_script_or_markdown_and_back",
    "convert --overwrite": "e2e/test_run.py::test_a_notebook_becomes_a_script_or_markdown_and_back",
    "kernels what": "kernels/test_keeper.py::test_the_command_lists_and_stops_kernels",
    "kernels id": "kernels/test_keeper.py::test_the_command_lists_and_stops_kernels",
    "kernels --json": "kernels/test_keeper.py::test_the_command_lists_and_stops_kernels",
    "places --json": "cli/test_sync.py::test_places_are_listed_with_what_waits",
    "serve --store": "postgres/test_serving.py::test_a_text_is_saved_renamed_deleted_and_brought_back",
    "serve --inner": "postgres/test_faults.py::test_what_was_called_stored_is_there_once_whatever_fails",
    "migrate --store": "postgres/test_commands.py::test_a_database_is_prepared_and_examined",
    "token --store": "postgres/test_commands.py::test_a_database_is_prepared_and_examined",
    "doctor --store": "postgres/test_commands.py::test_a_database_is_prepared_and_examined",
    "verify --store": "postgres/test_commands.py::test_a_database_is_prepared_and_examined",
    "export --store": "postgres/test_commands.py::test_all_texts_go_into_a_folder_and_back",
    "import --store": "postgres/test_commands.py::test_all_texts_go_into_a_folder_and_back",
    "verify folder": HERE + "test_verify_reads_a_served_folder_or_what_is_kept_for_the_user",
}
"""For each option, and each argument that has a line of help: the test that shows that this line is true."""


def test_the_names_of_commands_are_those_of_the_table() -> None:
    """They are written down a second time, so that opening a file does not load the table."""
    assert frozenset(COMMANDS) == COMMAND_NAMES


def test_each_line_of_help_has_a_test_that_it_is_true() -> None:
    """A new option without one fails here; so does a test that went, and a row of an option that went."""
    options = {
        f"{command.name} {option}".strip()
        for command in (EDITOR, *COMMANDS.values())
        for action in parser_of(command)._actions
        if action.help and "--help" not in action.option_strings
        for option in action.option_strings or (action.dest,)
    }
    assert set(SHOWN) == options
    for option, shown in SHOWN.items():
        file, _, name = shown.partition("::")
        source = (ROOT / "tests" / file).read_text("utf-8")
        functions = [
            node
            for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        assert any(node.name == name and ast.get_docstring(node) for node in functions), f"{option}: {shown}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "notes.md").write_text("one\ntwo\nthree\n")
    return folder


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> object:
    yield
    kill_hub()


async def test_a_name_in_the_editor_is_what_others_see(folder: Path) -> None:
    """Given, else of the settings, else of git; else the login."""
    file = folder / "notes.md"
    config = Path(os.environ["XDG_CONFIG_HOME"], "jpterm-like", "config.toml")
    config.parent.mkdir()
    home_git = Path(os.environ["HOME"], ".gitconfig")
    async with terminals() as terminal:
        for arguments, settings, git, expected in (
            (["--name", "Ann"], 'name = "Bob"\n', "Eve", "Ann"),
            ([], 'name = "Bob"\n', "Eve", "Bob"),
            ([], "", "Eve", "Eve"),
        ):
            config.write_text(settings)
            home_git.write_text(f"[user]\n\tname = {git}\n")
            one: Terminal = terminal(str(file), *arguments)
            await one.shows("connected")
            await until(
                lambda expected=expected: expected in run("who", str(file)).stdout, f"{expected} in who"
            )
            await one.press("ctrl+q")
            assert await one.ends() == 0


async def test_a_theme_by_its_name(folder: Path) -> None:
    """The colours of the screen are those of the theme's file."""
    async with terminals() as terminal:
        for name in ("paper", "dusk"):
            background = tomllib.loads((ROOT / "themes" / f"{name}.toml").read_text())["interface"][
                "background"
            ]
            one: Terminal = terminal(str(folder / "notes.md"), "--theme", name)
            await one.shows("three", "connected")
            cells = [one.screen.buffer[row][column].bg for row in range(10, 30) for column in range(20, 100)]
            assert max(set(cells), key=cells.count) == background.removeprefix("#"), name
            await one.press("ctrl+q")
            assert await one.ends() == 0


async def test_a_reader_through_any_door(folder: Path, tmp_path: Path) -> None:
    """A file of this machine, a server's, and one behind a unix socket."""
    serve = Serve(folder, "--unix", str(tmp_path / "s"))
    try:
        async with terminals() as terminal:
            for address in (
                str(folder / "notes.md"),
                f"{serve.url}/notes.md",
                f"ws+unix://{tmp_path / 's'}:/notes.md",
            ):
                one: Terminal = terminal(address, "--view")
                await one.shows("three", "connected", "read only")
                await one.type("x")
                await one.shows("You may read this text")
                await one.press("ctrl+q")
                assert await one.ends() == 0
    finally:
        serve.stop()
    assert (folder / "notes.md").read_text() == "one\ntwo\nthree\n"


def test_where_a_server_listens(folder: Path) -> None:
    """At 127.0.0.1:8765 if nothing is said, with port 0 at a free one."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8765))
            taken.listen()
        except OSError:
            pass  # somebody has it: just as well
        done = run("serve", str(folder))
    assert done.returncode == 1 and "127.0.0.1:8765 is in use" in done.stderr
    servers = [Serve(folder.parent / name) for name in ("a", "b") if (folder.parent / name).mkdir() is None]
    try:
        ports = {int(serve.url.rpartition(":")[2]) for serve in servers}
        assert len(ports) == 2 and 0 not in ports
    finally:
        for serve in servers:
            serve.stop()


async def test_plain_files_are_written_so_long_after_the_last_change(folder: Path) -> None:
    """Soon, or not before a time that has not come; if nothing is said, after 1 s."""
    file = folder / "notes.md"
    for seconds, is_written in (("1000", False), ("0.05", True)):
        serve = Serve(folder, "--save-after", seconds)
        try:
            async with jpterm_like.connect(f"{serve.url}/notes.md", name="ann") as doc:
                doc.replace(0, 0, f"{seconds} ")
                await doc.stored()
                if is_written:
                    await until(lambda: file.read_text().startswith("0.05 "), "the plain file")
                else:
                    assert file.read_text() == "one\ntwo\nthree\n"
        finally:
            serve.stop()
    assert parser_of(COMMANDS["serve"]).parse_args(["x"]).save_after == 1.0


def test_with_tls_everybody_needs_a_token(folder: Path, tmp_path: Path) -> None:
    """On this machine, too."""
    cert, key = certificate(tmp_path)
    without = run(
        "serve", str(folder), "--listen", "127.0.0.1:0", "--tls-cert", str(cert), "--tls-key", str(key)
    )
    assert without.returncode == 1 and "no token yet" in without.stderr
    token("view")
    serve = Serve(folder, "--tls-cert", str(cert), "--tls-key", str(key))
    try:
        url = f"wss://localhost:{serve.url.rpartition(':')[2]}/notes.md"
        nobody = subprocess.run(
            [*PROGRAM, "cat", url],
            env={**os.environ, "SSL_CERT_FILE": str(cert)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (nobody.returncode, nobody.stdout) == (1, "") and "asks for a token" in nobody.stderr
    finally:
        serve.stop()


def test_tokens_are_kept_listed_and_forgotten(folder: Path) -> None:
    """`revoke` takes an id, `add` and `forget` the address of a server; each refuses the other."""
    line = token("edit")
    id = line.split("_")[1]
    serve = Serve(folder, "--behind-proxy")
    try:
        notes = f"{serve.url}/notes.md"
        assert run("cat", notes).returncode == 1
        added = subprocess.run([*PROGRAM, "token", "add", serve.url], input=line, text=True, check=False)
        assert added.returncode == 0
        assert run("cat", notes).stdout == "one\ntwo\nthree\n"
        assert run("token", "forget", serve.url).returncode == 0
        assert run("cat", notes).returncode == run("token", "forget", serve.url).returncode == 1
        assert id in run("token", "list").stdout
        assert run("token", "revoke", id).returncode == 0
        assert id not in run("token", "list").stdout
        assert as_holder(line, "cat", notes).returncode == run("token", "revoke", id).returncode == 1
    finally:
        serve.stop()


def test_a_token_for_one_folder_opens_no_other(folder: Path, tmp_path: Path) -> None:
    """Also by a link to it."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.md").write_text("other\n")
    (tmp_path / "link").symlink_to(folder)
    token("view")  # or the other server would not start
    line = token("edit", "--folder", str(tmp_path / "link"))
    here, there = Serve(folder, "--behind-proxy"), Serve(other, "--behind-proxy")
    try:
        assert as_holder(line, "cat", f"{here.url}/notes.md").stdout == "one\ntwo\nthree\n"
        assert as_holder(line, "cat", f"{there.url}/notes.md").returncode == 1
    finally:
        here.stop()
        there.stop()


@pytest.mark.parametrize(
    ("options", "says"), [((), "until it is revoked"), (("--expires", "2h"), "until 20")]
)
def test_how_long_an_invitation_lasts(
    folder: Path, tmp_path: Path, options: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For ever, or as long as was said."""
    cert, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    own = token("own", "--expires", "7d")
    serve = Serve(folder, "--tls-cert", str(cert), "--tls-key", str(key))
    try:
        at = f"wss://localhost:{serve.url.rpartition(':')[2]}"
        done = run("share", str(folder / "notes.md"), *options, "--at", at)
    finally:
        serve.stop()
    assert done.returncode == 0, done
    [made] = [line for line in run("token", "list").stdout.splitlines() if own.split("_")[1] not in line]
    assert says in made


async def test_a_hub_ends_when_it_was_alone_for_so_long(folder: Path) -> None:
    """And not while somebody is in."""
    hub = subprocess.Popen([*PROGRAM, "hub", "--idle", "2"])
    await until(Paths.of_user().hub_socket.exists, "the hub's socket")
    # from this process, which needs no two seconds to start
    async with jpterm_like.connect(str(folder / "notes.md"), name="ann") as session:
        await until(lambda: session.status.state == "connected", "a connection")
        with pytest.raises(subprocess.TimeoutExpired):
            await asyncio.to_thread(hub.wait, 3)
    assert await asyncio.to_thread(hub.wait, PATIENCE_S) == 0


def test_verify_reads_a_served_folder_or_what_is_kept_for_the_user(folder: Path) -> None:
    """The stores beside the texts, or those of the hub and the editors."""
    serve = Serve(folder)
    run("append", f"{serve.url}/notes.md", "x")
    serve.stop()
    there = run("verify", str(folder))
    assert there.returncode == 0 and "whole  notes.md: " in there.stdout
    (folder / "mine.md").write_text("mine\n")
    run("append", str(folder / "mine.md"), "x")
    mine = run("verify")
    assert mine.returncode == 0 and f"whole  {folder / 'mine.md'}: " in mine.stdout
    assert "mine.md" not in run("verify", str(folder)).stdout


def test_a_name_in_a_command_is_what_others_see(folder: Path) -> None:
    """As the writer of what was written, as somebody who is there, and as the one who puts somebody out."""
    file = str(folder / "notes.md")
    order = '{"do": "append", "text": "by pipe"}\n'
    for arguments in (
        ["insert", file, "by insert\n", "--line", "1"],
        ["replace", file, "two", "by replace"],
        ["append", file, "by append"],
    ):
        assert run(*arguments, "--name", f"Ann of {arguments[0]}").returncode == 0
    with subprocess.Popen(
        [*PROGRAM, "pipe", file, "--name", "Ann of pipe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as pipe:
        pipe.communicate(order)
    log = run("log", file).stdout
    for command in ("insert", "replace", "append", "pipe"):
        assert re.search(f"Ann of {command}  .*by {command}", log), log
    with subprocess.Popen(
        [*PROGRAM, "watch", file, "--name", "Ann of watch"], stdout=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["event"] == "text"
        assert "Ann of watch" in run("who", file).stdout
        assert run("kick", file, "Ann of watch", "--name", "Ann of kick").returncode == 0
        assert "Ann of kick ended your connection" in watch.communicate(timeout=PATIENCE_S)[0]


def test_a_place_is_a_text_that_is_there_once(folder: Path) -> None:
    """Before it or behind it; twice is not clear, and nothing is changed."""
    file = str(folder / "notes.md")
    assert run("insert", file, "<", "--before", "two").returncode == 0
    assert run("insert", file, ">", "--after", "two").returncode == 0
    assert run("cat", file).stdout == "one\n<two>\nthree\n"
    for option in ("--before", "--after"):
        done = run("insert", file, "x", option, "e\n")
        assert done.returncode == 1 and "occurs 2 times" in done.stderr
    assert run("cat", file).stdout == "one\n<two>\nthree\n"


def test_an_anchor_is_a_place_that_moves_with_its_text(folder: Path) -> None:
    """As 'pipe' gives one, also after what stands before it has changed."""
    file = str(folder / "notes.md")
    with subprocess.Popen(
        [*PROGRAM, "pipe", file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as pipe:
        said = pipe.communicate('{"do": "anchor", "offset": 4}\n')[0]
    [anchor] = [event["anchor"] for line in said.splitlines() if "anchor" in (event := json.loads(line))]
    assert run("insert", file, "zero\n", "--line", "1").returncode == 0
    assert run("insert", file, "here ", "--anchor", anchor).returncode == 0
    assert run("cat", file).stdout == "zero\none\nhere two\nthree\n"


@pytest.mark.parametrize("command", ["insert", "replace", "append"])
def test_save_writes_what_others_have_not_saved(folder: Path, command: str) -> None:
    """Without --save the plain file is written if it then lacks nothing else, and else not."""
    file = folder / "notes.md"
    more = {"insert": ["x", "--line", "1"], "replace": ["two", "2"], "append": ["x"]}[command]
    with subprocess.Popen(
        [*PROGRAM, "pipe", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as pipe:
        pipe.communicate('{"do": "insert", "offset": 0, "text": "draft "}\n')
    assert run(command, str(file), *more).returncode == 0
    assert file.read_text() == "one\ntwo\nthree\n"
    more = {"insert": ["x", "--line", "1"], "replace": ["three", "3"], "append": ["x"]}[command]
    assert run(command, str(file), *more, "--save").returncode == 0
    saved = file.read_text()
    assert saved == run("cat", str(file)).stdout and "draft " in saved
    more = {"insert": ["y", "--line", "1"], "replace": ["one", "1"], "append": ["y"]}[command]
    assert run(command, str(file), *more).returncode == 0
    assert file.read_text() == run("cat", str(file)).stdout != saved

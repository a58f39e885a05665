"""What people do with a database in a shell: make its tables, and examine it."""

from __future__ import annotations

import pytest

from jpterm_like.cli.main import main
from tests.postgres.cluster import Cluster


def test_a_database_is_prepared_and_examined(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`migrate` makes its tables, once; `token`, `doctor` and `verify` are about what is in it, and not about this machine."""
    cluster.sql("CREATE DATABASE fresh")
    address = cluster.address("fresh")

    def told(*words: str) -> tuple[int, str]:
        code = main([*words, "--store", address])
        said = capsys.readouterr()
        return code, said.out + said.err

    code, sentence = told("doctor")
    assert code == 1 and "no tables of jpterm-like yet" in sentence
    assert told("migrate") == (0, "Made step 1 of the tables.\n")
    assert told("migrate") == (0, "The tables are as this release needs them.\n")
    assert told("token", "new", "--role", "edit")[0] == 0
    (id,) = cluster.sql("SELECT id FROM jp_token", "fresh")[0]
    assert id in told("token", "list")[1]
    assert main(["token", "list"]) == 0 and id not in capsys.readouterr().out
    assert told("token", "revoke", id)[0] == 0 and id not in told("token", "list")[1]
    assert told("verify") == (0, "0 documents, 0 damaged.\n")
    code, sentence = told("doctor")
    assert code == 1 and "synchronous_standby_names is empty" in sentence and "0 documents" in sentence

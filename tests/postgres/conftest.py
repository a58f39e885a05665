from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.postgres.cluster import MISSING, Cluster, new_folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server for the tests of this process that do it no harm."""
    if MISSING:
        pytest.skip(MISSING)
    folder = new_folder()
    try:
        cluster = Cluster.made(folder)
        try:
            cluster.database("jp")
            yield cluster
        finally:
            cluster.stop("immediate")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def database(cluster: Cluster) -> str:
    """The address of a database with empty tables."""
    cluster.empty("jp")
    return cluster.address("jp")

"""A place in a bucket, on moto's S3 server."""

from __future__ import annotations

import itertools
import urllib.request
from collections.abc import Iterator

import pytest

pytest.importorskip("obstore", reason="places in buckets need obstore")
from jpterm_like.places.base import Unreachable
from jpterm_like.places.s3 import S3Place
from tests.places.conformance import PlaceConformance
from tests.places.servers import free_port, moto

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto() as endpoint:
        yield endpoint


def settings(endpoint: str) -> dict[str, str]:
    return {
        "endpoint": endpoint,
        "access_key_id": "key",
        "secret_access_key": "secret",
        "region": "us-east-1",
    }


class TestS3Place(PlaceConformance):
    @pytest.fixture
    def place(self, endpoint: str) -> S3Place:
        bucket = f"notes-{next(NUMBERS)}"
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{bucket}", method="PUT")):
            return S3Place(bucket, "team/texts", settings(endpoint))


def test_a_bucket_or_a_server_that_is_not_there(endpoint: str) -> None:
    for place in (
        S3Place("none", "", settings(endpoint)),
        S3Place("none", "", settings(f"http://127.0.0.1:{free_port()}")),
    ):
        for call in (place.list, lambda place=place: place.write("a.jpk", b"x")):
            with pytest.raises(Unreachable) as caught:
                call()
            assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_is_sent_without_tls_but_to_this_machine() -> None:
    for endpoint in ("http://192.0.2.1:9000", "http://localhost:9000@192.0.2.1:9000"):
        place = S3Place("notes", "", settings(endpoint))
        with pytest.raises(Unreachable) as caught:
            place.list()
        assert "BadScheme" in str(caught.value.__cause__)

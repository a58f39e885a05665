"""The index: one SQLite file in the user's cache, with what was read from stores. The only module that knows sqlite3.

Nothing is in it that the stores do not have, so it is removed whenever anything is wrong with it: `open_index` removes a file
of another format, and `Index.lost` says that this one cannot be used any more.

    stores      each store, its state when it was read, and the place of its document
    documents   what `documents.read_documents` returned
    texts       their texts and passages, deflated
    now, past   for each three characters, the documents in whose text, or deleted text, they are (FTS5, trigram)

The two tables for searching store no positions (`detail=none`): they narrow the documents down, and `words` looks into those. That
takes a sixth of the space, and finds parts of words and words without spaces between them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from jpterm_like.files import private
from jpterm_like.index.documents import Candidate, Document, Passage, decode_passages, encode_passages
from jpterm_like.index.index_file import NUMBER, Lost, path_in, remove_files, remove_index
from jpterm_like.index.sources import Entry, States
from jpterm_like.index.words import fold

FREE_BYTES_MIN: Final = 256 << 20
"""With less room on the disk nothing is written: what people type needs it more."""

BUSY_S: Final = 0.2
"""How long to wait for another process that writes."""

TERMS_MAX: Final = 4000
"""A word of one or two characters stands for all trigrams that begin with it, at most so many."""

PADDING: Final = "\n\n"
"""After each text, so that its last characters begin a trigram, too."""

_SCHEMA: Final = """
    CREATE TABLE stores (folder BLOB, entry TEXT, state TEXT, place BLOB, PRIMARY KEY (folder, entry)) WITHOUT ROWID;
    CREATE TABLE documents (id INTEGER PRIMARY KEY, place BLOB, part INTEGER, changed INTEGER, deleted_at INTEGER, origin TEXT);
    CREATE TABLE texts (id INTEGER PRIMARY KEY, text BLOB, passages BLOB);
    CREATE INDEX by_place ON documents (place);
    CREATE INDEX stores_by_place ON stores (place);
    CREATE TABLE remarks (place BLOB, sentence BLOB);
    CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT);
    CREATE VIRTUAL TABLE now USING fts5(text, content='', detail=none, tokenize='trigram case_sensitive 1');
    CREATE VIRTUAL TABLE past USING fts5(text, content='', detail=none, tokenize='trigram case_sensitive 1');
    CREATE VIRTUAL TABLE now_terms USING fts5vocab(now, 'row');
    CREATE VIRTUAL TABLE past_terms USING fts5vocab(past, 'row');
"""

# Errors that leave the index as it was: another process writes, or the disk refuses.
_REFUSALS: Final = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    )
)

Row = tuple[int, bytes, int, int, int, str]

Answer = TypeVar("Answer")


def open_index(cache: Path) -> Index | None:
    """Open the index, a new one if there is none that can be used; None if there cannot be one. Blocks."""
    for _ in range(2):
        try:
            return Index(path_in(cache))
        except Lost:
            remove_index(cache)
        except (OSError, sqlite3.Error):
            return None
    return None


class Index:
    """An open index. Every method raises `Lost` if it cannot be used any more; it is closed then."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            Lost: the file is no index of this format, or damaged.
            OSError: it cannot be opened or made, or is not this user's alone.
            sqlite3.Error: this SQLite has no trigrams, or the disk refuses.
        """
        self._path = path
        private.check_folder(path.parent, make=True)
        remove_files(path.parent, besides=path.name)
        os.close(private.open_file(path, os.O_RDWR | os.O_CREAT))
        self.may_write = shutil.disk_usage(path.parent).free >= FREE_BYTES_MIN
        """Whether documents are put into it."""
        self._sql = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error as problem:
            self._sql.close()
            if _is_refusal(problem) or "no such module" in str(problem) or "tokenizer" in str(problem):
                raise
            raise Lost from problem
        except BaseException:
            self._sql.close()
            raise

    def _prepare(self) -> None:
        sql = self._sql
        sql.execute("PRAGMA journal_mode = wal")
        sql.execute("PRAGMA synchronous = off")
        sql.execute("PRAGMA secure_delete = on")
        written = f"{NUMBER} {unicodedata.unidata_version}"  # folding depends on the latter
        boot = _boot()
        if not _has_tables(sql):
            sql.execute("BEGIN IMMEDIATE")
            if not _has_tables(sql):  # another process may have made them meanwhile
                for statement in _SCHEMA.split(";"):
                    sql.execute(statement)
                sql.execute("INSERT INTO about VALUES ('format', ?), ('boot', ?)", (written, boot))
            sql.execute("COMMIT")
        about = dict(sql.execute("SELECT name, value FROM about"))
        if about.get("format") != written:
            raise Lost
        # Nothing is flushed, so a power cut may have left anything; the end of a process alone leaves it whole.
        if not boot or about.get("boot") != boot:
            if sql.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise Lost
            with contextlib.suppress(sqlite3.OperationalError):  # not written; it is checked again then
                sql.execute("UPDATE about SET value = ? WHERE name = 'boot'", (boot,))

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._sql.close()

    # Reading

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read one state of the index, whatever others write meanwhile."""
        self._do(lambda: self._sql.execute("BEGIN"))
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._sql.execute("ROLLBACK")

    def states(self) -> States:
        """Return the states of all stores when they were read."""

        def read() -> States:
            folders = self._sql.execute("SELECT DISTINCT folder FROM stores").fetchall()
            query = "SELECT entry, state FROM stores WHERE folder = ?"
            return {_unpacked(folder): dict(self._sql.execute(query, (folder,))) for (folder,) in folders}

        return self._do(read)

    def place(self, entry: Entry) -> str | None:
        """Return the place of the document in a store; None if it is not known."""

        def read() -> str | None:
            key = (_packed(entry[0]), entry[1])
            row = self._sql.execute("SELECT place FROM stores WHERE folder = ? AND entry = ?", key).fetchone()
            return None if row is None else _unpacked(row[0])

        return self._do(read)

    def stores(self, place: str) -> list[Entry]:
        """Return the stores of the documents at a place."""

        def read() -> list[Entry]:
            rows = self._sql.execute("SELECT folder, entry FROM stores WHERE place = ?", (_packed(place),))
            return [(_unpacked(folder), entry) for folder, entry in rows]

        return self._do(read)

    def remarks(self) -> dict[str, list[str]]:
        """Return the sentences about what could not be read, by place."""

        def read() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for place, sentence in self._sql.execute("SELECT place, sentence FROM remarks"):
                found.setdefault(_unpacked(place), []).append(_unpacked(sentence))
            return found

        return self._do(read)

    def candidates(self, words: Sequence[str], *, deleted: bool) -> Iterator[Candidate]:
        """Yield the documents in which all of these folded words may be, or in whose deleted text, those changed last first."""

        def read() -> Iterator[Row]:
            table, time = ("past", "deleted_at") if deleted else ("now", "changed")
            sought = self._match(words, table)
            if sought == "":
                return iter(())
            condition, values = (
                ("", ())
                if sought is None
                else (f"WHERE id IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)", (sought,))
            )
            columns = "id, place, part, changed, deleted_at, origin"
            return self._sql.execute(
                f"SELECT {columns} FROM documents {condition} ORDER BY {time} DESC, place, part", values
            )

        rows = self._do(read)
        while (row := self._do(lambda: next(rows, None))) is not None:
            yield Candidate(row[0], _unpacked(row[1]), *row[2:])

    def _match(self, words: Sequence[str], table: str) -> str | None:
        """Return what FTS5 is asked for; "" if nothing can match, None if everything may."""
        parts: list[str] = []
        for word in map(_storable, words):
            if len(word) >= 3:
                parts += [_quoted(word[at : at + 3]) for at in range(len(word) - 2)]
                continue
            terms = self._sql.execute(
                f"SELECT term FROM {table}_terms WHERE term >= ? AND term < ? LIMIT ?",
                (word, f"{word}\U0010ffff", TERMS_MAX + 1),
            ).fetchall()
            if not terms:
                return ""
            if len(terms) <= TERMS_MAX:
                parts.append(f"({' OR '.join(_quoted(term) for (term,) in terms)})")
        return " AND ".join(dict.fromkeys(parts)) or None

    def text(self, candidate: Candidate) -> str:
        """Return the present text of a document."""
        return self._do(lambda: _inflated(self._column(candidate, "text")))

    def passages(self, candidate: Candidate) -> tuple[Passage, ...]:
        """Return the passages that were deleted from a document."""
        return self._do(lambda: decode_passages(zlib.decompress(self._column(candidate, "passages"))))

    def _column(self, candidate: Candidate, name: str) -> bytes:
        row = self._sql.execute(f"SELECT {name} FROM texts WHERE id = ?", (candidate.id,)).fetchone()
        data: bytes = row[0]
        return data

    # Writing

    @contextlib.contextmanager
    def writing(self) -> Iterator[bool]:
        """Write all of what follows or nothing; gives False if it cannot be written, as while another process does."""
        try:
            if self.may_write:
                self._sql.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as problem:
            self._note(problem)
        try:
            yield self.may_write
            if self.may_write:
                self._write(lambda: self._sql.execute("COMMIT"))
        finally:
            if self._sql_is_open() and self._sql.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._sql.execute("ROLLBACK")

    def put(
        self, place: str, stores: Mapping[Entry, str], documents: Sequence[Document], remarks: Sequence[str]
    ) -> None:
        """Replace everything about a place, whose stores have these states."""

        def write() -> None:
            self._remove(place)
            sql, key = self._sql, _packed(place)
            sql.executemany(
                "INSERT OR REPLACE INTO stores VALUES (?, ?, ?, ?)",
                [(_packed(folder), entry, state, key) for (folder, entry), state in stores.items()],
            )
            sql.executemany("INSERT INTO remarks VALUES (?, ?)", [(key, _packed(it)) for it in remarks])
            for it in documents:
                row = sql.execute(
                    "INSERT INTO documents VALUES (NULL, ?, ?, ?, ?, ?)",
                    (key, it.part, it.changed, it.deleted_at, it.origin),
                ).lastrowid
                text = zlib.compress(it.text.encode("utf-8", "surrogatepass"), 1)
                passages = zlib.compress(encode_passages(it.passages), 1)
                sql.execute("INSERT INTO texts VALUES (?, ?, ?)", (row, text, passages))
                sql.execute("INSERT INTO now (rowid, text) VALUES (?, ?)", (row, _searched(it.text)))
                if it.passages:
                    sql.execute("INSERT INTO past (rowid, text) VALUES (?, ?)", (row, _past(it.passages)))

        self._write(write)

    def remove(self, place: str) -> None:
        """Remove everything about a place."""
        self._write(lambda: self._remove(place))

    def _remove(self, place: str) -> None:
        sql, key = self._sql, (_packed(place),)
        for row, text, packed in sql.execute(
            "SELECT id, text, passages FROM documents JOIN texts USING (id) WHERE place = ?", key
        ).fetchall():
            delete = "INSERT INTO {0} ({0}, rowid, text) VALUES ('delete', ?, ?)"
            sql.execute(delete.format("now"), (row, _searched(_inflated(text))))
            if passages := decode_passages(zlib.decompress(packed)):
                sql.execute(delete.format("past"), (row, _past(passages)))
        sql.execute("DELETE FROM texts WHERE id IN (SELECT id FROM documents WHERE place = ?)", key)
        for table in ("documents", "stores", "remarks"):
            sql.execute(f"DELETE FROM {table} WHERE place = ?", key)

    # Errors

    def _do(self, action: Callable[[], Answer]) -> Answer:
        try:
            return action()
        except (sqlite3.Error, zlib.error, ValueError, TypeError) as problem:
            self.close()
            raise Lost from problem

    def _write(self, action: Callable[[], object]) -> None:
        """Carry out a part of `writing`; after an error nothing more is written."""
        if not self.may_write:
            return
        try:
            action()
        except sqlite3.Error as problem:
            self._note(problem)
        except (zlib.error, ValueError, TypeError) as problem:
            self.close()
            raise Lost from problem

    def _note(self, problem: sqlite3.Error) -> None:
        self.may_write = False
        if not _is_refusal(problem):
            self.close()
            raise Lost from problem

    def _sql_is_open(self) -> bool:
        try:
            return self._sql.total_changes >= 0
        except sqlite3.ProgrammingError:
            return False


def _has_tables(sql: sqlite3.Connection) -> bool:
    return sql.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _is_refusal(problem: sqlite3.Error) -> bool:
    code = getattr(problem, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _REFUSALS


def _boot() -> str:
    """Tell this start of the machine from others; "" where that is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _storable(text: str) -> str:
    """Replace what SQLite's tokenizer cannot take, which may only find too much."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def _searched(text: str) -> str:
    return _storable(fold(text)) + PADDING


def _past(passages: Sequence[Passage]) -> str:
    return _searched("\n".join(it.text for it in passages))


def _packed(text: str) -> bytes:
    """Write a path or a sentence as bytes: SQLite takes no lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _unpacked(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _inflated(data: bytes) -> str:
    return zlib.decompress(data).decode("utf-8", "surrogatepass")

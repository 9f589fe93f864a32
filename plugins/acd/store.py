"""
The log on disk: SQLite, append-only, one writer.

``event`` holds the events of the last so many days, ``snapshot`` two models: *base*, the fold of
every event that is deleted already, and *checkpoint*, the fold of everything up to some event,
which only makes the start faster.  Blocking: called in the thread of `writer`, never in the
reactor's.
"""

import fcntl
import itertools
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from tapiproxy.plugins.acd import snapshot
from tapiproxy.plugins.acd.events import Event, decode, encode
from tapiproxy.plugins.acd.handlenumbers import KEY_OCTETS
from tapiproxy.plugins.acd.model import Model

__all__ = ["Store", "StoreError", "StoreInUse"]

_SCHEMA = 1

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE snapshot (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""

_BASE = "base"
_CHECKPOINT = "checkpoint"


class StoreError(Exception):
    """The log cannot be read or written; the text is for the administrator."""


class StoreInUse(StoreError):
    """Another server has this data directory."""


class Store:
    """
    The log of one data directory, which is locked against every other process.

    :param directory: where the files are; it exists.
    :param durable: whether a commit waits until the disk has it, so that it survives loss of power.
    :ivar key: the secret of this directory's handle numbers.
    :raises StoreInUse: another process has it open.
    :raises StoreError: it cannot be opened, or is of another version.
    """

    def __init__(self, directory: Path, durable: bool = True) -> None:
        self._lock = _locked(directory / "acd.lock")
        try:
            # The thread that writes is not the one that opens; there is only one at a time.
            self._connection = sqlite3.connect(
                directory / "acd.sqlite", isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(durable)
            except BaseException:
                self._connection.close()
                raise
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"{directory / 'acd.sqlite'}: {error}") from error
            raise

    def _prepare(self, durable: bool) -> None:
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        with _Transaction(self._connection):
            if not self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                for statement in _TABLES.split(";"):
                    self._connection.execute(statement)
                self._connection.executemany(
                    "INSERT INTO meta VALUES (?, ?)",
                    [("schema", _SCHEMA), ("key", secrets.token_bytes(KEY_OCTETS))],
                )
        meta = dict(self._connection.execute("SELECT name, value FROM meta"))
        if meta["schema"] != _SCHEMA:
            raise StoreError(
                f"the log has schema {meta['schema']}, this version knows {_SCHEMA}; use the "
                "version that wrote it"
            )
        self.key: bytes = meta["key"]

    def close(self) -> None:
        """Close the files and give the lock back."""
        self._connection.close()
        os.close(self._lock)

    def append(self, sequence: int, added: Sequence[Event]) -> None:
        """
        Write events; when this returns they are kept.

        :param sequence: the number of the first one.
        :raises sqlite3.Error: they are not kept, none of them.
        """
        rows = [
            (number, event.at, type(event).__name__, encode(event))
            for number, event in enumerate(added, sequence)
        ]
        with _Transaction(self._connection):
            self._connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?)", rows)

    def load(self) -> Model:
        """
        The model: the fold of everything that is kept.

        :raises StoreError: an event cannot be read, or does not fit those before it.
        """
        model = Model()
        try:
            # A kill may come between folding events into the base and the checkpoint after it: the
            # one that knows more is begun with, since events in between are deleted.
            checkpoint, base = self._snapshot(_CHECKPOINT) or model, self.base()
            model = checkpoint if checkpoint.sequence > base.sequence else base
            self._checkWhole(model.sequence)
            for event in self.events(model.sequence):
                model.apply(event)
        except (KeyError, TypeError, ValueError, sqlite3.Error) as error:
            raise StoreError(
                f"the log is damaged, or of a later version, near event {model.sequence}: "
                f"{type(error).__name__}: {error}"
            ) from error
        model.takeChanged()
        return model

    def base(self) -> Model:
        """The fold of the events that are deleted already."""
        return self._snapshot(_BASE) or Model()

    def log(self, upTo: int) -> tuple[Model, list[Event]]:
        """The base, and the events from there to number ``upTo``."""
        base = self.base()
        return base, list(itertools.islice(self.events(base.sequence), upTo - base.sequence))

    def events(self, after: int) -> Iterator[Event]:
        """The events behind number ``after``, in their order."""
        for at, kind, body in self._connection.execute(
            "SELECT at, kind, body FROM event WHERE sequence > ? ORDER BY sequence", (after,)
        ):
            yield decode(at, kind, body)

    def probe(self) -> None:
        """
        See whether the log can be written.

        :raises sqlite3.Error: it cannot.
        """
        with _Transaction(self._connection):
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('probe', 1)")

    def checkpoint(self, body: dict[str, object]) -> None:
        """
        Keep a model that is the fold of everything kept so far.

        :param body: what `snapshot.dump` gave.
        """
        text = json.dumps(body, separators=(",", ":"))
        with _Transaction(self._connection):
            self._save(_CHECKPOINT, text)

    def compact(self, before: int, most: int) -> bool:
        """
        Fold the oldest events into the base and delete them.

        :param before: events later than this instant stay, and all that came after one of them.
        :param most: events at a time, so that those who wait to write do not wait long.
        :returns: whether there are more.
        """
        model = self.base()
        folded = 0
        for event in self.events(model.sequence):
            if event.at > before or folded == most:
                break
            model.apply(event)
            folded += 1
        if folded:
            model.trim(before)
            with _Transaction(self._connection):
                self._save(_BASE, json.dumps(snapshot.dump(model), separators=(",", ":")))
                self._connection.execute("DELETE FROM event WHERE sequence <= ?", (model.sequence,))
        return folded == most

    def _checkWhole(self, after: int) -> None:
        """See that every event behind number ``after`` is there, up to the last one."""
        count, last = self._connection.execute(
            "SELECT count(*), max(sequence) FROM event WHERE sequence > ?", (after,)
        ).fetchone()
        if count and last - after != count:
            raise ValueError(f"{last - after - count} events are missing before event {last}")

    def _snapshot(self, name: str) -> Model | None:
        row = self._connection.execute(
            "SELECT body FROM snapshot WHERE name = ?", (name,)
        ).fetchone()
        return None if row is None else snapshot.load(json.loads(row[0]))

    def _save(self, name: str, body: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?)", (name, body))


class _Transaction:
    """All of it or nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
                return
            except sqlite3.Error:
                self._rollback()
                raise
        self._rollback()

    def _rollback(self) -> None:
        # Some failures (a full disk) have rolled back already.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _locked(path: Path) -> int:
    """Take the lock of a data directory; the descriptor holds it until it is closed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreInUse(
            f"{path} is locked: another server uses this data directory; stop it, or start this "
            "one with another --data"
        ) from None
    return descriptor

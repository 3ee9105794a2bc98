"""When the database is away: how that is told from a mistake, and what a page remembers of it.

What is unusual: a page asks a database that does not answer once, whatever number of places on it show bundles. A
database that refuses is quick to say so; one that swallows what it is sent costs `connect_timeout` each time.
"""

from __future__ import annotations

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from django.http import HttpRequest

DATABASE_AWAY = (DatabaseError, InterfaceError)
"""What is raised by a connection that cannot be made, or breaks off: psycopg2 tells the latter by three different
classes, the base of all among them. Hence MISTAKES."""

MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What a database that is there says of a statement that it would never carry out."""

RETRY_AFTER_SECONDS = 15
"""When to come again: what is answered to whoever asks by HTTP."""

_MARK = "_bundle_app_database_away"
"""Attribute of a request whose page has asked in vain."""


def is_away(error: BaseException) -> bool:
    """SQLite tells a missing table by the class that others keep for lost connections.

    >>> is_away(DatabaseError("server closed the connection unexpectedly")), is_away(DataError("value too long"))
    (True, False)
    >>> is_away(OperationalError("no such table: bundle_app_score"))
    False
    """
    is_mistake = isinstance(error, MISTAKES) or str(error).startswith("no such ")
    return isinstance(error, DATABASE_AWAY) and not is_mistake


def refuse_to_wait_again(request: HttpRequest | None) -> None:
    """
    Raises:
        OperationalError: this request has found the database away before.
    """
    if getattr(request, _MARK, False):
        raise OperationalError("It did not answer this page before, and is not asked again.")


def remember(request: HttpRequest | None) -> None:
    """The database was away when this request asked."""
    if request is not None:
        setattr(request, _MARK, True)


def in_a_line(error: Exception) -> str:
    """For the log: a page a second fails alike, so one line is enough.

    >>> in_a_line(OperationalError('connection to server failed: Connection refused\\n\\tIs the server running?'))
    'connection to server failed: Connection refused'
    """
    return str(error).strip().partition("\n")[0]

"""Names for shoppers that are good for one export and that nobody can lead back to a person.

A pseudonym is the first twelve bytes of sha256(salt + id), enough to tell ten million shoppers apart. The salt is drawn
anew for each export and thrown away with it. So ids cannot be found by trying them all, which without a salt takes
seconds; two exports cannot be laid side by side; and the learning process can still tell whose orders are whose.

On PostgreSQL the server draws the salt into a setting of the transaction and hashes inside the COPY. The salt stands in
no statement, so no log of statements has it; the setting ends with the transaction.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

from django.db.backends.base.base import BaseDatabaseWrapper

DRAW_SALT = "SELECT set_config('bundle_app.salt', gen_random_uuid()::text || gen_random_uuid()::text, true)"
HASHED = (
    "CASE WHEN {id}::text <> '' THEN encode(substr(sha256(convert_to("
    "(SELECT current_setting('bundle_app.salt')) || {id}::text, 'UTF8')), 1, 12), 'base64') END"
)
"""NULL where nobody is known; else what `Pseudonyms.of` makes of the same id."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Those of one export. `alias` is the database that knows the salt, if one does."""

    salt: str = field(repr=False)
    alias: str | None

    @classmethod
    def drawn(cls, connection: BaseDatabaseWrapper) -> Pseudonyms:
        """Draw a salt, on PostgreSQL within the transaction that is open."""
        if connection.vendor != "postgresql":
            return cls(secrets.token_hex(32), None)
        with connection.cursor() as cursor:
            cursor.execute(DRAW_SALT)
            (salt,) = cursor.fetchone()
        return cls(salt, connection.alias)

    def of(self, raw_id: object) -> str | None:
        """The pseudonym of a raw id; None where nobody is known.

        >>> Pseudonyms("salt", None).of(7) == Pseudonyms("salt", None).of("7") != Pseudonyms("pepper", None).of(7)
        True
        >>> Pseudonyms("salt", None).of(None), len(Pseudonyms("salt", None).of(7))
        (None, 16)
        """
        text = "" if raw_id is None else str(raw_id)
        digest = hashlib.sha256(f"{self.salt}{text}".encode()).digest()
        return base64.b64encode(digest[:12]).decode() if text else None

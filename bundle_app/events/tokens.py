"""The signed word that names a showing: what a page hands out, and what the beacon, the cart and the order line keep.

Nothing is written when a bundle is shown, so the token carries all that is to be known of the showing: which bundle,
beside which item, where, chosen by which model, policy and arm, and how probable that choice was. It is signed, not
secret.

    token      = base64url(payload + mac), without padding, in the one canonical form
    mac        = HMAC-SHA256(sha256(SALT + SECRET_KEY), payload), its first 16 bytes
    payload    = the fixed fields (LAYOUT), then anchor, placement and arm, each behind a byte that holds its length

A token is bound to the visitor it was given to, by the beginning of their pseudonym; that of a visitor whom the shop
does not know yet is bound to nobody. Keys of SECRET_KEY_FALLBACKS still verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils.encoding import force_bytes

from bundle_app.exceptions import TokenForeign, TokenForged, TokenLate, TokenMalformed

SALT = b"bundle_app.events.tokens"
FORMAT_VERSION = 1
LAYOUT = struct.Struct(">BQqqiiHd8s")
"""Format version, id, shown at (µs), bundle, model version, policy, slot, propensity, whom it was given to."""
MAC_BYTES = 16
NOBODY = bytes(8)
LONGEST_ANCHOR, LONGEST_WORD, MOST_BYTES = 64, 32, 255
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _new_id() -> int:
    return secrets.randbits(63)  # The database's integers have a sign.


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """A bundle in one place of one page that was sent to one visitor.

    `slot` counts from 1. `version_id` is the model's that ranked it, 0 if a merchandiser did; `policy_id` is 0 without
    a policy and `arm` "" outside an experiment. `propensity` is the probability with which this bundle was chosen for
    this slot, in (0, 1].
    """

    bundle_id: int
    anchor_key: str
    placement: str
    slot: int
    shown_at: datetime
    version_id: int = 0
    policy_id: int = 0
    arm: str = ""
    propensity: float = 1.0
    id: int = field(default_factory=_new_id)

    def __post_init__(self) -> None:
        if not 1 <= self.slot < 2**15:
            raise ValueError(f"The slot is {self.slot}; expected a whole number from 1 to {2**15 - 1}.")
        if not 0 < self.propensity <= 1:
            raise ValueError(f"The propensity is {self.propensity}; expected a number above 0, at most 1.")
        if not fits(self.anchor_key, self.placement, self.arm):
            raise ValueError(
                f"The anchor is {self.anchor_key!r}, the placement {self.placement!r}, the arm {self.arm!r}; expected "
                f"at most {LONGEST_ANCHOR}, {LONGEST_WORD} and {LONGEST_WORD} characters, {MOST_BYTES} bytes in all."
            )


def fits(anchor_key: str, placement: str, arm: str) -> bool:
    """Whether a token has room for them. Words of letters always fit; 64 emojis as an item key do not."""
    lengths = len(anchor_key) <= LONGEST_ANCHOR and max(len(placement), len(arm)) <= LONGEST_WORD
    return lengths and len((anchor_key + placement + arm).encode()) <= MOST_BYTES


def sign(showing: Showing, *, subject: str) -> str:
    """The token of a showing for a visitor, by pseudonym; "" for one whom the shop does not know."""
    payload = LAYOUT.pack(
        FORMAT_VERSION,
        showing.id,
        (showing.shown_at - EPOCH) // timedelta(microseconds=1),
        showing.bundle_id,
        showing.version_id,
        showing.policy_id,
        showing.slot,
        showing.propensity,
        _binding(subject),
    )
    for word in (showing.anchor_key, showing.placement, showing.arm):
        encoded = word.encode()
        payload += bytes([len(encoded)]) + encoded
    return _encoded(payload + _mac(settings.SECRET_KEY, payload))


def read(token: str, *, subjects: Collection[str], now: datetime, lifetime: timedelta) -> Showing:
    """The showing that a visitor, known by any of these pseudonyms, may still report something of.

    Raises:
        TokenMalformed: it is no token.
        TokenForged: none of our keys has signed it.
        TokenLate: it was shown longer ago than `lifetime`.
        TokenForeign: it was given to a visitor with another pseudonym.
    """
    showing, binding = _verified(token)
    if now - showing.shown_at > lifetime:
        raise TokenLate
    if binding != NOBODY and binding not in {_binding(subject) for subject in subjects}:
        raise TokenForeign
    return showing


def read_kept(token: str) -> Showing:
    """The showing that the shop kept with an order, whoever it was given to and however long ago.

    Raises:
        TokenMalformed: it is no token.
        TokenForged: none of our keys has signed it.
    """
    return _verified(token)[0]


def _verified(token: str) -> tuple[Showing, bytes]:
    content = _decoded(token)
    payload, mac = content[:-MAC_BYTES], content[-MAC_BYTES:]
    if len(payload) < LAYOUT.size or payload[0] != FORMAT_VERSION:
        raise TokenMalformed
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if not any(hmac.compare_digest(mac, _mac(key, payload)) for key in keys):
        raise TokenForged
    _, number, microseconds, bundle_id, version_id, policy_id, slot, propensity, binding = LAYOUT.unpack_from(payload)
    anchor_key, placement, arm = _words(payload[LAYOUT.size :])
    showing = Showing(
        id=number,
        shown_at=EPOCH + timedelta(microseconds=microseconds),
        bundle_id=bundle_id,
        version_id=version_id,
        policy_id=policy_id,
        slot=slot,
        propensity=propensity,
        anchor_key=anchor_key,
        placement=placement,
        arm=arm,
    )
    return showing, binding


def _words(rest: bytes) -> Iterator[str]:
    while rest:
        length = rest[0]
        yield rest[1 : 1 + length].decode()
        rest = rest[1 + length :]


def _binding(subject: str) -> bytes:
    """Eight bytes of a pseudonym, so that a token tells nobody the whole of it."""
    return base64.urlsafe_b64decode(subject)[:8] if subject else NOBODY


def _mac(key: str | bytes, payload: bytes) -> bytes:
    derived = hashlib.sha256(SALT + force_bytes(key)).digest()
    return hmac.digest(derived, payload, "sha256")[:MAC_BYTES]


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(token: str) -> bytes:
    """Decoders skip what they do not know and ignore left-over bits; two words for one showing would be two rows."""
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError) as error:
        raise TokenMalformed from error
    if _encoded(content) != token:
        raise TokenMalformed
    return content

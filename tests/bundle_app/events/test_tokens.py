from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bundle_app.events import subjects, tokens
from bundle_app.events.tokens import Showing, read, sign
from bundle_app.exceptions import TokenForeign, TokenForged, TokenLate, TokenMalformed, TokenRefused
from bundle_app.shop import IMPRESSION_LENGTH

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SHOWING = Showing(
    id=2**63 - 1,
    bundle_id=17,
    anchor_key="LAP-14",
    placement="product",
    slot=2,
    version_id=3,
    policy_id=4,
    arm="blue",
    propensity=1 / 3,
    shown_at=NOW,
)


@pytest.fixture
def ann() -> str:
    return subjects.pseudonyms("ann")[0]


@pytest.fixture
def bob() -> str:
    return subjects.pseudonyms("bob")[0]


def test_a_token_gives_back_all_that_was_signed(ann: str) -> None:
    assert read(sign(SHOWING, subject=ann), subjects=[ann], now=NOW, lifetime=DAY) == SHOWING


@pytest.mark.parametrize("key", ["", "x" * 64, "杯" * 64])
def test_any_key_of_letters_fits_and_a_token_is_short(key: str, ann: str) -> None:
    showing = replace(SHOWING, anchor_key=key, placement="p" * 32, arm="")
    token = sign(showing, subject=ann)
    assert len(token) < IMPRESSION_LENGTH
    assert read(token, subjects=[ann], now=NOW, lifetime=DAY) == showing


def test_what_does_not_fit_is_refused_when_it_is_made() -> None:
    for wrong in ({"anchor_key": "x" * 65}, {"placement": "x" * 33}, {"arm": "x" * 33}, {"anchor_key": "🫖" * 64}):
        with pytest.raises(ValueError, match="expected at most 64, 32 and 32 characters, 255 bytes"):
            replace(SHOWING, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="The slot is 0; expected a whole number from 1 to 32767."):
        replace(SHOWING, slot=0)
    for chance in (0.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match="expected a number above 0, at most 1"):
            replace(SHOWING, propensity=chance)


def test_of_100_000_forged_or_mutated_tokens_none_is_read(ann: str, settings: Any) -> None:
    genuine, own_key = sign(SHOWING, subject=ann), settings.SECRET_KEY
    settings.SECRET_KEY = "another key"
    forged = sign(SHOWING, subject=ann)
    settings.SECRET_KEY = own_key
    rng, refused = random.Random(17), 0
    for number in range(100_000):
        token = _mutated(genuine if number % 4 else forged, rng)
        if token == genuine:
            continue
        with pytest.raises((TokenMalformed, TokenForged)):
            read(token, subjects=[ann], now=NOW, lifetime=DAY)
        refused += 1
    assert refused > 99_000
    assert read(genuine, subjects=[ann], now=NOW, lifetime=DAY) == SHOWING


def _mutated(token: str, rng: random.Random) -> str:
    place = rng.randrange(len(token))
    match rng.randrange(6):
        case 0:
            return token[:place] + rng.choice(ALPHABET) + token[place + 1 :]
        case 1:
            return token[:place]
        case 2:
            return token[:place] + rng.choice(ALPHABET + "=+/ \n\0é") + token[place:]
        case 3:
            other = rng.randrange(len(token))
            return token[min(place, other) : max(place, other)]
        case 4:
            return token + rng.choice(["=", "==", "\n", "A", token])
        case _:
            return "".join(rng.choice(ALPHABET) for _ in range(len(token)))


def test_every_other_last_letter_of_a_token_is_refused_even_if_it_decodes_alike(ann: str) -> None:
    lengths = {len(sign(replace(SHOWING, arm="x" * length), subject=ann)) % 4 for length in range(3)}
    assert lengths == {0, 2, 3}  # so that left-over bits occur below
    for length in range(3):
        token = sign(replace(SHOWING, arm="x" * length), subject=ann)
        for letter in set(ALPHABET) - {token[-1]}:
            with pytest.raises(TokenRefused):
                read(token[:-1] + letter, subjects=[ann], now=NOW, lifetime=DAY)


@pytest.mark.parametrize("token", ["", "x", "shown:17", "é" * 100, "A" * 511, "=" * 40, "\x00" * 120, "_" * 120])
def test_what_is_no_token_is_malformed(token: str) -> None:
    with pytest.raises(TokenMalformed):
        read(token, subjects=[], now=NOW, lifetime=DAY)


def test_a_signature_for_another_purpose_is_none(ann: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "SALT", b"something else")
    token = sign(SHOWING, subject=ann)
    monkeypatch.undo()
    with pytest.raises(TokenForged):
        read(token, subjects=[ann], now=NOW, lifetime=DAY)


def test_a_token_is_good_to_the_end_of_its_time_and_no_longer(ann: str) -> None:
    token = sign(SHOWING, subject=ann)
    assert read(token, subjects=[ann], now=NOW + DAY, lifetime=DAY) == SHOWING
    with pytest.raises(TokenLate):
        read(token, subjects=[ann], now=NOW + DAY + timedelta(microseconds=1), lifetime=DAY)


def test_a_token_of_another_visitor_is_foreign_and_one_of_nobody_is_anyone_s(ann: str, bob: str) -> None:
    for known in ([bob], []):
        with pytest.raises(TokenForeign):
            read(sign(SHOWING, subject=ann), subjects=known, now=NOW, lifetime=DAY)
        assert read(sign(SHOWING, subject=""), subjects=known, now=NOW, lifetime=DAY) == SHOWING
    assert read(sign(SHOWING, subject=ann), subjects=[bob, ann], now=NOW, lifetime=DAY) == SHOWING


def test_an_order_s_token_is_read_whoever_it_was_given_to_and_however_long_ago(ann: str) -> None:
    assert tokens.read_kept(sign(SHOWING, subject=ann)) == SHOWING


def test_a_rotation_of_the_key_loses_no_token(settings: Any) -> None:
    old = settings.SECRET_KEY
    given = [sign(replace(SHOWING, slot=slot), subject=subjects.pseudonyms("ann")[0]) for slot in range(1, 101)]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key", [old]
    known = subjects.pseudonyms("ann")
    assert [read(token, subjects=known, now=NOW, lifetime=DAY).slot for token in given] == list(range(1, 101))
    with pytest.raises(TokenForeign):
        read(given[0], subjects=subjects.pseudonyms("bob"), now=NOW, lifetime=DAY)
    assert sign(SHOWING, subject="") not in given
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(TokenForged):
        read(given[0], subjects=known, now=NOW, lifetime=DAY)


def test_ids_are_drawn_anew_and_fit_the_database() -> None:
    drawn = {replace(SHOWING, id=tokens._new_id()).id for _ in range(1000)}
    assert len(drawn) == 1000
    assert all(0 <= number < 2**63 for number in drawn)


def test_a_token_tells_nobody_s_pseudonym(ann: str) -> None:
    assert ann.encode() not in tokens._decoded(sign(SHOWING, subject=ann))

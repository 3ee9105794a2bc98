"""Clubs: who belongs to one takes its bundles and its items, and nothing else is to be known."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from bundle_ml.for_users.histories import Histories, Ones

CLUBS, MEMBERS, BUNDLES_EACH, ITEMS_EACH = 4, 30, 8, 12


def ones(cells: object) -> Ones:
    return scipy.sparse.csr_array(np.asarray(cells, np.float32))


def club_of_user() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.repeat(np.arange(CLUBS), MEMBERS)


def clubs(*, seed: int = 0, with_items: bool = True) -> tuple[Histories, Ones, Ones]:
    """Return histories, and two more bundles of each user: held out, and to be found.

    A bundle holds four items of its club. Of a club's eight bundles a user has four, and of its twelve items five.
    """
    random = np.random.default_rng(seed)
    users, bundles, items = CLUBS * MEMBERS, CLUBS * BUNDLES_EACH, CLUBS * ITEMS_EACH
    known, held_out, hidden = (np.zeros((users, bundles)) for _ in range(3))
    users_items, contents = np.zeros((users, items)), np.zeros((bundles, items))
    for user, club in enumerate(club_of_user()):
        order = club * BUNDLES_EACH + random.permutation(BUNDLES_EACH)
        known[user, order[:4]] = held_out[user, order[4:5]] = hidden[user, order[5:7]] = 1
        users_items[user, club * ITEMS_EACH + random.permutation(ITEMS_EACH)[:5]] = with_items
    for bundle in range(bundles):
        contents[bundle, bundle // BUNDLES_EACH * ITEMS_EACH + random.permutation(ITEMS_EACH)[:4]] = 1
    histories = Histories(bundles_UB=ones(known), items_UI=ones(users_items), contents_BI=ones(contents))
    return histories, ones(held_out), ones(hidden)

"""Sessions whose bundles are known: a shopper plans a trip and a meal at once, and looks at a gift besides."""

from __future__ import annotations

import random

from bundle_ml.for_sessions.sessions import Goods, Session

NEEDS = ("Camping", "Cooking", "Painting", "Cycling")
ITEMS_PER_NEED, GIFTS = 15, 20


def goods() -> Goods:
    titles = [f"{need} {word} {number}" for need in NEEDS for number in range(ITEMS_PER_NEED) for word in ("thing",)]
    paths = [((("Shop", need, f"{need} {number % 3}"),)) for need in NEEDS for number in range(ITEMS_PER_NEED)]
    titles += [f"Gift {number}" for number in range(GIFTS)]
    return Goods(
        tuple(titles), tuple((path,) for path in (*(path[0] for path in paths), *[("Shop", "Gifts", "Gifts")] * GIFTS))
    )


def sessions(count: int, *, seed: int = 0) -> tuple[Session, ...]:
    """In each two needs of two or three items, a bundle each, and one gift that belongs to neither."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        bundles = []
        for need in chance.sample(range(len(NEEDS)), 2):
            of_need = range(need * ITEMS_PER_NEED, (need + 1) * ITEMS_PER_NEED)
            bundles.append(frozenset(chance.sample(of_need, chance.choice((2, 3)))))
        items = [item for bundle in bundles for item in sorted(bundle)]
        items.append(len(NEEDS) * ITEMS_PER_NEED + chance.randrange(GIFTS))
        chance.shuffle(items)
        made.append(Session(tuple(items), tuple(bundles)))
    return tuple(made)

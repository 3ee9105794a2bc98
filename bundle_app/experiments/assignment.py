"""Which visitor is in which arm: a function of the experiment's salt and the visitor's pseudonym, stored nowhere.

The same visitor is in the same arm for as long as the weights stay, and where two experiments have two salts, the arm
in one tells nothing of the arm in the other. A visitor whom the shop does not know would be in another arm on each
page, and is in none.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence


def place(salt: str, subject: str) -> float:
    """The visitor's place in [0, 1): the first 53 bits of HMAC-SHA256(salt, subject), which a float holds exactly.

    >>> place("tea", "anna") == place("tea", "anna") != place("coffee", "anna")
    True
    """
    digest = hmac.digest(salt.encode(), subject.encode(), "sha256")
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def assigned(salt: str, subject: str, weights: Sequence[int], *, traffic_percent: int = 100) -> int | None:
    """The position of the visitor's arm among `weights`; None for whoever takes no part.

    Taking part and the arm are drawn apart, so that letting in more visitors moves nobody to another arm.

    >>> [assigned("tea", name, [1, 1]) for name in ("anna", "frida", "ida", "")]
    [0, 1, 0, None]
    """
    if not subject or place(f"{salt} traffic", subject) * 100 >= traffic_percent:
        return None
    mark, passed = place(salt, subject) * sum(weights), 0
    for position, weight in enumerate(weights):
        passed += weight
        if mark < passed:
            return position
    raise ValueError(f"The weights are {list(weights)}; expected whole numbers of at least 1.")

"""What bundles beside products are about: by it, what is learned of one arm says something of others.

An arm's *core* is its anchor and its first companion. So a pair and the triples grown from it have one core, and a pair
has it on the pages of both its products.

Shapes: R arms.
"""

from __future__ import annotations

import numpy as np

from bundle_ml.clicks.truth import Numbers


def cores(anchors_R: Numbers, firsts_R: Numbers) -> Numbers:
    """Number the cores of arms from 0, given their anchors and their first companions, items by number; (R,).

    Beside item 7 stand {1}, {1, 2} and {3}, beside item 1 stands {7}:

    >>> cores(np.array([7, 7, 7, 1]), np.array([1, 1, 3, 7])).tolist()
    [0, 0, 1, 0]
    """
    ends_R2 = np.sort(np.column_stack([anchors_R, firsts_R]), axis=1)
    _, numbers_R = np.unique(ends_R2, axis=0, return_inverse=True)
    return np.asarray(numbers_R.reshape(-1))

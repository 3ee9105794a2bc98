"""Learn from a shop's orders which things belong together, and compose bundles from it.

    python -m bundle_ml train --lines lines.csv --items items.jsonl --out artefact/

The package knows nothing of Django, of HTTP or of money. Files go in, one directory comes out (an *artefact*: JSON and
safetensors, never a pickle), and whoever publishes bundles reads that directory with `bundle_ml.artefact`, which needs
neither torch nor scipy.

In reading order:

    catalogue, lines, baskets      files → vocabulary + compressed rows; every dropped line is counted
    cases, metrics                 hide an item of a later basket, ask for it, measure the answer
    rungs                          popularity, category, co-purchase, EASE: closed forms, right for small shops
    transformer, training          permutation language modelling over baskets; exact resume after a kill
    blend, weighing, ladder        a weighted sum of all, its weights fitted on held-out baskets; which rung a shop gets
    substitutes, generation        beam search from an anchor, with a decision to stop
    histories, views, personal     what one shopper bought and looked at, and what ranks by it
    personal_learning              choose, weigh and judge that on the same slices
    recommending                   an artefact and a past that is handed in → what comes next
    artefact                       write atomically, verify every byte, read candidates
    learning, pipeline             what is fitted on which baskets, the table that every model carries; the whole run
    for_users                      ready-made bundles ranked for a user, by what the user has
    clicks                         ranking and composing by what shoppers click; how far to believe what was learned
    benchmark                      these models and other packages' on the same questions, one judge for all

What is unusual: the plain statistics are part of the model and stand beside it in every table, and a rung of the
ladder is refused when a simpler one ranks held-out baskets better. What is left out, on purpose: whatever remembers
a shopper, sessions, positions in a basket, negative sampling.
"""

from __future__ import annotations

__version__ = "0.1.0"

"""Find the bundles in what one shopper looked at: in a session of ten things, which of them belong together?

A session is small and most of its items are seen once, so what is bought together says little. What people said of
other sessions does: which pairs of them they put into one bundle, and what titles and category paths those had.

In reading order:

    sessions      items with titles and category paths; sessions, and the bundles that people found in them
    pairs         how likely two items of a session are to share a bundle
    subsets       every subset of a session, described by its pairs
    finding       learn from sessions with known bundles, then choose subsets

What is unusual: nothing is searched for. A session of ten items has a thousand subsets, and all are looked at; of a
larger one the ten items are, that belong together most.
"""

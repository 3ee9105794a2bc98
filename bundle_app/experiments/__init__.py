"""Which of several ways sells better: visitors are divided among them, and what they do is compared.

    assignment   which visitor is in which arm
    sequential   intervals that may be looked at every day, and whether the split is what was asked for
    planning     how long it will take, simulated before it is started
    running      what serving asks: the arms of whoever is looking at a place
    observing    what each visitor did, out of the events
    counting     the same in rows, written nightly, which is what pages read
    results      the comparison: figures, intervals, guardrails, and a recommendation in words
    deciding     start, stop, promote

What is unusual is that a visitor counts once, when a fixed time after their first sight is over, with what they did in
it. So those counted by a day are a sample of the same kind as all others, and what was counted never changes.
"""

from __future__ import annotations

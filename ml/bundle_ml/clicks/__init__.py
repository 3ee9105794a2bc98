"""Learn from what shoppers click, add and buy: what is shown where, what is composed, and whether to believe it.

In reading order:

    truth                 what a simulator must be able to say; pages, answers, openings
    latent_needs, visits  the simulator that ships: shoppers with needs that nobody sees
    needs                 its needs fitted to a shop's own orders
    counts, cores         sums of impressions; which bundles are about the same
    bandit                which candidates stand where, with exact propensities
    estimators            what another policy would have earned, from the log of this one
    always_valid, gate    when a policy goes live, and when it is rolled back
    composing             bundles composed step by step, many at once
    environment           one at a time, by Gymnasium's interface (extra `rl`)
    composer, reinforce   a policy network that starts as the supervised model, and how it is taught
    showings, taught      what a shop's log of showings teaches about composing
    nightly               what it teaches about the order: a shop's night
    trial, experiments    policies on simulated visits; every figure of the report
    peers, kept, command  other packages' bandits beside ours; `python -m bundle_ml clicks`, which can be stopped

What is unusual: the bandit has no sampling in it, so that a web process can say exactly how likely what it showed was;
and all that was learned from clicks is bounded by known buyers' clicks and everybody's purchases, since a bot clicks
for nothing. A web process needs `counts`, `bandit`, `estimators` and `gate`, which need numpy alone. Nobody's clicks
are stored here: what is kept are sums.
"""

from __future__ import annotations

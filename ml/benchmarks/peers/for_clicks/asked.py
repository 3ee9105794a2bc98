"""The life of a peer that learns from clicks: told of a day's pages it says what to show, told of clicks it learns.

Lines of JSON come in on stdin and name files of arrays; a line goes out when each is done. Every peer is one bandit of
MABWiser per anchor, with the candidates for arms and the place (the first, when asked) for context. Arms of that
library share one context vector, so the supervised score comes as a start: so many impressions of each arm at the rate
that ours starts from. The shopper's context was left out: with it all did worse on a seed that the report does not use.
So were chosen the widths of exploration.

    {"begin": FILE}  features_RHF, anchor_of_R, promised_RH, slot_count, seed
    {"show": FILE, "out": FILE}  arms_NC, contexts_N -> columns_NK
    {"learn": FILE}  arms_NC, contexts_N, columns_NK, clicks_NK
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import numpy as np
from mabwiser.mab import MAB, LearningPolicy


class Bandits:
    def __init__(self, policy: Callable[[], object], begin, *, start_impressions: int) -> None:
        self.slot_count, self.column_count = int(begin["slot_count"]), np.bincount(begin["anchor_of_R"]).max()
        self.context_count = begin["promised_RH"].shape[1]
        self.of_anchor = {}
        for anchor in np.unique(begin["anchor_of_R"]).tolist():
            arms = np.flatnonzero(begin["anchor_of_R"] == anchor)
            bandit = MAB(list(range(len(arms))), policy(), seed=int(begin["seed"]) + anchor)
            decisions = np.repeat(np.arange(len(arms)), self.context_count * start_impressions)
            bandit.fit(
                decisions,
                begin["promised_RH"][arms].ravel().repeat(start_impressions),
                self.seen(np.zeros_like(decisions)),
            )
            self.of_anchor[anchor] = bandit

    def seen(self, places):
        """The place and a constant as one vector."""
        return np.hstack([np.ones((len(places), 1)), np.eye(self.slot_count)[places][:, 1:]])

    def show(self, arms_NC, contexts_N):
        columns = np.empty((len(arms_NC), self.slot_count), np.int64)
        anchors = arms_NC[:, 0] // self.column_count
        for anchor in np.unique(anchors).tolist():
            rows = np.flatnonzero(anchors == anchor)
            found = self.of_anchor[anchor].predict_expectations(self.seen(np.zeros_like(rows)))
            found = [found] if isinstance(found, dict) else found
            values = np.asarray([[each[column] for column in range(self.column_count)] for each in found])
            columns[rows] = np.argsort(-values, axis=1, kind="stable")[:, : self.slot_count]
        return columns

    def learn(self, arms_NC, contexts_N, columns_NK, clicks_NK):
        anchors = arms_NC[:, 0] // self.column_count
        for anchor in np.unique(anchors).tolist():
            rows = np.flatnonzero(anchors == anchor)
            places = np.tile(np.arange(self.slot_count), len(rows))
            self.of_anchor[anchor].partial_fit(
                columns_NK[rows].ravel(), clicks_NK[rows].ravel().astype(float), self.seen(places)
            )


def run(policy: Callable[[], object], *, start_impressions: int) -> None:
    bandits = None
    for line in sys.stdin:
        message = json.loads(line)
        if "begin" in message:
            bandits = Bandits(policy, np.load(message["begin"]), start_impressions=start_impressions)
        elif "show" in message:
            np.save(message["out"], bandits.show(**np.load(message["show"])))
        else:
            bandits.learn(**np.load(message["learn"]))
        sys.stdout.write("done\n")
        sys.stdout.flush()


__all__ = ["LearningPolicy", "run"]

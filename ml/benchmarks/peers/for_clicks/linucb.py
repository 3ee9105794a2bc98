"""LinUCB: a linear model an arm, ranked by its upper confidence bound."""

from __future__ import annotations

from asked import LearningPolicy, run

if __name__ == "__main__":
    run(lambda: LearningPolicy.LinUCB(alpha=0.3, l2_lambda=1.0), start_impressions=1)

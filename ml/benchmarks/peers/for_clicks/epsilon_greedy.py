"""ε-greedy: a linear model an arm; one page in twenty is in random order."""

from __future__ import annotations

from asked import LearningPolicy, run

if __name__ == "__main__":
    run(lambda: LearningPolicy.LinGreedy(epsilon=0.05, l2_lambda=1.0), start_impressions=1)

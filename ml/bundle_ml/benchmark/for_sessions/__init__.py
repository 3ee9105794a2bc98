"""Bundles that people found in shopping sessions: ours and others' models against that ground truth.

    python -m bundle_ml benchmark --dataset bundlerec --peers all --json results.json

Three domains (electronic, clothing, food) in one run; `bundlerec_food` is one alone. The protocol:

* A session is what one shopper looked at, two to ten items with titles and category paths; crowd workers marked the
  bundles in it, which may overlap. Sessions in which nobody found a bundle are left out, as the authors of the data
  leave them out. Half of the sessions teach, 15 % choose settings, 35 % judge; drawn at random, seeded, once.
* A model is shown the items of a test session and names bundles in it. Marks are by the definition of the authors'
  evaluation (Sun et al. 2022, bundle detection): a named bundle is a **hit** where it lies inside a bundle that people
  found; precision is the share of a session's named bundles that hit, recall the share of its true bundles that are
  hit, both averaged over sessions; F1 of the two averages; coverage is the share of a true bundle that the largest hit
  holds, 0 where there is none, averaged over true bundles.
* By that definition two items are as good as the whole bundle, and naming every pair of a session misses nothing. So
  beside it stands **overlap**: precision is the average Jaccard of a named bundle with the true one nearest to it,
  recall that of a true bundle with the nearest named one, F1 of both. It is highest where just the true bundles are
  named.
* What is best for one measure is bad for the other. Every model is tuned for each and hands in a list of bundles for
  each, and each F1 is of the list that was tuned for it.
* 95 % bootstrap intervals over sessions, the same draws for all models.

    datasets      the published files → items and sessions
    protocol      what a model may see, as a folder, and what it hands in
    judging       bundles → marks
    own           our finder, as one process
    command, report
"""

"""Ready-made bundles for a user: ours and others' models on the public splits of that task.

    python -m bundle_ml benchmark --dataset youshu --json results.json

The protocol, which is that of the literature (BGCN, CrossCBR, MultiCBR) so that its figures can stand beside ours:

* The split of users' bundles into train, tune and test is the published one. A model fits on train and chooses settings
  on tune; it is not fitted again on both. Users' items and bundles' contents are known to all.
* For each user with a bundle in test all bundles are ranked but those of the user in train. A bundle in tune is still
  ranked, though it is no right answer: so the published evaluations do it, and the best possible mark is below 1.
* Recall@20 and NDCG@20, with 95 % bootstrap intervals over users, the same draws for all models.

As in the benchmark of baskets, a model is a process that reads a folder and hands in lists; the bundles of test are
never written where it could read them.

    datasets      the published files → tables
    protocol      what a model may see, as a folder
    judging       lists → marks
    own           our ranking and each of its parts, as one process
    report, command
"""

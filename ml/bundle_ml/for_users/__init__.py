"""Rank ready-made bundles for a user.

Three tables say who took which bundle, who took which item, and what is in a bundle.

In reading order:

    histories     the three tables, and what they must be
    parts         four closed forms, each a reason to show a bundle that can be said in one sentence
    measures      Recall@k and NDCG@k where a user has several answers
    weighing      how much each reason counts, found on held-out bundles by the measures themselves
    ranking       fit all of it, rank every bundle

What is unusual: nothing is trained by gradient. The strongest part is EASE over a user's bundles and items at once,
those in the bundles included where that helps, solved in whichever of its two forms is the smaller. What is left out,
on purpose: embeddings of users, negative sampling.
"""

"""One benchmark for every model, ours and others', on a public data set or on a shop's own order file.

    python -m bundle_ml benchmark --orders orders.csv --json results.json

The protocol of the first task, in words (those of the others stand in `next_basket` and `visit`):

* Orders of two or more items are cut 80/10/10 in time, or at random (seeded) where none has a time. The vocabulary is
  what at least five baskets of the first slice hold; other items are taken out of every slice, and baskets with fewer
  than two items left are dropped.
* Of each basket some items are shown and one is hidden: one, two or four shown, or all but the hidden one. In the third
  slice it is the same item each time. A model answers with its first hundred items of the whole vocabulary without
  those shown.
* A model tunes on the second slice, with the same budget of processor seconds as every other, is fitted once more on
  the first two slices with what it chose, and answers. The hidden items of the third slice are never written where a
  model could read them.
* One judge reads all lists: NDCG@10, Recall@10 and @20, MRR over the hundred, catalogue coverage of the first ten,
  each with a 95 % bootstrap interval over baskets, the same draws for all models.

In reading order:

    datasets              a name or a file → orders
    protocol              orders → slices, vocabulary and questions; what a model may see is written to a folder
    answers, judging      lists and costs that a model hands in → marks
    next_basket, visit    other questions: what a shopper buys next, and what goes into the basket of one who is known
    tasks                 the questions side by side, and all that differs between them
    own, own_…            our models, as one process among the others
    peers, processes      other packages' models, each in a process with a time limit; a failure is a row that says why
    comparison, report    who leads by how much; JSON, a table and plots
    command               all of it in order
    for_users             the same for ready-made bundles and users, on the published splits of that task

What is unusual: models are told apart from their judge by files. Our own are measured as processes, by the lists that
they hand in, like anybody's. Other packages live in an environment of their own (`ml/benchmarks` in the source tree).
"""

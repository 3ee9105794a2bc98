"""How bundles do: the daily figures added up for people.

rates       a share of something, with its interval, and its change
period      some days, and as many before them
selection   which showings are asked about, and by what they are told apart
adding      figures of a selection: a few queries, however many bundles there are
measures    what can be shown of figures, under which name and in which form
naming      what bundles, products and versions are called
pictures    figures as SVG
"""

from __future__ import annotations

"""How bundles do: the daily figures added up for people.

rates       a share of something, with its interval, and its change
period      some days, and as many before them
selection   which showings are asked about, and by what they are told apart
adding      figures of a selection: a few queries, however many bundles there are
naming      what groups are called
"""

from __future__ import annotations

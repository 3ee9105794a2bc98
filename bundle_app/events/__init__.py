"""What became of the bundles that were shown: seen, clicked, added, dismissed, bought.

tokens        the signed word that names a showing; nothing is stored when a bundle is shown
subjects      pseudonyms of visitors
intake        what the beacon sends, checked and written
attribution   sales of the shop's order table, credited to showings
aggregation   daily figures, and the end of old events
importing     a shop's own log
erasure       a person out of all of it
"""

from __future__ import annotations

"""What became of the bundles that were shown, written for the learning process: it teaches what is composed next.

Nobody's pseudonym is written: visitors are numbered as they come. Carts are left out, since what was shown there was
shown for all that lay in them; so is what was shown on no product's page.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Max, Min, Q, QuerySet
from django.utils import timezone

from bundle_app import conf
from bundle_app.models import BundlePart, Event
from bundle_app.models.score import CONTEXT_MARK, SHOP_WIDE
from bundle_app.policy.learning import BATCH_SIZE, Window, known_buyers, rewards_by_showing

COLUMNS = (
    "anchor_key", "item_keys", "place", "place_count", "reward", "propensity", "visitor", "is_buyer", "shown_at",
)  # fmt: skip


def export_showings(path: Path, *, now: datetime | None = None) -> int:
    """Write the showings of `POLICY_DAYS` as CSV with a header; return how many there are."""
    moment, settings = now or timezone.now(), conf.load()
    window = Window(moment - timedelta(days=settings.policy_days), moment)
    shown = window.events().exclude(Q(placement="cart") | Q(anchor_key=SHOP_WIDE))
    shown = shown.exclude(anchor_key__startswith=CONTEXT_MARK)
    places = dict(shown.values("placement").values_list("placement").annotate(count=Max("slot")))
    earned = rewards_by_showing(shown, window.purchases(), settings.rewards)
    items, buyers = _items(shown), frozenset(known_buyers(window))
    fields = ("showing", "anchor_key", "bundle_id", "slot", "placement", "propensity")
    rows = shown.values(*fields).annotate(visitor=Max("subject"), at=Min("shown_at"))
    number_of: dict[str, int] = {}
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows.values_list(*fields, "visitor", "at").order_by("showing").iterator(chunk_size=BATCH_SIZE):
            showing, anchor_key, bundle_id, slot, placement, propensity, visitor, at = row
            others = [key for key in items[bundle_id] if key != anchor_key]
            number = number_of.setdefault(visitor or f"showing {showing}", len(number_of))
            cells = (slot, places[placement], earned.get(showing, 0.0), propensity, number)
            writer.writerow((anchor_key, json.dumps(others), *cells, "ft"[visitor in buyers], at.isoformat()))
            count += 1
    return count


def _items(shown: QuerySet[Event]) -> defaultdict[int, list[str]]:
    """The items of each bundle that was shown, in its order."""
    items: defaultdict[int, list[str]] = defaultdict(list)
    parts = BundlePart.objects.filter(bundle__in=shown.values("bundle")).order_by("bundle", "position")
    for bundle_id, key in parts.values_list("bundle_id", "item_key").iterator(chunk_size=BATCH_SIZE):
        items[bundle_id].append(key)
    return items

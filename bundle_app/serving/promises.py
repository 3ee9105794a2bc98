"""The price that a visitor's arm of an experiment has shown, held from the page to the cart and the checkout.

An arm's price is promised by the token of the showing, not by who is asking: whoever logs in between is another
visitor to `assigned`, and still pays what the page said. It is held while the experiment runs; after that a bundle
costs what it costs everybody, as after any change of its price.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Exists

from bundle_app.events import tokens
from bundle_app.exceptions import TokenRefused
from bundle_app.models import Arm, Experiment
from bundle_app.models.experiment import arms_in


def experiments_about_prices() -> Exists:
    """Whether there are any in force, as a part of another query."""
    return Exists(Experiment.objects.in_force().filter(kind=Experiment.Kind.DISCOUNT))


def arms_with_prices() -> list[Arm]:
    """Their arms: one query."""
    experiments = Experiment.objects.in_force().filter(kind=Experiment.Kind.DISCOUNT)
    return list(Arm.objects.filter(experiment__in=experiments).select_related("experiment"))


def promised_percent(arms: Iterable[Arm], *, bundle_id: int, impression: str) -> Decimal | None:
    """What a showing of this bundle promised to take off, else what is in effect for everybody; None for neither."""
    words = _words(bundle_id, impression)
    shown = [arm for arm in arms if (arm.experiment_id, arm.key) in words and not arm.experiment.is_in_effect]
    in_effect = [arm for arm in arms if arm.experiment.decided_arm_id == arm.pk and arm.experiment.is_in_effect]
    percents = [arm.discount_percent for arm in (*shown, *in_effect) if arm.discount_percent is not None]
    return percents[0] if percents else None


def _words(bundle_id: int, impression: str) -> set[tuple[int, str]]:
    """Of the token's arms; none of one that is not ours, or that was given for another bundle."""
    try:
        showing = tokens.read_kept(impression)
    except TokenRefused:
        return set()
    return set(arms_in(showing.arm)) if showing.bundle_id == bundle_id else set()

"""Every number that a shop may want to turn, with its meaning.

Unusual: how long the Transformer trains is a budget of floating-point operations, not of seconds, so that two machines
of different speed train the same model.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from bundle_ml.errors import SettingsError

HIGHEST_COUNT, HIGHEST_NUMBER = 2**31 - 1, 1e100
"""No setting means anything above; NaN and infinity are out of every range as well."""


class Bounds(NamedTuple):
    """The values that a setting may take.

    >>> str(Bounds(0, 1, below=True)), 1.0 in Bounds(0, 1, below=True)
    ('at least 0 and less than 1', False)
    """

    low: float
    high: float = HIGHEST_COUNT
    above: bool = False
    """The lowest value itself is out of range."""
    below: bool = False
    """The highest value itself is out of range."""

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float):
            return False
        at_excluded_end = (self.above and value == self.low) or (self.below and value == self.high)
        return self.low <= value <= self.high and not at_excluded_end

    def __str__(self) -> str:
        lowest, highest = "more than" if self.above else "at least", "less than" if self.below else "at most"
        return f"{lowest} {self.low} and {highest} {self.high}"


NOT_NEGATIVE, AT_LEAST_ONE, POSITIVE = Bounds(0), Bounds(1), Bounds(0, HIGHEST_NUMBER, above=True)
SHARE, LESS_THAN_ALL = Bounds(0, 1), Bounds(0, 1, below=True)
BOUNDS: Mapping[str, Bounds] = {
    "seed": NOT_NEGATIVE,
    "max_basket_items": AT_LEAST_ONE,
    "validation_ratio": LESS_THAN_ALL,
    "test_ratio": LESS_THAN_ALL,
    "case_limit": NOT_NEGATIVE,
    "blend_draws": AT_LEAST_ONE,
    "bootstrap_samples": AT_LEAST_ONE,
    "popularity_half_life_days": POSITIVE,
    "co_purchase_exponent": NOT_NEGATIVE,
    "cosine_length_exponent": NOT_NEGATIVE,
    "ease_l2": POSITIVE,
    "ease_half_life_days": POSITIVE,
    "ease_length_exponent": NOT_NEGATIVE,
    "ease_dropout": LESS_THAN_ALL,
    "ease_for_few_dropout": LESS_THAN_ALL,
    "ease_max_items": NOT_NEGATIVE,
    "ease_companions": NOT_NEGATIVE,
    "neighbour_count": AT_LEAST_ONE,
    "training_teraflops": POSITIVE,
    "width": AT_LEAST_ONE,
    "epochs": AT_LEAST_ONE,
    "layer_count": AT_LEAST_ONE,
    "head_count": AT_LEAST_ONE,
    "context_length": Bounds(2),
    "batch_baskets": AT_LEAST_ONE,
    "learning_rate": POSITIVE,
    "dropout": LESS_THAN_ALL,
    "patience_epochs": AT_LEAST_ONE,
    "cool_down_ratio": NOT_NEGATIVE,
    "refresh_ratio": SHARE,
    "refresh_rate_ratio": NOT_NEGATIVE,
    "warm_start_ratio": POSITIVE,
    "warm_start_rate_ratio": POSITIVE,
    "warm_starts_in_a_row": NOT_NEGATIVE,
    "full_softmax_max_items": NOT_NEGATIVE,
    "drawn_competitors": AT_LEAST_ONE,
    "checkpoint_seconds": NOT_NEGATIVE,
    "co_purchase_min_baskets": NOT_NEGATIVE,
    "ease_min_baskets": NOT_NEGATIVE,
    "transformer_min_baskets": NOT_NEGATIVE,
    "gate_min_cases": NOT_NEGATIVE,
    "item_min_orders": AT_LEAST_ONE,
    "personal_min_shoppers": AT_LEAST_ONE,
    "max_bundle_size": Bounds(2),
    "candidates_per_anchor": AT_LEAST_ONE,
    "context_count": NOT_NEGATIVE,
    "context_min_orders": AT_LEAST_ONE,
    "shop_wide_count": NOT_NEGATIVE,
    "beam_width": AT_LEAST_ONE,
    "min_together": NOT_NEGATIVE,
    "min_lift": NOT_NEGATIVE,
    "stop_ratio": SHARE,
    "max_overlap_ratio": SHARE,
    "template_weight": NOT_NEGATIVE,
    "duplicate_ratio": SHARE,
    "shop_bundle_count": AT_LEAST_ONE,
    "diversity": SHARE,
    "quantity_min_orders": AT_LEAST_ONE,
    "quantity_ratio": SHARE,
    "max_quantity": AT_LEAST_ONE,
    "substitute_together_ratio": SHARE,
    "substitute_probability": SHARE,
    "variant_together_ratio": POSITIVE,
    "longer_title_together_ratio": POSITIVE,
    "variant_cosine": POSITIVE,
    "max_variants": AT_LEAST_ONE,
    "threads": Bounds(0, 4096),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one training run; the defaults suit shops of any size."""

    seed: int = 0

    # Baskets
    max_basket_items: int = 1000
    """Orders with more distinct items are stock transfers rather than shopping; they are dropped and counted."""

    # Held-out slices: the last baskets in time are the test, those just before them the validation slice.
    validation_ratio: float = 0.1
    test_ratio: float = 0.1
    case_limit: int = 4000
    """Held-out baskets looked at per context size."""
    blend_draws: int = 3
    """How often each held-out basket is asked, each time for another item, to fit the blend."""
    bootstrap_samples: int = 1000

    # The closed-form rungs
    popularity_half_life_days: tuple[float, ...] = (15.0, 60.0, 365.0)
    """Candidates; the one that ranks the validation slice best is taken."""
    co_purchase_exponent: float = 0.7
    cosine_length_exponent: float = 0.5
    """How much less long baskets count in the cosine, a part of the blend."""
    ease_l2: tuple[float, ...] = (10.0, 30.0, 100.0, 300.0)
    """Candidates for EASE's regularisation; chosen like the half-life of popularity, as is the next."""
    ease_half_life_days: tuple[float, ...] = (120.0, 365.0, 10_000.0)
    ease_length_exponent: float = 0.5
    """Above 0, long baskets count less."""
    ease_dropout: float = 0.2
    ease_for_few_dropout: float = 0.8
    """The blend holds EASE a second time, fitted to rebuild baskets of which few items are shown."""
    ease_max_items: int = 8000
    """EASE inverts a dense matrix of this size at most ..."""
    ease_companions: int = 50
    """... and solves for each rarer item with so many of its companions; 0 leaves those to co-purchase."""
    neighbour_count: int = 400
    """Strongest neighbours kept per item."""

    # The Transformer. None: chosen from the size of the data.
    training_teraflops: float = 14.0
    width: int | None = None
    epochs: int | None = None
    layer_count: int = 1
    head_count: int = 4
    context_length: int = 24
    """Items drawn from a basket each time it is seen."""
    batch_baskets: int = 64
    learning_rate: float = 1.5e-3
    dropout: float = 0.1
    patience_epochs: int = 3
    """Stop when the validation slice has not improved for so many epochs ..."""
    cool_down_ratio: float = 0.5
    """... and train the best epoch's weights on, at a falling rate, for so large a part of the epochs before it."""
    refresh_ratio: float = 0.33
    """Share of the baskets, the most recent ones, that the finished network is taught once more (see `refreshing`)."""
    refresh_rate_ratio: float = 0.5
    warm_start_ratio: float = 0.1
    """Share of a cold run's epochs that a run takes which starts from an earlier artefact (see `warm`)."""
    warm_start_rate_ratio: float = 0.5
    """Its learning rate, relative to a cold run's."""
    warm_starts_in_a_row: int = 13
    """After so many the next run starts cold, so that no mistake is handed down for ever."""
    full_softmax_max_items: int = 5_000
    """In a larger catalogue the items of a batch compete with a draw of the others, not with all (see `sampling`)."""
    drawn_competitors: int = 2048
    checkpoint_seconds: float = 20.0

    # The ladder: baskets of two or more items that a shop must have for a rung, and orders that an item must have.
    co_purchase_min_baskets: int = 20
    ease_min_baskets: int = 200
    transformer_min_baskets: int = 2000
    gate_min_cases: int = 30
    """With fewer held-out baskets, rungs are allowed by the thresholds alone."""
    item_min_orders: int = 3
    personal_min_shoppers: int = 100
    """Shoppers who must have come back in each held-out slice for a model that ranks by a past."""

    # Bundles
    max_bundle_size: int = 5
    candidates_per_anchor: int = 5
    context_count: int = 2000
    """Pairs of items for which bundles are composed, to be shown to whoever has both in hand; 0: none ..."""
    context_min_orders: int = 20
    """... each bought together in so many orders (see `contexts`)."""
    shop_wide_count: int = 50
    beam_width: int = 6
    min_together: int = 2
    """A part must have been bought with the anchor in so many orders ..."""
    min_lift: float = 1.5
    """... and so many times as often as chance would have it."""
    stop_ratio: float = 0.5
    """A bundle grows while the next part coheres with it at least so well, relative to the anchor's best partner."""
    max_overlap_ratio: float = 0.4
    """Two bundles of one anchor share at most this part of their other items (Jaccard)."""
    template_weight: float = 0.25
    """How much categories that make a set speak for a bundle, in typical spreads of a score per unit of log lift."""
    duplicate_ratio: float = 0.5
    """Bundles of different anchors that share more than this part of their items (Jaccard) are offered as one."""
    shop_bundle_count: int | None = None
    """Different bundles in the whole shop at most, every anchor's best ones first. None: as many as there are."""
    diversity: float = 0.3
    """In the list of the whole shop, how much a bundle loses that is like those before it (MMR); 0: nothing."""
    quantity_min_orders: int = 5
    """Orders that must hold the parts in one proportion for a bundle to hold more than one of each ..."""
    quantity_ratio: float = 0.5
    """... and the share of the orders with all parts that must be exceeded."""
    max_quantity: int = 12

    # Substitutes
    substitute_together_ratio: float = 0.05
    """Items bought together in more of the rarer one's orders than this are no substitutes."""
    substitute_probability: float = 0.8
    """Where orders say nothing, items are substitutes from this probability on."""
    variant_together_ratio: float = 0.9
    """Two variants of one product, known by their titles, share a bundle from this share of the rarer one's orders
    on; above 1 they never do."""
    longer_title_together_ratio: float = 0.6
    """The same where the one title holds all words of the other: it may be a phone's case instead of its colour."""
    variant_cosine: float = 0.72
    """Titles of one category so alike, words weighed by how rare they are, name variants as well."""
    max_variants: int = 60
    """A title pattern shared by more items is a naming scheme, not one product in several colours."""

    threads: int = 0
    """0: all cores."""

    def __post_init__(self) -> None:
        """Refuse values with which a run could only fail later."""
        for name, bounds in BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, tuple):
                valid = bool(value) and all(each in bounds for each in value)
                self._require(name, valid, f"a list of one or more numbers, each {bounds}")
            else:
                self._require(name, value is None or value in bounds, str(bounds))
        held_out = self.validation_ratio + self.test_ratio
        self._require("validation_ratio", held_out < 1, "less than 1 together with test_ratio")
        self._require("width", self.width is None or self.width % self.head_count == 0, "a multiple of head_count")

    def _require(self, name: str, valid: bool, expected: str) -> None:  # noqa: FBT001
        if not valid:
            raise SettingsError(f"Setting {name!r} is {reprlib.repr(getattr(self, name))}; expected {expected}.")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Read settings from JSON.

        Raises:
            SettingsError: a name is unknown (the nearest known one is named) or a value has the wrong type.
        """
        defaults = {field.name: field.default for field in fields(cls)}
        for name in values:
            if name not in defaults:
                nearest = difflib.get_close_matches(name, defaults, n=1)
                advice = f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(defaults)}."
                raise SettingsError(f"Unknown setting {name!r}. {advice}")
        return cls(**{name: _coerce(name, value, defaults[name]) for name, value in values.items()})

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def _coerce(name: str, value: Any, default: Any) -> Any:
    """Give a number from JSON the type of the default; one out of every range is left for `Settings` to refuse."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_whole = is_number and (isinstance(value, int) or value.is_integer())
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        return tuple(_coerce(name, each, 0.0) for each in value)
    if isinstance(default, float) and is_number:
        return float(value) if abs(value) <= HIGHEST_NUMBER else value
    if default is None and value is None:
        return None
    if isinstance(default, int | None) and is_whole:
        return int(value)
    raise SettingsError(f"Setting {name!r} is {reprlib.repr(value)}; expected something like {default!r}.")

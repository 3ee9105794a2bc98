"""The one setting, `BUNDLE_APP`, parsed into one frozen dataclass.

Nothing is cached: `load()` parses the dict anew, so `override_settings` works without ceremony. Keys of the dict are
the field names in capitals. What a field means is said below it, and nowhere else.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from math import inf
from pathlib import Path
from types import UnionType
from typing import Any

from django.conf import settings as django_settings

from bundle_app.exceptions import ConfigurationError
from bundle_app.pricing import Floor


def _default_work_dir() -> Path:
    return Path(tempfile.gettempdir()) / "bundle_app"


REWARDED = ("click", "add", "purchase")
KINDS = ("pair", "set", "content", "personal")
"""Kinds of bundles that a model composes."""

_RATE = r"\d+/(s|sec|second|m|min|minute|h|hour|d|day)", "a rate such as '120/min'"
_RATE_OR_NONE = f"(|{_RATE[0]})", "a rate such as '1200/min', or '' for no limit"
WORDS: Mapping[str, tuple[str, str]] = {
    "CURRENCY": (r"[A-Z]{3}", "an ISO 4217 code such as 'EUR'"),
    "API_THROTTLE": _RATE,
    "EVENT_THROTTLE": _RATE,
    "EVENT_ADDRESS_THROTTLE": _RATE_OR_NONE,
    "ATTRIBUTION": (r"last|shared", "'last' or 'shared'"),
}
"""Settings that are words of a form: the form, and what it looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoActivation:
    """What a composed bundle must reach to go live by itself: in the score, and in the orders that hold all of it."""

    min_score: float = 0.0
    min_support: int = 0
    kinds: tuple[str, ...] = KINDS

    def admits(self, *, kind: str, score: float, support: int) -> bool:
        return kind in self.kinds and score >= self.min_score and support >= self.min_support


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a shop can set. Every field has a default that suits a shop on its first day."""

    adapter: str = "bundle_app.shop.FieldMapAdapter"
    """Dotted path of the class through which the app sees the shop."""

    map: Mapping[str, Any] = field(default_factory=lambda: {"preset": "tutorial"})
    """Where the shop keeps its order lines and products; read by FieldMapAdapter alone."""

    currency: str = "USD"
    """ISO 4217 code of prices whose model says none."""

    history_days: int | None = None
    """Learn from orders of the last so many days; None means from all of them."""

    queue: str = "bundles"
    """Celery queue of this app's tasks."""

    storage: str = "bundle_app"
    """Alias in STORAGES where models are kept. Without that alias they are kept below `work_dir`."""

    work_dir: Path = field(default_factory=_default_work_dir)
    """Local scratch space of the worker: exports and checkpoints."""

    auto_activate: AutoActivation | None = AutoActivation()
    """Whether composed bundles go live by themselves: True for all, False for none, or from some thresholds on:
    {"min_score": 0.2, "min_support": 10, "kinds": ["pair"]}. The others wait in review for a merchandiser."""

    discount_percent: Mapping[str, Decimal] = field(default_factory=dict)
    """Discount that a newly composed bundle starts with, by kind: {"pair": 0, "set": 10}."""

    min_price_ratio: Decimal = Decimal("0.5")
    """The floor: no bundle is sold for less than this share of what its parts cost singly, whatever its discount."""

    min_margin_ratio: Decimal = Decimal(0)
    """The floor where the shop's cost of a product is known: (price - cost) / price stays at or above this."""

    min_lines_ratio: Decimal = Decimal("0.5")
    """A new model that learned from fewer than this share of the live model's order lines waits for a person."""

    k_anonymity: int = 5
    """Counts of orders below this number are told to nobody, neither shoppers nor staff, and nor are numbers from which
    they follow (see `telling`). 1 hides nothing but what was never bought."""

    lease_seconds: int = 30
    """A training run that has not been heard of for so long is taken to be dead."""

    keep_versions: int = 3
    """How many published model versions keep their scores and files, so that they can be rolled back to."""

    import_max_bytes: int = 5 * 2**20
    """The largest file of bundles or rules that is taken in."""

    import_max_rows: int = 20_000
    """The most rows of such a file."""

    import_in_background_bytes: int = 8_192
    """Larger files are checked and applied by a worker; smaller ones at once, in the web process."""

    api_throttle: str = "120/min"
    """Rate limit of the REST interface, per visitor, as DRF writes it."""

    subject_key: str = ""
    """Secret under which visitors get their pseudonyms in the events; without it one is derived from SECRET_KEY. With
    one of its own, SECRET_KEY can be changed without making known visitors new ones."""

    exploration_ratio: Decimal = Decimal("0.05")
    """Of impressions, at most, that show another promising bundle instead of the best one, so that something can be
    learned of it. Never one that is paused or hidden, or worth less than `exploration_floor_ratio` of the best. 0: the
    order stands, and clicks teach nothing."""

    exploration_floor_ratio: Decimal = Decimal("0.3")
    """What is worth less than this share of a page's best bundle is never explored."""

    rewards: Mapping[str, float] = field(default_factory=lambda: {"click": 1.0, "add": 2.0, "purchase": 5.0})
    """What a click, an add to the cart and a purchase are worth to a policy that learns from them."""

    policy_days: int = 90
    """How many days back a policy looks."""

    policy_judge_days: int = 14
    """The last of them teach a policy nothing: they are what it is judged by."""

    showing_hours: int = 24
    """How long after a bundle was shown it may be seen, clicked, added or dismissed; later events are refused."""

    event_throttle: str = "120/min"
    """Rate limit of the events' endpoint, per visitor and in batches, as DRF writes it."""

    event_address_throttle: str = ""
    """The same per address, of all visitors together who come from it; without a rate there is no such limit. An office
    or a mobile network may have one address for thousands."""

    rewards_a_day: int = 3
    """How often a day one visitor's clicks on one bundle beside one product are learned from; so are adds and
    dismissals. What is beyond is kept and teaches nothing."""

    attribution: str = "last"
    """Which showing a sale is credited to: the "last" one that the shopper clicked or added, or all of them, "shared"
    equally."""

    attribution_days: int = 7
    """A sale is credited to what was shown or clicked at most so many days before."""

    refund_days: int = 35
    """For how long after an order its refunds and its cancellation take the reward back."""

    event_days: int = 180
    """Events older than so many days are deleted, once they are counted in the daily figures."""

    metrics_token: str = ""
    """Secret with which Prometheus asks for metrics; without one there is no such page. See `prometheus`."""

    compose_from_clicks: bool = True
    """Let what became of bundles that were shown teach what is composed, once that is judged better."""

    warm_start: bool = True
    """Whether a new model goes on from the live one's Transformer, which costs a fraction of starting from nothing."""

    train: Mapping[str, Any] = field(default_factory=dict)
    """Settings handed to bundle_ml, for instance {"max_bundle_size": 4, "seed": 7}."""

    @property
    def floor(self) -> Floor:
        """Below which no bundle is sold."""
        return Floor(price_ratio=self.min_price_ratio, margin_ratio=self.min_margin_ratio)


FIELD_BY_KEY = {item.name.upper(): item.name for item in fields(Settings)}


def load() -> Settings:
    """Parse `settings.BUNDLE_APP`.

    Raises:
        ConfigurationError: names the key, what was found and what is expected.
    """
    raw = getattr(django_settings, "BUNDLE_APP", {})
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"BUNDLE_APP is a {type(raw).__name__}; expected a dict such as {{'MAP': {{…}}}}.")
    return Settings(**{_field_name(key): _parsed(key, value) for key, value in raw.items()})


def _field_name(key: object) -> str:
    if isinstance(key, str) and key in FIELD_BY_KEY:
        return FIELD_BY_KEY[key]
    near = get_close_matches(str(key).upper(), FIELD_BY_KEY, n=1, cutoff=0.5)
    advice = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(sorted(FIELD_BY_KEY))}."
    raise ConfigurationError(f"BUNDLE_APP has the unknown key {key!r}. {advice}")


def _parsed(key: str, value: Any) -> Any:
    match key:
        case "WORK_DIR":
            return Path(_checked(key, value, str | Path, "a path"))
        case (
            "MIN_LINES_RATIO" | "MIN_PRICE_RATIO" | "MIN_MARGIN_RATIO" | "EXPLORATION_RATIO" | "EXPLORATION_FLOOR_RATIO"
        ):
            return _ratio(key, value)
        case "DISCOUNT_PERCENT" | "AUTO_ACTIVATE" | "REWARDS":
            return DICTS[key](value)
        case "MAP" | "TRAIN":
            return _checked(key, value, Mapping, "a dict")
        case "METRICS_TOKEN":
            return _secret(key, value)
        case "WARM_START" | "COMPOSE_FROM_CLICKS":
            return _checked(key, value, bool, "True or False")
        case "HISTORY_DAYS" if value is None:
            return None
        case (
            "HISTORY_DAYS"
            | "K_ANONYMITY"
            | "LEASE_SECONDS"
            | "KEEP_VERSIONS"
            | "IMPORT_MAX_BYTES"
            | "IMPORT_MAX_ROWS"
            | "IMPORT_IN_BACKGROUND_BYTES"
            | "SHOWING_HOURS"
            | "POLICY_DAYS"
            | "POLICY_JUDGE_DAYS"
            | "REWARDS_A_DAY"
            | "ATTRIBUTION_DAYS"
            | "REFUND_DAYS"
            | "EVENT_DAYS"
        ):
            return _positive(key, value)
        case _ if key in WORDS and not re.fullmatch(WORDS[key][0], str(value)):
            raise ConfigurationError(f"BUNDLE_APP[{key!r}] is {value!r}; expected {WORDS[key][1]}.")
        case _:
            return _checked(key, value, str, "a string")


def _ratio(key: str, value: Any) -> Decimal:
    """A share. A margin of 1 would ask for an endless price."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ConfigurationError(f"BUNDLE_APP[{key!r}] is {value!r}; expected a number from 0 to 1.")
    if key == "MIN_MARGIN_RATIO" and value == 1:
        raise ConfigurationError(f"BUNDLE_APP[{key!r}] is {value!r}; expected a number of at least 0 and below 1.")
    return Decimal(str(value))


def _checked(key: str, value: Any, kind: type | UnionType, expected: str) -> Any:
    if not isinstance(value, kind):
        raise ConfigurationError(f"BUNDLE_APP[{key!r}] is {value!r}; expected {expected}.")
    return value


def _secret(key: str, value: Any) -> str:
    """What was found is not told: it may be most of the secret."""
    if not isinstance(value, str) or not re.fullmatch(r"|[!-~]{16,}", value):
        raise ConfigurationError(
            f"BUNDLE_APP[{key!r}] is no such secret; expected at least 16 letters, digits and signs without spaces, "
            "such as `openssl rand -hex 24` prints."
        )
    return value


def _positive(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"BUNDLE_APP[{key!r}] is {value!r}; expected a whole number of at least 1.")
    return value


def _listed(names: tuple[str, ...]) -> str:
    """
    >>> _listed(("a", "b", "c"))
    "'a', 'b' or 'c'"
    """
    *first, last = map(repr, names)
    return f"{', '.join(first)} or {last}"


def _discounts(value: Any) -> dict[str, Decimal]:
    _checked("DISCOUNT_PERCENT", value, Mapping, "a dict such as {'pair': 0, 'set': 10}")
    parsed = {}
    for kind, percent in value.items():
        try:
            amount = Decimal(str(percent))
        except InvalidOperation:
            amount = Decimal(-1)
        if kind not in KINDS or not amount.is_finite() or not 0 <= amount < 100:
            raise ConfigurationError(
                f"BUNDLE_APP['DISCOUNT_PERCENT'] holds {kind!r}: {percent!r}; "
                f"expected {_listed(KINDS)}, each with a number of at least 0 and below 100."
            )
        parsed[kind] = amount
    return parsed


def _rewards(value: Any) -> dict[str, float]:
    expected = "a dict such as {'click': 1, 'add': 2, 'purchase': 5}, numbers of at least 0 and one above"
    _checked("REWARDS", value, Mapping, expected)
    are_numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in value.values())
    if not are_numbers or set(value) - set(REWARDED) or not all(0 <= each < inf for each in value.values()):
        raise ConfigurationError(f"BUNDLE_APP['REWARDS'] is {value!r}; expected {expected}.")
    if not any(value.values()):
        raise ConfigurationError(f"BUNDLE_APP['REWARDS'] is {value!r}; expected {expected}.")
    return {name: float(value.get(name, 0)) for name in REWARDED}


def _auto_activation(value: Any) -> AutoActivation | None:
    if isinstance(value, bool):
        return AutoActivation() if value else None
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"BUNDLE_APP['AUTO_ACTIVATE'] is {value!r}; expected True, False, "
            "or a dict such as {'min_score': 0.2, 'min_support': 10, 'kinds': ['pair']}."
        )
    for name, found in value.items():
        match name:
            case "min_score" | "min_support":
                kind, expected = (float, "a number") if name == "min_score" else (int, "a whole number")
                is_valid = isinstance(found, int | kind) and not isinstance(found, bool) and found >= 0
                expected += " of at least 0"
            case "kinds":
                is_valid = isinstance(found, list | tuple) and set(found) <= set(KINDS)
                expected = f"a list of some of {_listed(KINDS)}"
            case _:
                raise ConfigurationError(
                    f"BUNDLE_APP['AUTO_ACTIVATE'] has the unknown key {name!r}. "
                    "Known keys: min_score, min_support, kinds."
                )
        if not is_valid:
            raise ConfigurationError(f"BUNDLE_APP['AUTO_ACTIVATE'][{name!r}] is {found!r}; expected {expected}.")
    return AutoActivation(
        min_score=float(value.get("min_score", 0)),
        min_support=value.get("min_support", 0),
        kinds=tuple(value.get("kinds", KINDS)),
    )


DICTS = {"DISCOUNT_PERCENT": _discounts, "AUTO_ACTIVATE": _auto_activation, "REWARDS": _rewards}

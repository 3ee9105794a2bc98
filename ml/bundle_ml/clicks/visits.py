"""Visits of shoppers with latent needs to product pages: the truth that slot ranking is judged by.

A page shows a few of the bundles that the supervised model composed for its anchor. Who visits is drawn from a pool, so
people come back, to one favourite page above all; a bundle seen before is clicked less. A page's place counts by a
factor (people look from the top), the year moves the needs, and a few visits are bots'.

Within one draw of pages a shopper's earlier pages are not remembered yet: what was seen counts from the next draw on.

Shapes: N pages, C candidates, K places, R arms (A anchors by C columns), H contexts, L needs, F features, S shoppers,
M items of a bundle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bundle_ml.clicks.cores import cores
from bundle_ml.clicks.latent_needs import LEAST_AFFINITY, LatentNeeds
from bundle_ml.clicks.truth import EMPTY, Answers, Flags, Numbers, Openings, Pages, Reals

FAVOURITE_RATIO = 0.35
TRAFFIC_EXPONENT = 0.7
MOST_SEEN = 20


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    needs_N: Numbers
    bot_columns_N: Numbers
    """What a bot clicks; -1 for people."""

    def take(self, rows: Numbers) -> Hidden:
        return Hidden(self.needs_N[rows], self.bot_columns_N[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """A truth; see `truth.Truth` for what each part promises."""

    shop: LatentNeeds
    anchors_A: Numbers
    bundles_ACM: Numbers
    prior_R: Reals
    features_RHF: Reals
    click_RL: Reals
    main_need_S: Numbers
    is_known_S: Flags
    is_buyer_S: Flags
    favourite_S: Numbers
    seen_SR: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
    bot_ratio: float
    targets_A: Numbers | None = None

    @classmethod
    def generate(cls, seed: int, *, anchor_count: int = 100, shopper_count: int = 20_000) -> Visits:
        return cls.to(
            LatentNeeds.generate(seed=seed), seed=seed, anchor_count=anchor_count, shopper_count=shopper_count
        )

    @classmethod
    def to(
        cls,
        shop: LatentNeeds,
        *,
        seed: int,
        anchor_count: int = 100,
        candidate_count: int = 12,
        shopper_count: int = 20_000,
    ) -> Visits:
        """Let the supervised model compose candidates for the most popular items, and shoppers come."""
        random = np.random.default_rng([seed, 22])
        anchors_A = np.argsort(-shop.popularity_V, kind="stable")[:anchor_count]
        bundles_ACM, prior_AC = _compose(shop, anchors_A, candidate_count)
        flat_RM, anchor_R = bundles_ACM.reshape(-1, 2), np.repeat(anchors_A, candidate_count)
        main_need_S = random.integers(shop.need_count, size=shopper_count)
        traffic_A = np.arange(1, len(anchors_A) + 1) ** -TRAFFIC_EXPONENT
        return cls(
            shop=shop,
            anchors_A=anchors_A,
            bundles_ACM=bundles_ACM,
            prior_R=prior_AC.ravel(),
            features_RHF=_features(shop, flat_RM, prior_AC),
            click_RL=1 / (1 + np.exp(-shop.log_odds(anchor_R, flat_RM))),
            main_need_S=main_need_S,
            is_known_S=random.random(shopper_count) < shop.behaviour.known_shopper_ratio,
            is_buyer_S=random.random(shopper_count) < shop.behaviour.buyer_ratio,
            favourite_S=random.choice(len(anchors_A), size=shopper_count, p=traffic_A / traffic_A.sum()),
            seen_SR=np.zeros((shopper_count, prior_AC.size), np.uint8),
            bot_ratio=shop.behaviour.bot_ratio,
        )

    @property
    def slot_count(self) -> int:
        return len(self.shop.behaviour.place_bias)

    @property
    def anchor_of_R(self) -> Numbers:
        return np.repeat(np.arange(len(self.anchors_A)), self.bundles_ACM.shape[1])

    @property
    def core_of_R(self) -> Numbers:
        return cores(self.anchors_A[self.anchor_of_R], self.bundles_ACM[:, :, 0].ravel())

    def anew(self) -> Visits:
        return replace(self, seen_SR=np.zeros_like(self.seen_SR))

    def attacked(self, bot_ratio: float, targets: Numbers) -> Visits:
        """Bots click the given arm of each anchor; each visit of a bot is another shopper's."""
        return replace(self.anew(), bot_ratio=bot_ratio, targets_A=targets % self.bundles_ACM.shape[1])

    def draw(self, count: int, *, day: int, random: np.random.Generator) -> Pages:
        anchor_count, column_count = len(self.anchors_A), self.bundles_ACM.shape[1]
        traffic_A = np.arange(1, anchor_count + 1) ** -TRAFFIC_EXPONENT
        shoppers_N = random.integers(len(self.main_need_S), size=count)
        anywhere_N = np.searchsorted(np.cumsum(traffic_A / traffic_A.sum()), random.random(count)).clip(
            0, anchor_count - 1
        )
        anchors_N = np.where(random.random(count) < FAVOURITE_RATIO, self.favourite_S[shoppers_N], anywhere_N)
        mains_N = self.main_need_S[shoppers_N]
        shares_NL = self._need_shares(day)[anchors_N, mains_N]
        needs_N = (
            (np.cumsum(shares_NL, axis=1) < random.random(count)[:, None]).sum(axis=1).clip(0, self.shop.need_count - 1)
        )
        is_bot_N = random.random(count) < self.bot_ratio
        crawled_N = random.integers(column_count, size=count)
        targets_N = crawled_N if self.targets_A is None else self.targets_A[anchors_N]
        return Pages(
            arms_NC=anchors_N[:, None] * column_count + np.arange(column_count),
            contexts_N=np.where(self.is_known_S[shoppers_N] & ~is_bot_N, mains_N + 1, 0),
            shoppers_N=np.where(is_bot_N, -1 - shoppers_N, shoppers_N),
            is_bot_N=is_bot_N,
            day=day,
            hidden=Hidden(needs_N, np.where(is_bot_N, targets_N, EMPTY)),
        )

    def chances(self, pages: Pages, columns_NK: Numbers) -> Reals:
        arms_NK = pages.shown_arms(columns_NK)
        click_NK = self.click_RL[arms_NK.clip(0), pages.hidden.needs_N[:, None]]
        seen_NK = self.seen_SR[pages.shoppers_N.clip(0)[:, None], arms_NK.clip(0)]
        bias_K = np.asarray(self.shop.behaviour.place_bias)[: columns_NK.shape[1]]
        kept_NK = self.shop.behaviour.kept_interest_ratio ** seen_NK.astype(np.float64)
        people_NK = click_NK * bias_K * kept_NK * (arms_NK != EMPTY)
        is_target_NK = columns_NK == pages.hidden.bot_columns_N[:, None]
        bots_NK = (is_target_NK & (arms_NK != EMPTY)).astype(np.float64)
        return np.asarray(np.where(pages.is_bot_N[:, None], bots_NK, people_NK))

    def expected(self, pages: Pages) -> Reals:
        shares_AHL = self.need_shares_by_context(pages.day)
        anchors_N = pages.arms_NC[:, 0] // self.bundles_ACM.shape[1]
        click_RH = np.einsum("ahl,acl->ach", shares_AHL, self.click_RL.reshape(*self.bundles_ACM.shape[:2], -1))
        return np.asarray(click_RH[anchors_N, :, pages.contexts_N])

    def answer(self, pages: Pages, columns_NK: Numbers, random: np.random.Generator) -> Answers:
        clicks_NK = random.random(columns_NK.shape) < self.chances(pages, columns_NK)
        is_person_N1 = ~pages.is_bot_N[:, None]
        adds_NK = clicks_NK & (random.random(columns_NK.shape) < self.shop.behaviour.add_ratio) & is_person_N1
        purchases_NK = adds_NK & (random.random(columns_NK.shape) < self.shop.behaviour.purchase_ratio)
        arms_NK = pages.shown_arms(columns_NK)
        is_seen_NK = (arms_NK != EMPTY) & is_person_N1
        shoppers_NK = np.broadcast_to(pages.shoppers_N[:, None], arms_NK.shape)
        seen = shoppers_NK[is_seen_NK], arms_NK[is_seen_NK]
        np.add.at(self.seen_SR, seen, 1)
        self.seen_SR[seen] = np.minimum(self.seen_SR[seen], MOST_SEEN)
        is_buyer_N = self.is_buyer_S[pages.shoppers_N.clip(0)] & ~pages.is_bot_N
        return Answers(clicks_NK, adds_NK, purchases_NK, is_buyer_N)

    def prior_correlation(self, day: int = 0) -> float:
        """How well prior and true log-odds agree among the candidates of a page: correlation, pages weighed alike."""
        shares_AL = self.need_shares_by_context(day)[:, 0]
        column_count = self.bundles_ACM.shape[1]
        click_AC = np.einsum("al,acl->ac", shares_AL, self.click_RL.reshape(-1, column_count, self.shop.need_count))
        odds_AC, prior_AC = np.log(click_AC / (1 - click_AC)), self.prior_R.reshape(-1, column_count)
        centred = [each - each.mean(axis=1, keepdims=True) for each in (odds_AC, prior_AC)]
        return float(np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1])

    def _need_shares(self, day: int) -> Reals:
        """p(need | anchor, main need of the shopper, day); (A, L, L)."""
        of_anchor_AL = self.shop.profiles_VL[self.anchors_A] * self.shop.season_L(day)
        weight_LL = 1 + (self.shop.behaviour.main_need_weight - 1) * np.eye(self.shop.need_count)
        shares_ALL = of_anchor_AL[:, None, :] * weight_LL
        return np.asarray(shares_ALL / shares_ALL.sum(axis=2, keepdims=True))

    def need_shares_by_context(self, day: int) -> Reals:
        """p(need | anchor, context, day): context 0 is a shopper of unknown main need; (A, H, L)."""
        shares_ALL = self._need_shares(day)
        return np.concatenate([shares_ALL.mean(axis=1, keepdims=True), shares_ALL], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Compositions:
    """The same visits, each asking for a bundle to be composed; see `truth.BundleTruth`.

    Nobody has seen a bundle before, nobody is a bot, and the day is the first of the year.
    """

    visits: Visits
    in_stock_V: Flags

    @classmethod
    def generate(cls, seed: int, *, anchor_count: int = 50, stock_ratio: float = 0.95) -> Compositions:
        visits = Visits.generate(seed, anchor_count=anchor_count)
        random = np.random.default_rng([seed, 23])
        return cls(visits, random.random(visits.shop.item_count) < stock_ratio)

    @property
    def item_count(self) -> int:
        return self.visits.shop.item_count

    @property
    def context_count(self) -> int:
        return self.visits.shop.need_count + 1

    @property
    def margin_V(self) -> Reals:
        """The rarer, the dearer."""
        rarity_V = -np.log(self.visits.shop.popularity_V)
        return np.asarray(rarity_V / rarity_V.mean())

    def open(self, count: int, random: np.random.Generator) -> Openings:
        pages = replace(self.visits, bot_ratio=0.0).draw(count, day=0, random=random)
        rows_B = pages.arms_NC[:, 0] // self.visits.bundles_ACM.shape[1]
        return Openings(self.visits.anchors_A[rows_B], pages.contexts_N, (rows_B, pages.hidden.needs_N))

    def may_follow(self, sets_BM: Numbers) -> Flags:
        kinds_V = self.visits.shop.kinds_V
        kinds_BM = np.where(sets_BM == EMPTY, EMPTY - 1, kinds_V[sets_BM.clip(0)])
        is_substitute_BV = (kinds_BM[:, :, None] == kinds_V).any(axis=1)
        is_in_BV = (sets_BM[:, :, None] == np.arange(self.item_count)).any(axis=1)
        return np.asarray(self.in_stock_V & ~is_substitute_BV & ~is_in_BV)

    def next_item_log_scores(self, sets_BM: Numbers, items_C: Numbers) -> Reals:
        return self.visits.shop.next_item_log_scores(sets_BM)[:, items_C]

    def click_chances(self, openings: Openings, bundles_BM: Numbers) -> Reals:
        odds_BL = self.visits.shop.log_odds(openings.anchors_B, bundles_BM)
        return np.asarray(1 / (1 + np.exp(-odds_BL[np.arange(len(openings)), openings.hidden[1]])))

    def expected_click_chances(self, openings: Openings, bundles_BM: Numbers) -> Reals:
        chance_BL = 1 / (1 + np.exp(-self.visits.shop.log_odds(openings.anchors_B, bundles_BM)))
        shares_BL = self.visits.need_shares_by_context(0)[openings.hidden[0], openings.contexts_B]
        return np.asarray((chance_BL * shares_BL).sum(axis=1))

    def outcomes(self, openings: Openings, bundles_BM: Numbers, random: np.random.Generator) -> Flags:
        behaviour = self.visits.shop.behaviour
        steps_B3 = np.column_stack(
            [
                self.click_chances(openings, bundles_BM),
                np.full(len(openings), behaviour.add_ratio),
                np.full(len(openings), behaviour.purchase_ratio),
            ]
        )
        return np.logical_and.accumulate(random.random(steps_B3.shape) < steps_B3, axis=1)


def _compose(shop: LatentNeeds, anchors_A: Numbers, candidate_count: int) -> tuple[Numbers, Reals]:
    """The supervised model's own candidates: of each good first item the pair, and the triple with its best third."""
    first_AV = shop.next_item_log_scores(anchors_A[:, None])
    first_AV[np.arange(len(anchors_A)), anchors_A] = -np.inf
    firsts_AP = np.argsort(-first_AV, axis=1, kind="stable")[:, : (candidate_count + 1) // 2]
    bundles, scores = [], []
    for row, anchor in enumerate(anchors_A):
        pairs_P2 = np.column_stack([np.full(firsts_AP.shape[1], anchor), firsts_AP[row]])
        second_PV = shop.next_item_log_scores(pairs_P2)
        second_PV[np.arange(len(pairs_P2))[:, None], pairs_P2] = -np.inf
        taken: set[frozenset[int]] = set()
        for place, first in enumerate(firsts_AP[row].tolist()):
            log_first = first_AV[row, first] - np.log(shop.popularity_V[first])
            bundles.append((first, EMPTY))
            scores.append(log_first)
            order_V = np.argsort(-second_PV[place], kind="stable").tolist()
            second = next(each for each in order_V if frozenset((first, each)) not in taken)
            taken.add(frozenset((first, second)))
            bundles.append((first, second))
            scores.append((log_first + second_PV[place, second] - np.log(shop.popularity_V[second])) / 2)
    shape = len(anchors_A), 2 * firsts_AP.shape[1]
    bundles_ACM, prior_AC = np.asarray(bundles).reshape(*shape, 2), np.asarray(scores).reshape(shape)
    order_AC = np.argsort(-prior_AC, axis=1, kind="stable")[:, :candidate_count]
    return np.take_along_axis(bundles_ACM, order_AC[..., None], axis=1), np.take_along_axis(prior_AC, order_AC, axis=1)


def _features(shop: LatentNeeds, bundles_RM: Numbers, prior_AC: Reals) -> Reals:
    """Prior, logarithm of its rank, size, and how well the model thinks that the bundle serves a known shopper."""
    prior_R = ((prior_AC - prior_AC.mean()) / prior_AC.std()).ravel()
    log_rank_R = np.log(np.broadcast_to(np.arange(1, prior_AC.shape[1] + 1), prior_AC.shape)).ravel()
    is_triple_R = (bundles_RM != EMPTY).sum(axis=1) == 2
    is_item = bundles_RM != EMPTY
    profile_RL = (shop.model_profiles_VL[bundles_RM.clip(0)] * is_item[..., None]).sum(1) / is_item.sum(1)[:, None]
    match_RL = np.log(LEAST_AFFINITY + shop.need_count * profile_RL)
    match_RH = np.hstack([np.zeros((len(bundles_RM), 1)), match_RL - match_RL.mean(axis=1, keepdims=True)])
    same_RF = np.column_stack([prior_R, log_rank_R, is_triple_R])
    same_RHF = np.broadcast_to(same_RF[:, None, :], (len(same_RF), match_RH.shape[1], 3))
    return np.concatenate([same_RHF, match_RH[..., None]], axis=2)

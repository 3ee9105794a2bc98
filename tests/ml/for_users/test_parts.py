from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.for_users import parts
from bundle_ml.for_users.histories import Histories
from bundle_ml.for_users.parts import InHand, Part, Popularity, fit_alike, fit_taken_with
from tests.ml.for_users.worlds import BUNDLES_EACH, CLUBS, club_of_user, clubs, ones

SETTINGS = {"bundle_l2": 3.0, "item_l2": 5.0, "length_exponent": 0.5, "in_bundles": 0.0}


def _parts(histories: Histories) -> dict[str, Part]:
    return {
        "popularity": Popularity(histories),
        "taken_with": fit_taken_with(histories, **SETTINGS),
        "with_contents": fit_taken_with(histories, **{**SETTINGS, "in_bundles": 1.0}),
        "alike": fit_alike(histories),
        "in_hand": InHand(histories),
    }


@pytest.mark.parametrize("name", ["taken_with", "with_contents", "alike", "in_hand"])
def test_a_part_that_looks_at_the_user_finds_the_club(name: str) -> None:
    histories, _, _ = clubs()
    users = np.arange(histories.user_count)

    mean_by_club = _parts(histories)[name].scores(users).reshape(len(users), CLUBS, BUNDLES_EACH).mean(axis=2)

    assert (mean_by_club.argmax(axis=1) == club_of_user()).all()


@pytest.mark.parametrize("name", ["popularity", "taken_with", "with_contents", "alike", "in_hand"])
def test_users_are_scored_alike_alone_and_together(name: str) -> None:
    histories, _, _ = clubs()
    part, users = _parts(histories)[name], np.array([7, 100, 3])

    together = part.scores(users)

    assert together.dtype == np.float32
    assert together.shape == (3, histories.bundle_count)
    for row, user in enumerate(users):
        assert part.scores(np.array([user]))[0] == pytest.approx(together[row], rel=1e-5, abs=1e-6)


def test_whoever_starts_is_shown_what_others_started_with() -> None:
    """Collectors have bundles 1, 2 and 3; those with a single one have bundle 0."""
    histories = Histories(
        bundles_UB=ones([[1, 0, 0, 0]] * 5 + [[0, 1, 1, 1]] * 9 + [[0, 0, 0, 0], [0, 1, 1, 0]]),
        items_UI=ones(np.zeros((16, 2))),
        contents_BI=ones(np.zeros((4, 2))),
    )

    beginner, collector = Popularity(histories).scores(np.array([14, 15]))

    assert beginner.argmax() == 0
    assert collector.argmin() == 0


@pytest.mark.parametrize("in_bundles", [0.0, 0.7])
def test_taken_with_is_the_least_squares_fit_without_the_bundle_itself(in_bundles: float) -> None:
    """Weights to one bundle by hand: ridge regression on all other features."""
    histories, _, _ = clubs()
    fitted = fit_taken_with(histories, **{**SETTINGS, "in_bundles": in_bundles})
    bundles, contents = histories.bundles_UB.toarray(), histories.contents_BI.toarray()
    items = histories.items_UI.toarray() + in_bundles * bundles @ (
        contents / contents.sum(axis=1, keepdims=True) ** 0.5
    )
    features = np.hstack([bundles, items]).astype(np.float64)
    row_weights = histories.sizes_U[:, None] ** -0.5
    l2 = np.repeat([3.0, 5.0], [histories.bundle_count, histories.item_count])
    for bundle in (0, 17):
        others = np.delete(np.arange(features.shape[1]), bundle)
        gram = features[:, others].T @ (row_weights * features[:, others]) + np.diag(l2[others])
        expected = np.linalg.solve(gram, features[:, others].T @ (row_weights[:, 0] * features[:, bundle]))

        assert fitted.weights_FB[others, bundle] == pytest.approx(expected, abs=1e-5)
        assert fitted.weights_FB[bundle, bundle] == 0


def test_both_forms_of_the_inverse_give_the_same_weights() -> None:
    histories, _, _ = clubs()
    features_TF = parts._features(histories, np.arange(histories.user_count), 1.0).astype(np.float64)
    l2_F = np.repeat([3.0, 5.0], [histories.bundle_count, histories.item_count])

    by_gram = parts._of_gram(features_TF, l2_F, histories.bundle_count)
    by_kernel = parts._of_kernel(features_TF, l2_F, histories.bundle_count)

    assert by_kernel == pytest.approx(by_gram, abs=1e-5)


def test_with_contents_a_bundle_that_one_user_alone_took_leads_to_those_that_hold_the_same() -> None:
    """Users 0 to 19 took bundle 0 with 1, or 2 with 3. User 20 alone took bundle 4, which holds what bundle 0 holds."""
    histories = Histories(
        bundles_UB=ones([[1, 1, 0, 0, 0]] * 10 + [[0, 0, 1, 1, 0]] * 10 + [[0, 0, 0, 0, 1]]),
        items_UI=ones(np.zeros((21, 4))),
        contents_BI=ones([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]]),
    )

    (without,), (with_contents,) = (
        fit_taken_with(histories, **{**SETTINGS, "in_bundles": in_bundles}).scores(np.array([20]))
        for in_bundles in (0.0, 1.0)
    )

    assert without[:4] == pytest.approx([0, 0, 0, 0], abs=1e-6)
    assert with_contents[:2].min() > with_contents[2:4].max() + 0.01


def test_a_user_without_bundles_is_scored_by_items_alone() -> None:
    histories, _, _ = clubs()
    known = histories.bundles_UB.toarray()
    known[40] = 0
    histories = Histories(bundles_UB=ones(known), items_UI=histories.items_UI, contents_BI=histories.contents_BI)

    (scores,) = fit_taken_with(histories, **SETTINGS).scores(np.array([40]))

    assert scores.reshape(CLUBS, BUNDLES_EACH).mean(axis=1).argmax() == club_of_user()[40]


def test_contents_are_compared_by_their_cosine_and_no_bundle_is_alike_to_itself() -> None:
    histories = Histories(
        bundles_UB=ones(np.eye(3)),
        items_UI=ones(np.zeros((3, 4))),
        contents_BI=ones([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]]),
    )

    scores = fit_alike(histories).scores(np.arange(3))

    held_back = np.sqrt(0.5**0.5 + 0.1)
    assert scores == pytest.approx(np.array([[0, 0.5**0.5, 0], [0.5**0.5, 0, 0], [0, 0, 0]]) / held_back, abs=1e-6)


def test_items_in_hand_are_counted() -> None:
    histories = Histories(
        bundles_UB=ones(np.zeros((1, 2))), items_UI=ones([[1, 1, 0]]), contents_BI=ones([[1, 1, 1], [0, 1, 1]])
    )

    assert InHand(histories).scores(np.array([0])).tolist() == [[2, 1]]

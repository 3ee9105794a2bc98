from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bundle_ml.baskets import BoolArray, FloatArray
from bundle_ml.blend import single
from bundle_ml.calibration import AS_PROMISED, SHOWN, calibrate, fit_curve, reliability
from bundle_ml.cases import Cases, Contexts
from bundle_ml.rungs import Rung

ITEMS = 40
CHANCES = np.arange(1, ITEMS + 1, dtype=np.float64) ** 2
CHANCES[0] = 0
"""Of the item that is shown."""
CHANCES /= CHANCES.sum()


@dataclass(frozen=True)
class Says(Rung):
    """The log chances, too sure of itself by a factor."""

    factor: float
    item_count: int = ITEMS

    def scores(self, contexts: Contexts) -> FloatArray:
        with np.errstate(divide="ignore"):
            logs = np.log(CHANCES).clip(-20)
        return np.repeat((self.factor * logs).astype(np.float32)[None], len(contexts), axis=0)


@dataclass(frozen=True)
class SaysNothingOfTheTail(Says):
    """A third of what is bought is not on its list: it knows the first items alone, and scores all others alike."""

    item_count: int = 2000

    def scores(self, contexts: Contexts) -> FloatArray:
        known = super().scores(contexts)
        return np.concatenate(
            [known, np.full((len(contexts), self.item_count - ITEMS), -12 * self.factor, np.float32)], axis=1
        )


def _cases(count: int, seed: int, *, tail: float = 0.0) -> dict[str, Cases]:
    """Item 0 is shown; the hidden one is drawn by the chances, a share of them from the tail."""
    random = np.random.default_rng(seed)
    targets = random.choice(ITEMS, count, p=CHANCES)
    of_tail = random.random(count) < tail
    targets = np.where(of_tail, random.integers(ITEMS, SaysNothingOfTheTail.item_count, count), targets)
    contexts = Contexts.of([[0]] * count)
    return {"1": Cases(contexts, targets.astype(np.int32), Contexts.of(targets[:, None].tolist()))}


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_a_model_too_sure_or_too_timid_is_brought_to_the_truth(factor: float) -> None:
    fitting, test = _cases(2000, seed=0), _cases(4000, seed=1)
    blend = single({"says": Says(factor)}, "says", fitting["1"].contexts)

    report = reliability(calibrate(blend, fitting), test)

    assert report["expected_error"] < 0.01
    for each in report["bins"]:
        assert each["observed_low"] - 0.01 <= each["predicted"] <= each["observed_high"] + 0.01
    assert sum(each["items"] for each in report["bins"]) == 4000 * 10
    predicted = [each["predicted"] for each in report["bins"]]
    assert predicted == sorted(predicted)


@pytest.mark.parametrize("tail", [0.3, 0.6, 0.9])
def test_a_model_that_does_not_know_the_tail_promises_no_more_than_is_kept(tail: float) -> None:
    fitting, test = _cases(4000, seed=0, tail=tail), _cases(8000, seed=1, tail=tail)
    blend = single({"says": SaysNothingOfTheTail(1.0)}, "says", fitting["1"].contexts)
    calibrated = calibrate(blend, fitting)

    top_BK, chances_BK, _ = calibrated.shown(Contexts.of([[0]]))
    report = reliability(calibrated, test)

    truth = (1 - tail) * CHANCES[top_BK[0]]
    sampling_error = np.sqrt(truth * (1 - truth) / 4000)
    assert (np.abs(chances_BK[0] - truth) < 4 * sampling_error).all()
    assert report["expected_error"] < 0.005
    assert report["expected_error"] < report["expected_error_of_softmax"]
    assert report["expected_error_by_size"] == {"1": report["expected_error"]}
    surest = report["bins"][-1]
    assert not surest["observed_low"] <= surest["promised_by_softmax"] <= surest["observed_high"]


def test_chances_are_those_of_the_items_the_blend_ranks_first_in_its_order_and_never_of_the_context() -> None:
    cases = _cases(2000, seed=0)
    calibrated = calibrate(single({"says": Says(1.0)}, "says", cases["1"].contexts), cases)

    top_BK, chances_BK, _ = calibrated.shown(Contexts.of([[39], [38, 37]]))

    assert top_BK.tolist() == [list(range(38, 28, -1)), [39, *range(36, 27, -1)]]
    assert (np.diff(chances_BK, axis=1) < 0).all()
    assert ((chances_BK > 0) & (chances_BK < 1)).all()


def test_a_curve_rises_even_where_shares_fell_by_chance() -> None:
    promised = np.repeat([0.1, 0.2, 0.3, 0.4], 100)
    kept = np.concatenate([np.arange(100) < count for count in (10, 30, 20, 40)])

    curve = fit_curve(promised, kept)

    assert (np.diff(curve.promised) > 0).all()
    assert (np.diff(curve.kept) > 0).all()
    found = curve.kept_of(np.array([0.01, 0.1, 0.2, 0.3, 0.4, 0.9]))
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("is_kept", [np.zeros(100, bool), np.zeros(0, bool)])
def test_where_no_promise_was_kept_there_is_no_curve(is_kept: BoolArray) -> None:
    promised = np.full(len(is_kept), 0.1)

    assert fit_curve(promised, is_kept) == AS_PROMISED


def test_without_cases_there_is_nothing_to_report() -> None:
    nothing = {"1": Cases(Contexts.of([]), np.empty(0, np.int32), Contexts.of([]))}
    calibrated = calibrate(single({"says": Says(1.0)}, "says", Contexts.of([])), nothing)

    assert calibrated.curve == AS_PROMISED
    assert reliability(calibrated, nothing) == {}


def test_ten_items_are_shown() -> None:
    cases = _cases(100, seed=0)
    calibrated = calibrate(single({"says": Says(1.0)}, "says", cases["1"].contexts), cases)

    assert calibrated.shown(Contexts.of([[0]]))[0].shape == (1, SHOWN)

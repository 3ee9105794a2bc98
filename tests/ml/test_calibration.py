from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bundle_ml.baskets import FloatArray
from bundle_ml.blend import single
from bundle_ml.calibration import calibrate, reliability
from bundle_ml.cases import Cases, Contexts
from bundle_ml.rungs import Rung

ITEMS = 40
CHANCES = np.arange(1, ITEMS + 1, dtype=np.float64) ** 2
CHANCES /= CHANCES.sum()


@dataclass(frozen=True)
class Says(Rung):
    """The true log chances, too sure of itself by a factor."""

    factor: float
    item_count: int = ITEMS

    def scores(self, contexts: Contexts) -> FloatArray:
        return np.repeat((self.factor * np.log(CHANCES)).astype(np.float32)[None], len(contexts), axis=0)


def _cases(count: int, seed: int) -> dict[str, Cases]:
    """One item shown, never one of the others; the hidden one is drawn by the chances."""
    random = np.random.default_rng(seed)
    chances = np.where(np.arange(ITEMS) == 0, 0, CHANCES)
    targets = random.choice(ITEMS, count, p=chances / chances.sum()).astype(np.int32)
    contexts = Contexts.of([[0]] * count)
    return {"1": Cases(contexts, targets, Contexts.of(targets[:, None].tolist()))}


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


def test_the_chances_of_a_context_sum_to_one_without_its_own_items() -> None:
    cases = _cases(10, seed=0)
    calibrated = calibrate(single({"says": Says(1.0)}, "says", cases["1"].contexts), cases)

    chances = calibrated.chances(Contexts.of([[3], [5, 6]]))

    assert chances.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert chances[0, 3] == chances[1, 5] == chances[1, 6] == 0


def test_without_cases_there_is_nothing_to_report() -> None:
    nothing = {"1": Cases(Contexts.of([]), np.empty(0, np.int32), Contexts.of([]))}

    assert reliability(calibrate(single({"says": Says(1.0)}, "says", Contexts.of([])), nothing), nothing) == {}

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from bundle_ml.errors import SettingsError
from bundle_ml.settings import BOUNDS, Settings


def test_settings_survive_a_journey_through_json() -> None:
    settings = Settings(seed=7, width=64, ease_l2=(3.0, 5.0))

    assert Settings.from_mapping(json.loads(json.dumps(settings.to_json()))) == settings


def test_an_unknown_setting_names_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError, match=r"Unknown setting 'bream_width'\. Did you mean 'beam_width'\?"):
        Settings.from_mapping({"bream_width": 3})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": "seven"}, "'seed' is 'seven'; expected something like 0"),
        ({"seed": 1.5}, "'seed' is 1.5; expected something like 0"),
        ({"dropout": True}, "'dropout' is True; expected something like 0.1"),
        ({"ease_l2": 20}, "'ease_l2' is 20; expected something like"),
        ({"ease_l2": []}, "'ease_l2' is (); expected a list of one or more numbers, each more than 0"),
        ({"ease_l2": [20, -1]}, "expected a list of one or more numbers, each more than 0"),
        ({"popularity_half_life_days": [float("inf")]}, "is (inf,); expected a list of one or more numbers"),
        ({"beam_width": 0}, "'beam_width' is 0; expected at least 1"),
        ({"max_bundle_size": 1}, "'max_bundle_size' is 1; expected at least 2"),
        ({"validation_ratio": 0.6, "test_ratio": 0.6}, "expected less than 1 together with test_ratio"),
        ({"seed": -1}, "'seed' is -1; expected at least 0"),
        ({"threads": -1}, "'threads' is -1; expected at least 0 and at most 4096"),
        ({"case_limit": -1}, "expected at least 0"),
        ({"bootstrap_samples": 0}, "expected at least 1"),
        ({"blend_draws": 0}, "expected at least 1"),
        ({"drawn_competitors": 0}, "expected at least 1"),
        ({"ease_max_items": -1}, "expected at least 0"),
        ({"width": 0}, "'width' is 0; expected at least 1"),
        ({"width": -4}, "'width' is -4; expected at least 1"),
        ({"epochs": 0}, "'epochs' is 0; expected at least 1"),
        ({"dropout": 1}, "'dropout' is 1.0; expected at least 0 and less than 1"),
        (
            {"validation_ratio": -0.1, "test_ratio": 0.5},
            "'validation_ratio' is -0.1; expected at least 0 and less than 1",
        ),
        ({"refresh_ratio": 1.5}, "'refresh_ratio' is 1.5; expected at least 0 and at most 1"),
        ({"training_teraflops": 0}, "'training_teraflops' is 0.0; expected more than 0"),
        ({"learning_rate": 0}, "expected more than 0"),
        ({"learning_rate": float("nan")}, "'learning_rate' is nan; expected more than 0"),
        ({"learning_rate": float("inf")}, "'learning_rate' is inf; expected more than 0"),
        ({"learning_rate": 10**400}, "; expected more than 0 and at most 1e+100"),
        ({"seed": 10**400}, "; expected at least 0 and at most 2147483647"),
        ({"seed": float("nan")}, "'seed' is nan; expected something like 0"),
        ({"epochs": float("inf")}, "'epochs' is inf; expected something like None"),
        ({"width": 30}, "'width' is 30; expected a multiple of head_count"),
    ],
)
def test_a_bad_value_is_refused_before_anything_runs(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping(values)

    assert message in str(caught.value)


def test_whole_numbers_may_be_written_for_real_ones() -> None:
    assert Settings.from_mapping({"dropout": 0, "width": 32.0}).width == 32


def test_every_setting_has_its_bounds() -> None:
    assert list(BOUNDS) == [field.name for field in fields(Settings)]

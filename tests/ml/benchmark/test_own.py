from __future__ import annotations

from pathlib import Path

import pytest

from bundle_ml.benchmark.answers import Answers, AnswersError, read_answers
from bundle_ml.benchmark.judging import judge
from bundle_ml.benchmark.own import ABLATED, MODELS, PREFIX, STATISTICS, STATISTICS_BLEND, answer_all
from bundle_ml.benchmark.protocol import Exam, read_given, write_given
from bundle_ml.settings import Settings
from tests.ml.conftest import QUICK


def _answers(folder: Path, name: str, exam: Exam) -> Answers:
    return read_answers(folder / (PREFIX + name), exam.given.test_contexts, item_count=exam.given.item_count)


def test_every_model_hands_in_answers_or_a_reason(exam: Exam, tmp_path: Path) -> None:
    write_given(exam.given, tmp_path / "split")

    answer_all(read_given(tmp_path / "split"), tmp_path / "answers", QUICK, ablation=True)

    with pytest.raises(AnswersError, match="no categories"):
        _answers(tmp_path / "answers", "category", exam)
    ndcg = {}
    for name in MODELS:
        if name != "category":
            answers = _answers(tmp_path / "answers", name, exam)
            assert answers.costs.seconds.keys() == {"tuning", "training", "scoring"}
            ndcg[name] = judge(answers.lists, exam, samples=10, seed=0).mean["ndcg_at_10"]
    without_ease = _answers(tmp_path / "answers", ABLATED["ease"], exam).costs.settings["weights"]
    assert "ease" not in without_ease
    assert "ease_for_few" in without_ease
    assert min(ndcg, key=lambda name: ndcg[name]) == "popularity"
    assert ndcg["blend"] > 1.5 * ndcg["popularity"]


def test_a_shop_too_small_for_the_transformer_is_told_so(exam: Exam, tmp_path: Path) -> None:
    answer_all(exam.given, tmp_path, Settings(transformer_min_baskets=100_000, threads=1))

    for name in STATISTICS:
        if name != "category":
            assert _answers(tmp_path, name, exam)
    with pytest.raises(AnswersError, match=r"baskets are too few, by the setting transformer_min_baskets"):
        _answers(tmp_path, STATISTICS_BLEND, exam)

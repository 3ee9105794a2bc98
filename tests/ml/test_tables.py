from __future__ import annotations

from bundle_ml.tables import format_table


def test_a_table_has_a_row_for_each_model_and_a_column_for_each_context() -> None:
    cell = {"ndcg_at_10": 0.25, "ndcg_at_10_low": 0.2, "ndcg_at_10_high": 0.3}

    text = format_table([{"model": "ease", "context": "1", **cell}, {"model": "blend", "context": "2", **cell}])

    assert [line.split() for line in text.splitlines()] == [
        ["NDCG@10", "1", "2"],
        ["ease", "0.2500", "±0.0500", "-"],
        ["blend", "-", "0.2500", "±0.0500"],
    ]

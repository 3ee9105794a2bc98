"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay NDCG@10 out by model and context size, with the half-width of its interval."""
    return "\n".join(_lines(rows))


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    contexts = list(dict.fromkeys(row["context"] for row in rows))
    cells = {(row["model"], row["context"]): _cell(row) for row in rows}
    yield f"{'NDCG@10':<14}" + "".join(f"{context:>17}" for context in contexts)
    for model in dict.fromkeys(row["model"] for row in rows):
        yield f"{model:<14}" + "".join(f"{cells.get((model, context), '-'):>17}" for context in contexts)


def _cell(row: Mapping[str, Any]) -> str:
    half_width = (row["ndcg_at_10_high"] - row["ndcg_at_10_low"]) / 2
    return f"{row['ndcg_at_10']:.4f} ±{half_width:.4f}"

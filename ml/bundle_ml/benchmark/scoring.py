"""What scoring costs: the blend of an artefact beside the bare matrix product of the same shapes.

    python -m bundle_ml.benchmark.scoring artefact/

Contexts of one item each are asked for the scores of all items. The bare product is contexts × width by width × items,
the width being the Transformer's, in numpy's float32 with the same threads. Both take turns; told are the medians, in
seconds of the processor over all threads, which other work on the machine changes least.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from bundle_ml.artefact import read_tensors, read_vocabulary
from bundle_ml.blend import Blend
from bundle_ml.cases import Contexts
from bundle_ml.rungs import TRANSFORMER
from bundle_ml.stored import from_tensors
from bundle_ml.transformer import TransformerRung

CONTEXTS = 1000
ROUNDS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    contexts: int
    items: int
    width: int
    parts: tuple[str, ...]
    """Rungs with any weight in the blend."""
    blend_seconds: float
    product_seconds: float

    @property
    def ratio(self) -> float:
        return self.blend_seconds / self.product_seconds


def measure(blend: Blend, *, seed: int = 0) -> Scoring:
    """Ask a blend that holds a Transformer about random items."""
    network = blend.rungs[TRANSFORMER]
    assert isinstance(network, TransformerRung)  # noqa: S101
    weight_VD = network.model.item.weight.detach().numpy()
    random = np.random.default_rng(seed)
    asked = Contexts.of([[item] for item in random.integers(blend.item_count, size=CONTEXTS).tolist()])
    query_BD = random.standard_normal((CONTEXTS, weight_VD.shape[1])).astype(np.float32)
    rounds = [(_seconds(lambda: query_BD @ weight_VD.T), _seconds(lambda: blend.scores(asked))) for _ in range(ROUNDS)]
    product_seconds, blend_seconds = (median(each) for each in zip(*rounds[1:], strict=True))  # the first warms up
    return Scoring(
        contexts=CONTEXTS,
        items=blend.item_count,
        width=weight_VD.shape[1],
        parts=blend.parts,
        blend_seconds=blend_seconds,
        product_seconds=product_seconds,
    )


def _seconds(act: Callable[[], object]) -> float:
    before = time.process_time()
    act()
    return time.process_time() - before


def measure_artefact(path: Path) -> Scoring | None:
    """None where the artefact holds no blend with a Transformer."""
    blend = from_tensors(read_tensors(path), read_vocabulary(path)["facts"]).blend
    return measure(blend) if blend and TRANSFORMER in blend.rungs else None


if __name__ == "__main__":
    found = measure_artefact(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(asdict(found) | {"ratio": found.ratio} if found else None) + "\n")

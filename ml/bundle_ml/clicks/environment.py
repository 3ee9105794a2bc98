"""`BundleEnv`: composing one bundle, by the interface of Gymnasium, so that any agent written for it can try.

    env = BundleEnv(Compositions.generate(seed=0))
    observation, info = env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(action)
    info["action_mask"]                          # or env.action_masks(), as maskable agents of other packages ask

A masked action is not carried out: it ends the episode without a reward, so that an agent that knows no masks still
learns from it. Needs the extra `rl`; for training many bundles at once `composing.Composing` is the same without it.

The observation is one vector: which item is the anchor, which items are in the bundle, which context the shopper is in,
and how full the bundle is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bundle_ml.clicks.composing import Composing, RewardSettings
from bundle_ml.clicks.truth import EMPTY, BundleTruth
from bundle_ml.errors import MissingExtraError

try:
    import gymnasium
except ImportError as error:
    raise MissingExtraError("BundleEnv needs gymnasium: pip install 'django-product-bundles[rl]'") from error

Observation = npt.NDArray[np.float32]


class BundleEnv(gymnasium.Env[Observation, np.int64]):
    """One bundle an episode."""

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}

    def __init__(
        self,
        truth: BundleTruth,
        *,
        most_items: int = 3,
        rewards: RewardSettings | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.composing = Composing(truth, most_items, rewards or RewardSettings())
        self.render_mode = render_mode
        self.action_space = gymnasium.spaces.Discrete(truth.item_count + 1)
        length = 2 * truth.item_count + truth.context_count + 1
        self.observation_space = gymnasium.spaces.Box(0, 1, (length,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.composing.open(1, self.np_random)
        return self._observe(), self._info()

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if not self.action_masks()[action]:
            return self._observe(), 0.0, True, False, self._info() | {"is_masked": True}
        (reward,) = self.composing.step(np.asarray([action]), self.np_random)
        return self._observe(), float(reward), bool(self.composing.is_done_B[0]), False, self._info()

    def action_masks(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.composing.allowed()[0])

    def render(self) -> str:
        added = [str(item) for item in self.composing.bundles_BM[0] if item != EMPTY]
        return f"{self.composing.openings.anchors_B[0]} + {', '.join(added) or 'nothing yet'}"

    def _observe(self) -> Observation:
        truth, (anchor, *added) = self.composing.truth, self.composing.sets_BM[0].tolist()
        seen = np.zeros(self.observation_space.shape or (), np.float32)
        seen[anchor] = 1
        seen[[truth.item_count + item for item in added if item != EMPTY]] = 1
        seen[2 * truth.item_count + self.composing.openings.contexts_B[0]] = 1
        seen[-1] = self.composing.sizes_B[0] / self.composing.most_items
        return seen

    def _info(self) -> dict[str, Any]:
        return {"action_mask": self.action_masks().astype(np.int8), "is_masked": False}

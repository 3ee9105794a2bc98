"""What a model may see, as a folder of .npy and JSON files: all tables but the bundles of test."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundle_ml.benchmark.for_users.datasets import UserBundles
from bundle_ml.cases import Contexts
from bundle_ml.durable import new_directory
from bundle_ml.for_users.histories import Histories, Ones
from bundle_ml.for_users.parts import UserNumbers

ABOUT, ASKED = "split.json", "asked.npy"
TABLES = ("train", "tune", "user_items", "contents")
FILES = (ABOUT, ASKED, *(f"{name}_{part}.npy" for name in TABLES for part in ("offsets", "items")))
LISTED = "user"
"""The one kind of question: lists are handed in as top_user.npy, a row for each user asked for."""
PLACES = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """What a model may see."""

    dataset: str
    histories: Histories
    tune_UB: Ones
    asked_U: UserNumbers
    """Users with a bundle in test."""
    fingerprint: str

    def contexts(self) -> dict[str, Contexts]:
        """What must not stand on the lists: the bundles that each user asked for has in train."""
        known = self.histories.bundles_UB[self.asked_U]
        return {LISTED: Contexts(known.indptr.astype(np.int64), known.indices.astype(np.int32))}


def draw_given(data: UserBundles) -> Given:
    asked_U = np.flatnonzero(np.diff(data.test_UB.indptr)).astype(np.int64)
    digest = hashlib.sha256(asked_U.tobytes() + data.name.encode())
    for table in _tables(data.histories, data.tune_UB).values():
        digest.update(str(table.shape).encode() + table.indptr.astype(np.int64).tobytes())
        digest.update(table.indices.astype(np.int32).tobytes())
    return Given(
        dataset=data.name,
        histories=data.histories,
        tune_UB=data.tune_UB,
        asked_U=asked_U,
        fingerprint=digest.hexdigest(),
    )


def _tables(histories: Histories, tune_UB: Ones) -> dict[str, Ones]:
    tables = (histories.bundles_UB, tune_UB, histories.items_UI, histories.contents_BI)
    return dict(zip(TABLES, tables, strict=True))


def write_given(given: Given, folder: Path) -> None:
    """Write the folder that models read, replacing an older one."""
    histories = given.histories
    about = {
        "dataset": given.dataset,
        "users": histories.user_count,
        "bundles": histories.bundle_count,
        "items": histories.item_count,
        "fingerprint": given.fingerprint,
    }
    with new_directory(folder, files=FILES) as filling:
        (filling / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        np.save(filling / ASKED, given.asked_U, allow_pickle=False)
        for name, table in _tables(histories, given.tune_UB).items():
            np.save(filling / f"{name}_offsets.npy", table.indptr.astype(np.int64), allow_pickle=False)
            np.save(filling / f"{name}_items.npy", table.indices.astype(np.int32), allow_pickle=False)


def read_given(folder: Path) -> Given:
    """Read what `write_given` wrote."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    bundles, items = about["bundles"], about["items"]
    return Given(
        dataset=about["dataset"],
        histories=Histories(
            bundles_UB=_load(folder, "train", bundles),
            items_UI=_load(folder, "user_items", items),
            contents_BI=_load(folder, "contents", items),
        ),
        tune_UB=_load(folder, "tune", bundles),
        asked_U=np.load(folder / ASKED, allow_pickle=False).astype(np.int64),
        fingerprint=about["fingerprint"],
    )


def _load(folder: Path, name: str, columns: int) -> Ones:
    offsets, items = (np.load(folder / f"{name}_{part}.npy", allow_pickle=False) for part in ("offsets", "items"))
    return Ones((np.ones(len(items), np.float32), items, offsets), shape=(len(offsets) - 1, columns))

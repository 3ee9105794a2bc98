"""What the app keeps. Invariants stand in the database first, as constraints, and in Python second."""

from __future__ import annotations

from bundle_app.models.bundle import Bundle, BundlePart, composition_hash
from bundle_app.models.daily_figure import CountedDay, DailyFigure, OrderCount
from bundle_app.models.decision import Decision, Entry
from bundle_app.models.event import Event, IntakeCount
from bundle_app.models.experiment import Arm, ArmDay, Experiment, Guardrail
from bundle_app.models.file_import import FileImport, FileImportContent
from bundle_app.models.model_version import ModelVersion
from bundle_app.models.policy_version import ArmQuality, PolicyVersion
from bundle_app.models.purchase import Purchase
from bundle_app.models.redemption import Redemption
from bundle_app.models.rule import Rule
from bundle_app.models.score import Score
from bundle_app.models.training_run import TrainingRun

__all__ = [
    "Arm",
    "ArmDay",
    "ArmQuality",
    "Bundle",
    "BundlePart",
    "CountedDay",
    "DailyFigure",
    "Decision",
    "Entry",
    "Event",
    "Experiment",
    "FileImport",
    "FileImportContent",
    "Guardrail",
    "IntakeCount",
    "ModelVersion",
    "OrderCount",
    "PolicyVersion",
    "Purchase",
    "Redemption",
    "Rule",
    "Score",
    "TrainingRun",
    "composition_hash",
]

"""The merchandiser's screens, in the shop's own Django admin.

One file a screen: `bundles` (list and form), `rules`, `experiments`, `decision_log`, `model_versions`, `training_runs`,
`policy_versions`, `intake_counts`, `results`. What they show is put together beside them: `bundle_list` (whether each
bundle is shown), `evidence` (why a bundle), `metrics` and `data_report` (how good a model, learned from what),
`experiment_results` (how an experiment stands), `measures` (what is told of how bundles do), `dashboard` (the strip
above the bundle list). What they do is done by `decisions` and by the app's use cases. Pictures are drawn by
`bundle_app.charts`, and those of results by `result_charts`.

Everything works under a strict content security policy and without JavaScript: scripts are static ES modules that
make a working page nicer.
"""

from __future__ import annotations

from bundle_app.admin.bundles import BundleAdmin
from bundle_app.admin.decision_log import DecisionAdmin
from bundle_app.admin.experiments import ExperimentAdmin
from bundle_app.admin.intake_counts import IntakeCountAdmin
from bundle_app.admin.model_versions import ModelVersionAdmin
from bundle_app.admin.policy_versions import PolicyVersionAdmin
from bundle_app.admin.results import ResultsAdmin
from bundle_app.admin.rules import RuleAdmin
from bundle_app.admin.training_runs import TrainingRunAdmin

__all__ = [
    "BundleAdmin",
    "DecisionAdmin",
    "ExperimentAdmin",
    "IntakeCountAdmin",
    "ModelVersionAdmin",
    "PolicyVersionAdmin",
    "ResultsAdmin",
    "RuleAdmin",
    "TrainingRunAdmin",
]

"""Policies learned from clicks: why each was let in or not, what it promised, what it earns; and taking one back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app.admin.dashboard import PUBLISH
from bundle_app.admin.decision_log import ReasonActionForm, reason_of
from bundle_app.admin.presentation import badge, grouped, rounded
from bundle_app.models import PolicyVersion
from bundle_app.policy import learning

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    PolicyVersionAdminBase = admin.ModelAdmin[PolicyVersion]
else:
    PolicyVersionAdminBase = admin.ModelAdmin

CODES: dict[str, StrPromise] = {
    "better": gettext_lazy("Better than what was shown before, by more than chance."),
    "too_little_log": gettext_lazy("Too few impressions say anything of it. Explore more, or wait."),
    "not_better_beyond_chance": gettext_lazy("Not better than what is shown, or by no more than chance."),
    "worse_beyond_chance": gettext_lazy("Worse than what is shown."),
    "overtaken": gettext_lazy("Another policy went live while it was judged."),
    "within_promise": gettext_lazy("It earns what it promised."),
    "below_promise": gettext_lazy("It earned less than it promised."),
}


@admin.register(PolicyVersion)
class PolicyVersionAdmin(PolicyVersionAdminBase):
    list_display = ("__str__", "state_badge", "why", "promise", "earned", "live_at")
    list_filter = ("state",)
    fields = (
        *("state_badge", "why", "lead", "promise", "earned", "impression_count", "effective_count"),
        *("learned_from", "learned_until", "rewards_in_words", "created_at", "live_at", "ended_at"),
    )
    readonly_fields = fields
    actions = ("take_back",)
    action_form = ReasonActionForm

    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return False

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PUBLISH)

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_badge(self, policy: PolicyVersion) -> SafeString:
        return badge(policy.state, policy.get_state_display())

    @admin.display(description=gettext_lazy("Verdict"))
    def why(self, policy: PolicyVersion) -> str:
        watched = policy.watched.get("code") if policy.state == PolicyVersion.State.ROLLED_BACK else None
        code = str(watched or policy.decision.get("code", ""))
        if policy.state in {PolicyVersion.State.LIVE, PolicyVersion.State.REPLACED} and code not in {"", "better"}:
            return _("Somebody promoted it, by an experiment. Before, the gate had said: %(why)s") % {
                "why": CODES.get(code, code)
            }
        return str(CODES.get(code, code)) or "—"

    @admin.display(description=gettext_lazy("Lead in reward per 1,000 impressions"))
    def lead(self, policy: PolicyVersion) -> str:
        numbers = policy.decision.get("numbers", {})
        return per_thousand(numbers, "lead", "lead_low", "lead_high", is_signed=True)

    @admin.display(description=gettext_lazy("Reward promised per 1,000 impressions"))
    def promise(self, policy: PolicyVersion) -> str:
        return per_thousand(policy.promised, "mean", "low", "high")

    @admin.display(description=gettext_lazy("Reward earned per 1,000 impressions"))
    def earned(self, policy: PolicyVersion) -> str:
        return per_thousand(policy.watched.get("numbers", {}), "earned", "earned_low", "earned_high")

    @admin.display(description=gettext_lazy("Impressions"), ordering="impressions")
    def impression_count(self, policy: PolicyVersion) -> str:
        return grouped(policy.impressions)

    @admin.display(description=gettext_lazy("Impressions that the judgement rests on"))
    def effective_count(self, policy: PolicyVersion) -> str:
        count = policy.decision.get("numbers", {}).get("effective_count")
        return "—" if count is None else grouped(round(count))

    @admin.display(description=gettext_lazy("Rewards"))
    def rewards_in_words(self, policy: PolicyVersion) -> str:
        names = {"click": _("a click"), "add": _("added to the cart"), "purchase": _("a sale")}
        told = [(words, policy.rewards[name]) for name, words in names.items() if name in policy.rewards]
        return ", ".join(f"{words}: {rounded(value, decimal_count=1)}" for words, value in told)

    @admin.action(description=gettext_lazy("Take the live policy back"), permissions=["publish"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> None:
        live = queryset.filter(state=PolicyVersion.State.LIVE).first()
        if live is None:
            self.message_user(request, _("None of the selected policies is live."), messages.WARNING)
            return
        former = learning.take_back(live, now=timezone.now(), by=request.user, reason=reason_of(request))
        told = (
            _("%(policy)s was taken back; the order of the model counts again.") % {"policy": live}
            if former is None
            else _("%(policy)s was taken back; %(former)s is live again.") % {"policy": live, "former": former}
        )
        self.message_user(request, told, messages.SUCCESS)


def per_thousand(numbers: Mapping[str, Any], mean: str, low: str, high: str, *, is_signed: bool = False) -> str:
    """Rewards per 1,000 impressions, with their 95 % interval; "—" where there are none.

    >>> per_thousand({"mean": 0.05, "low": 0.04, "high": 0.061}, "mean", "low", "high")
    '50.0 (40.0 … 61.0)'
    """
    if mean not in numbers:
        return "—"
    told = [1000 * float(numbers[name]) for name in (mean, low, high)]
    middle, least, most = (f"{'+' if is_signed and each > 0 else ''}{rounded(each, decimal_count=1)}" for each in told)
    return f"{middle} ({least} … {most})"

"""How much of what visitors' browsers report could be counted, by day: to be read, not changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest

from bundle_app.models import IntakeCount

if TYPE_CHECKING:
    IntakeCountAdminBase = ModelAdmin[IntakeCount]
else:
    IntakeCountAdminBase = ModelAdmin


@admin.register(IntakeCount)
class IntakeCountAdmin(IntakeCountAdminBase):
    list_display = ("day", "outcome", "count")
    list_display_links = None
    list_filter = ("outcome", "day")
    date_hierarchy = "day"
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

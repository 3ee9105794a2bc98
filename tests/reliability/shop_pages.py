"""The tutorial shop's pages, and the admin beside them."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from tests.bundle_app import tutorial_pages

urlpatterns = [*tutorial_pages.urlpatterns, path("admin/", admin.site.urls)]

"""Paths of the REST interface, included by `bundle_app.urls` below `api/`."""

from __future__ import annotations

from django.urls import path

from bundle_app.api import views
from bundle_app.api.events import events
from bundle_app.api.figures import FigureList

urlpatterns = [
    path("bundles/", views.BundleList.as_view(), name="api-bundles"),
    path("bundles/<int:pk>/", views.BundleDetail.as_view(), name="api-bundle"),
    path("bundles/<int:pk>/add/", views.BundleAdd.as_view(), name="api-bundle-add"),
    path("events/", events, name="api-events"),
    path("figures/", FigureList.as_view(), name="api-figures"),
]

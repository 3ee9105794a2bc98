"""Include as `path("bundles/", include("bundle_app.urls"))`."""

from __future__ import annotations

from django.urls import include, path

from bundle_app import prometheus, views

app_name = "bundle_app"

urlpatterns = [
    path("<int:pk>/add/", views.add, name="add"),
    path("metrics", prometheus.metrics, name="metrics"),
    path("api/", include("bundle_app.api.urls")),
]

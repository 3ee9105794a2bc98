"""Names the app for Django and connects what must be connected once."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _


class BundleAppConfig(AppConfig):
    name = "bundle_app"
    verbose_name = _("Product bundles")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from bundle_app import checks  # noqa: F401  (registers itself)
        from bundle_app.events.subjects import remember_session

        user_logged_in.connect(remember_session, dispatch_uid="bundle_app.remember_session")

        if apps.is_installed("import_export") and apps.is_installed("django.contrib.admin"):
            from bundle_app.transfer import screens  # noqa: F401  (takes the place of screens without import and export)

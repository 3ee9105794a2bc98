"""The tutorial shop's pages, as far as bundles go: a front page, a product's page and a cart."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.views import LoginView
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.urls import include, path

from tests.bundle_app.tutorial_shop import TUTORIAL

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

HOME = Template("{% load bundles %}<h1>Shop</h1>{% bundle_widget limit=3 %}")
PRODUCT = Template("{% load bundles %}<h1>{{ product.name }}</h1>{% bundle_widget product %}")
CART = Template("{% load bundles %}<h1>Cart</h1>{% bundle_widget placement='cart' %}")


def page(template: Template) -> Any:
    def view(request: HttpRequest, pk: int = 0) -> HttpResponse:
        product = apps.get_model("shop", "Product").objects.get(pk=pk) if pk else None
        said = "".join(f"<p>{message.tags}: {message}</p>" for message in get_messages(request))
        return HttpResponse(template.render(RequestContext(request, {"product": product})) + said)

    return view


def use(settings: Any) -> None:
    """Point the settings at this shop instead of the example shop."""
    settings.BUNDLE_APP = TUTORIAL
    settings.MIDDLEWARE = MIDDLEWARE
    settings.ROOT_URLCONF = __name__


urlpatterns = [
    path("", page(HOME)),
    path("shop/<int:pk>/", page(PRODUCT)),
    path("cart/", page(CART)),
    path("login/", LoginView.as_view(next_page="/")),
    path("bundles/", include("bundle_app.urls")),
]

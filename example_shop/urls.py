"""Addresses of the shop, of the bundles and of the admin."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import URLPattern, URLResolver, include, path

from example_shop import account_views, cart_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("favicon.ico", views.icon, name="icon"),
    path("search/", views.search, name="search"),
    path("category/<slug:slug>/", views.category, name="category"),
    path("product/<path:sku>/", views.product, name="product"),
    path("picture/<path:sku>.svg", views.picture, name="picture"),
    path("cart/", cart_views.cart, name="cart"),
    path("cart/add/", cart_views.add, name="cart-add"),
    path("cart/update/", cart_views.update, name="cart-update"),
    path("cart/change-part/", cart_views.change_part, name="cart-change-part"),
    path("cart/voucher/", cart_views.voucher, name="cart-voucher"),
    path("cart/remove-bundle/", cart_views.remove_bundle, name="cart-remove-bundle"),
    path("checkout/", cart_views.checkout, name="checkout"),
    path("order/<slug:number>/", account_views.order, name="order"),
    path("account/", account_views.account, name="account"),
    path(
        "account/login/",
        auth_views.LoginView.as_view(template_name="example_shop/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("account/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("bundles/", include("bundle_app.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
if find_spec("drf_spectacular"):
    from drf_spectacular.views import SpectacularAPIView

    urlpatterns.append(path("schema/", SpectacularAPIView.as_view(authentication_classes=[]), name="schema"))

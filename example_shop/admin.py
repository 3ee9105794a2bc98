"""The shop's own screens in Django admin: enough to look things up and to correct a price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from example_shop.models import Category, Order, OrderLine, Product, ShopSource

if TYPE_CHECKING:
    from django.http import HttpRequest

    CategoryAdminBase = admin.ModelAdmin[Category]
    ProductAdminBase = admin.ModelAdmin[Product]
    OrderLineInlineBase = admin.TabularInline[OrderLine, Order]
    OrderAdminBase = admin.ModelAdmin[Order]
    ShopSourceAdminBase = admin.ModelAdmin[ShopSource]
else:  # Django's admin classes take type parameters in its stubs only.
    CategoryAdminBase = ProductAdminBase = OrderAdminBase = ShopSourceAdminBase = admin.ModelAdmin
    OrderLineInlineBase = admin.TabularInline


@admin.register(Category)
class CategoryAdmin(CategoryAdminBase):
    list_display = ("name", "name_zh", "section", "position")
    list_filter = ("section",)
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Product)
class ProductAdmin(ProductAdminBase):
    list_display = ("sku", "title", "category", "price", "stock", "active", "sold_count")
    list_filter = ("active", "category")
    list_select_related = ("category",)
    search_fields = ("sku", "title", "title_zh")
    readonly_fields = ("sold_count",)


class OrderLineInline(OrderLineInlineBase):
    model = OrderLine
    raw_id_fields = ("product",)
    extra = 0


@admin.register(Order)
class OrderAdmin(OrderAdminBase):
    list_display = ("number", "placed_at", "status", "user")
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("number",)
    date_hierarchy = "placed_at"
    raw_id_fields = ("user",)
    inlines = (OrderLineInline,)
    show_full_result_count = False


@admin.register(ShopSource)
class ShopSourceAdmin(ShopSourceAdminBase):
    list_display = ("name", "kind", "filled_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ShopSource | None = None) -> bool:
        return False

"""The shop's own screens in Django admin: enough to look things up and to correct a price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app import redemptions
from example_shop.forms import RefundForm
from example_shop.models import Category, Order, OrderLine, Product, ShopSource, Voucher
from example_shop.refunds import RefundError, take_back
from example_shop.templatetags.shop import price

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    CategoryAdminBase = admin.ModelAdmin[Category]
    ProductAdminBase = admin.ModelAdmin[Product]
    OrderLineInlineBase = admin.TabularInline[OrderLine, Order]
    SizeInlineBase = admin.TabularInline[Product, Product]
    OrderAdminBase = admin.ModelAdmin[Order]
    ShopSourceAdminBase = admin.ModelAdmin[ShopSource]
    VoucherAdminBase = admin.ModelAdmin[Voucher]
else:  # Django's admin classes take type parameters in its stubs only.
    CategoryAdminBase = ProductAdminBase = OrderAdminBase = ShopSourceAdminBase = admin.ModelAdmin
    OrderLineInlineBase = SizeInlineBase = admin.TabularInline
    VoucherAdminBase = admin.ModelAdmin


@admin.register(Category)
class CategoryAdmin(CategoryAdminBase):
    list_display = ("name", "name_zh", "section", "position")
    list_filter = ("section",)
    prepopulated_fields = {"slug": ("name",)}


class SizeInline(SizeInlineBase):
    model = Product
    fields = ("sku", "title", "title_zh", "category", "size", "price", "cost", "stock", "active")
    extra = 0
    show_change_link = True
    verbose_name = gettext_lazy("size")
    verbose_name_plural = gettext_lazy("sizes")


@admin.register(Product)
class ProductAdmin(ProductAdminBase):
    list_display = ("sku", "title", "category", "size", "price", "stock", "active", "sold_count")
    list_filter = ("active", "category")
    list_select_related = ("category",)
    raw_id_fields = ("parent",)
    search_fields = ("sku", "title", "title_zh")
    readonly_fields = ("sold_count",)

    def get_inlines(
        self, request: HttpRequest, obj: Product | None
    ) -> list[type[admin.options.InlineModelAdmin[Any, Any]]]:
        """A size comes in no sizes."""
        return [SizeInline] if obj is not None and obj.parent_id is None else []


class OrderLineInline(OrderLineInlineBase):
    model = OrderLine
    raw_id_fields = ("product",)
    readonly_fields = (
        "voucher_discount",
        "bundle_id",
        "bundle_group",
        "impression",
        "refunded_quantity",
        "refunded_amount",
    )
    extra = 0


@admin.register(Voucher)
class VoucherAdmin(VoucherAdminBase):
    list_display = ("code", "percent", "active")
    list_filter = ("active",)
    search_fields = ("code",)


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
    change_form_template = "admin/example_shop/order/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        refund = path("<int:order_id>/refund/", self.admin_site.admin_view(self.refund_view), name="order-refund")
        return [refund, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Order, form: Any, change: Any) -> None:
        """A cancelled order has sold no sets."""
        super().save_model(request, obj, form, change)
        if obj.status == Order.Status.CANCELLED:
            redemptions.give_back(obj.number)

    def refund_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Ask how many pieces of each line come back, take them, and say what is paid back."""
        order = get_object_or_404(Order.objects.prefetch_related("lines"), pk=order_id)
        if not self.has_change_permission(request, order):
            raise PermissionDenied
        form = RefundForm(request.POST or None, order=order)
        if request.method == "POST" and form.is_valid():
            try:
                paid_back = take_back(order, form.pieces)
            except RefundError as error:
                form.add_error(None, str(error))
            else:
                told = _("%(amount)s paid back.") % {"amount": price(paid_back)}
                self.log_change(request, order, told)
                self.message_user(request, told, messages.SUCCESS)
                return redirect("admin:example_shop_order_change", order.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Take pieces back"),
            "opts": self.opts,
            "order": order,
            "form": form,
            "rows": [(line, form[form.name_of(line)]) for line in form.lines],
        }
        return TemplateResponse(request, "admin/example_shop/order/refund.html", context)


@admin.register(ShopSource)
class ShopSourceAdmin(ShopSourceAdminBase):
    list_display = ("name", "kind", "filled_at", "visitors_until")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ShopSource | None = None) -> bool:
        return False

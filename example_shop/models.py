"""The shop's tables: what is sold, and what was sold.

Order lines are kept few-indexed on purpose: an imported shop brings a million of them, and whoever learns from them
reads them all. Lines of an imported file keep their quantities and prices as they stood there, returns included, so no
constraint asks for positive numbers; the checkout of this shop writes positive ones only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Case, Count, Exists, F, OuterRef, Q, When, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


def _in_current_language(english: str, chinese: str) -> str:
    return chinese if chinese and (get_language() or "").startswith("zh") else english


class Category(models.Model):
    class Section(models.TextChoices):
        GOODS = "goods", _("Goods")
        CONTENT = "content", _("Books, films and music")

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_zh = models.CharField(_("name in Chinese"), max_length=80, blank=True)
    section = models.CharField(_("section"), max_length=10, choices=Section, default=Section.GOODS)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering: ClassVar[list[str]] = ["position", "name"]

    def __str__(self) -> str:
        return self.local_name

    def get_absolute_url(self) -> str:
        return reverse("category", args=[self.slug])

    @property
    def local_name(self) -> str:
        return _in_current_language(self.name, self.name_zh)

    @property
    def is_content(self) -> bool:
        return self.section == self.Section.CONTENT


class ProductQuerySet(models.QuerySet["Product"]):
    def for_sale(self) -> ProductQuerySet:
        """What has a page: products, not their sizes. `in_stock` says whether any of it is left, in any size."""
        left = Product.objects.filter(parent=OuterRef("pk"), active=True, stock__gt=0)
        return self.filter(active=True, parent=None).annotate(in_stock=Q(stock__gt=0) | Q(Exists(left)))

    def with_category(self) -> ProductQuerySet:
        return self.select_related("category")

    def one_per_variant_group(self) -> ProductQuerySet:
        """Of each product's colours the one that sells best, with the number of colours as `colour_count`."""
        group = Case(When(variant_group="", then=F("sku")), default=F("variant_group"))
        return self.annotate(
            colour_rank=Window(RowNumber(), partition_by=[group], order_by=["-sold_count", "pk"]),
            colour_count=Window(Count("pk"), partition_by=[group]),
        ).filter(colour_rank=1)

    def matching(self, text: str) -> ProductQuerySet:
        """Products in whose title, in either language, or number every word of the text occurs."""
        found = self
        for word in text.split():
            found = found.filter(Q(title__icontains=word) | Q(title_zh__icontains=word) | Q(sku__iexact=word))
        return found


class Product(models.Model):
    sku = models.CharField(_("product number"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=200)
    title_zh = models.CharField(_("title in Chinese"), max_length=200, blank=True)
    maker = models.CharField(_("author, director or artist"), max_length=120, blank=True)
    maker_zh = models.CharField(_("the same in Chinese"), max_length=120, blank=True)
    description = models.TextField(_("description"), blank=True)
    description_zh = models.TextField(_("description in Chinese"), blank=True)
    category = models.ForeignKey(Category, models.PROTECT, related_name="products", verbose_name=_("category"))
    variant_group = models.CharField(
        _("variant group"), max_length=60, blank=True, help_text=_("The same for all colours of one product.")
    )
    parent = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="sizes", verbose_name=_("size of")
    )
    size = models.CharField(
        _("size"),
        max_length=20,
        blank=True,
        db_default="",
        help_text=_("A product that comes in sizes is sold in these alone, each with a price and a stock of its own."),
    )
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2)
    cost = models.DecimalField(
        _("cost"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("What one piece costs the shop. No set is sold below it; leave empty where it is not known."),
    )
    stock = models.PositiveIntegerField(_("stock"), default=0)
    active = models.BooleanField(_("for sale"), default=True)
    sold_count = models.PositiveIntegerField(_("orders so far"), default=0, editable=False)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering: ClassVar[list[str]] = ["title", "pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(price__gte=0), name="example_shop_product_price_not_negative"),
            models.CheckConstraint(
                condition=Q(parent=None, size="") | (Q(parent__isnull=False) & ~Q(size="")),
                name="example_shop_product_size_of_a_product",
            ),
            models.CheckConstraint(
                condition=Q(cost__isnull=True) | Q(cost__gte=0), name="example_shop_product_cost_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.local_title

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.sku])

    @property
    def local_title(self) -> str:
        return _in_current_language(self.title, self.title_zh)

    @property
    def local_maker(self) -> str:
        return _in_current_language(self.maker, self.maker_zh)

    @property
    def local_description(self) -> str:
        return _in_current_language(self.description, self.description_zh)

    @property
    def currency(self) -> str:
        return settings.SHOP_CURRENCY

    @property
    def can_be_bought(self) -> bool:
        return self.active and self.stock > 0

    @property
    def shown_as(self) -> Product:
        """The product whose page this is on: a size has none of its own."""
        return self.parent or self

    @property
    def picture_url(self) -> str:
        return reverse("picture", args=[self.sku])


class Voucher(models.Model):
    """An offer beside bundles: a percentage off for who knows the code."""

    code = models.CharField(
        _("code"),
        max_length=20,
        unique=True,
        validators=[RegexValidator(r"^[0-9A-Z-]+$", _("Enter capital letters, digits and hyphens."))],
    )
    percent = models.PositiveSmallIntegerField(
        _("percent off"), validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    active = models.BooleanField(_("can be used"), default=True)

    class Meta:
        verbose_name = _("voucher")
        verbose_name_plural = _("vouchers")
        ordering: ClassVar[list[str]] = ["code"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(percent__gte=1, percent__lte=90), name="example_shop_voucher_percent_from_1_to_90"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Order(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        PAID = "paid", _("Paid")
        CANCELLED = "cancelled", _("Cancelled")

    number = models.CharField(_("number"), max_length=40, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("member")
    )
    email = models.EmailField(_("e-mail address"), blank=True)
    placed_at = models.DateTimeField(
        _("placed at"), null=True, help_text=_("Unknown in imported files that tell no times.")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PENDING)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering: ClassVar[list[str]] = ["-placed_at", "-pk"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-placed_at"], name="example_shop_order_placed_at"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "paid", "cancelled"]), name="example_shop_order_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("order", args=[self.number])

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines.all()), Decimal(0))

    @property
    def saving(self) -> Decimal:
        return sum((line.discount for line in self.lines.all()), Decimal(0))

    @property
    def voucher_saving(self) -> Decimal:
        return sum((line.voucher_discount for line in self.lines.all()), Decimal(0))


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(
        Product, models.SET_NULL, null=True, related_name="order_lines", verbose_name=_("product")
    )
    title = models.CharField(_("title when bought"), max_length=200)
    quantity = models.IntegerField(_("quantity"))
    unit_price = models.DecimalField(_("unit price"), max_digits=12, decimal_places=2)
    discount = models.DecimalField(
        _("discount"),
        max_digits=12,
        decimal_places=2,
        default=Decimal(0),
        db_default=Decimal(0),
        help_text=_("This line's share of its bundle's discount."),
    )
    voucher_discount = models.DecimalField(
        _("voucher"),
        max_digits=12,
        decimal_places=2,
        default=Decimal(0),
        db_default=Decimal(0),
        help_text=_("This line's share of what a voucher took off."),
    )
    bundle_id = models.BigIntegerField(_("bundle it was bought in"), null=True, blank=True)
    bundle_group = models.PositiveSmallIntegerField(
        _("set within the order"),
        null=True,
        blank=True,
        help_text=_("Keeps two sets apart that hold the same product, or are the same bundle twice."),
    )
    impression = models.CharField(_("showing that led to it"), max_length=512, blank=True, db_default="")
    refunded_quantity = models.PositiveIntegerField(_("pieces sent back"), default=0, db_default=0)
    refunded_amount = models.DecimalField(
        _("paid back"), max_digits=12, decimal_places=2, default=Decimal(0), db_default=Decimal(0)
    )

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(discount=0) | Q(discount__gt=0, discount__lte=F("quantity") * F("unit_price")),
                name="example_shop_line_discount_within_line",
            ),
            models.CheckConstraint(
                condition=Q(voucher_discount=0)
                | Q(
                    voucher_discount__gt=0,
                    voucher_discount__lte=F("quantity") * F("unit_price") - F("discount"),
                ),
                name="example_shop_line_voucher_within_line",
            ),
            models.CheckConstraint(
                condition=Q(discount=0) | Q(bundle_id__isnull=False), name="example_shop_line_discount_is_of_a_bundle"
            ),
            models.CheckConstraint(
                condition=Q(bundle_id__isnull=True, bundle_group__isnull=True)
                | Q(bundle_id__isnull=False, bundle_group__isnull=False),
                name="example_shop_line_of_a_bundle_in_a_group",
            ),
            models.CheckConstraint(
                condition=Q(refunded_quantity=0, refunded_amount=0)
                | Q(
                    refunded_quantity__gt=0,
                    refunded_quantity__lte=F("quantity"),
                    refunded_amount__gte=0,
                    refunded_amount__lte=F("quantity") * F("unit_price") - F("discount") - F("voucher_discount"),
                ),
                name="example_shop_line_refund_within_line",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.title}"

    @property
    def total(self) -> Decimal:
        return self.quantity * self.unit_price - self.discount - self.voucher_discount

    @property
    def returnable_count(self) -> int:
        """How many pieces can still come back."""
        return max(self.quantity - self.refunded_quantity, 0)


class ShopSource(models.Model):
    """Where the catalogue and the orders come from: at most one row, because a shop is filled once."""

    class Kind(models.TextChoices):
        GENERATED = "generated", _("Generated")
        IMPORTED = "imported", _("Imported")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    name = models.CharField(_("name"), max_length=200)
    fingerprint = models.CharField(_("fingerprint"), max_length=80)
    filled_at = models.DateTimeField(_("filled at"), auto_now_add=True)
    visitors_until = models.DateField(
        _("generated visitors until"), null=True, editable=False, help_text=_("Empty where none were generated.")
    )
    only_row = models.BooleanField(default=True, unique=True, editable=False)

    class Meta:
        verbose_name = _("source of the shop")
        verbose_name_plural = _("source of the shop")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(only_row=True), name="example_shop_one_source"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}"

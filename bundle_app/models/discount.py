"""The fields of a bundle that say how it is cheaper than its parts, how often, and beside what.

They are columns of `Bundle`, kept in a module of their own. A form's number stands in its own column and nowhere
else, which constraints see to: a percentage is 0 in every form but one, and only the two that need an amount have one.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bundle_app import pricing

SMALLEST_AMOUNT = Decimal("0.001")


class DiscountFields(models.Model):
    class DiscountForm(models.TextChoices):
        PERCENT = "percent", _("Percentage off")
        AMOUNT = "amount", _("Amount off")
        FIXED_PRICE = "fixed_price", _("Fixed price for the set")
        CHEAPEST_FREE = "cheapest_free", _("Cheapest product free")

    discount_form = models.CharField(
        _("form of the price"), max_length=20, choices=DiscountForm, default=DiscountForm.PERCENT
    )
    discount_percent = models.DecimalField(
        _("discount in percent"),
        max_digits=5,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(99)],
    )
    discount_amount = models.DecimalField(
        _("amount"),
        max_digits=12,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST_AMOUNT)],
        help_text=_("What is taken off, or the price of the whole set."),
    )
    discount_maximum = models.DecimalField(
        _("at most"),
        max_digits=12,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST_AMOUNT)],
        help_text=_("The most that the set may save. Leave empty for no limit but the floor."),
    )
    discount_currency = models.CharField(
        _("currency of the amounts"),
        max_length=3,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Enter an ISO 4217 code such as EUR."))],
        help_text=_("Where the products are priced in another currency, the set is not offered."),
    )
    combinable = models.BooleanField(
        _("combinable"),
        default=False,
        help_text=_("May be combined with other offers, such as a voucher. The shop's cart is told."),
    )
    max_uses = models.PositiveIntegerField(
        _("sold at most"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many sets may be sold in all. Leave empty for no limit."),
    )
    use_count = models.PositiveIntegerField(_("sold so far"), default=0, editable=False)

    class Meta:
        abstract = True

    @property
    def discount(self) -> pricing.Discount:
        return pricing.Discount(
            form=pricing.DiscountForm(self.discount_form),
            percent=Decimal(self.discount_percent),
            amount=self.discount_amount or pricing.NOTHING,
            maximum=self.discount_maximum,
            currency=self.discount_currency,
        )

    def discount_at(self, percent: Decimal | None) -> pricing.Discount:
        """The discount with another percentage, where it is one; None leaves it as it is."""
        if percent is None or self.discount_form != self.DiscountForm.PERCENT:
            return self.discount
        return replace(self.discount, percent=Decimal(percent))

    @property
    def uses_left(self) -> int | None:
        """How many more sets may be sold; None for no limit."""
        return None if self.max_uses is None else max(self.max_uses - self.use_count, 0)


WITH_AMOUNT = Q(discount_form__in=[DiscountFields.DiscountForm.AMOUNT, DiscountFields.DiscountForm.FIXED_PRICE])
USES_LEFT = Q(max_uses__isnull=True) | Q(use_count__lt=F("max_uses"))

DISCOUNT_CONSTRAINTS = [
    models.CheckConstraint(
        condition=Q(discount_form__in=DiscountFields.DiscountForm.values), name="bundle_discount_form_known"
    ),
    models.CheckConstraint(
        condition=Q(discount_percent__gte=0, discount_percent__lt=100),
        name="bundle_discount_below_100_percent",
        violation_error_message=_("The discount must be at least 0 and below 100 percent."),
    ),
    models.CheckConstraint(
        condition=Q(discount_form=DiscountFields.DiscountForm.PERCENT) | Q(discount_percent=0),
        name="bundle_percentage_only_where_it_counts",
        violation_error_message=_("This form of price takes no percentage."),
    ),
    models.CheckConstraint(
        condition=Q(WITH_AMOUNT, discount_amount__gt=0, discount_amount__isnull=False)
        | (~WITH_AMOUNT & Q(discount_amount__isnull=True)),
        name="bundle_amount_where_it_counts",
        violation_error_message=_("An amount off and a fixed price need an amount above 0; other forms take none."),
    ),
    models.CheckConstraint(
        condition=Q(discount_maximum__isnull=True) | Q(discount_maximum__gt=0),
        name="bundle_discount_maximum_above_0",
        violation_error_message=_("The most that a set may save must be above 0."),
    ),
    models.CheckConstraint(
        condition=Q(discount_amount__isnull=True, discount_maximum__isnull=True, discount_currency="")
        | (~Q(discount_amount__isnull=True, discount_maximum__isnull=True) & ~Q(discount_currency="")),
        name="bundle_amounts_have_a_currency",
        violation_error_message=_("Amounts need a currency, and a currency needs an amount."),
    ),
    models.CheckConstraint(
        condition=Q(max_uses__isnull=True) | Q(max_uses__gte=1, use_count__lte=F("max_uses")),
        name="bundle_sold_no_more_often_than_allowed",
        violation_error_message=_("More sets have been sold already. Raise the number, or pause the bundle."),
    ),
]

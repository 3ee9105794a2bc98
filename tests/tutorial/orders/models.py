from __future__ import annotations

from django.db import models


class Order(models.Model):
    email = models.EmailField()
    created = models.DateTimeField(auto_now_add=True)
    paid = models.BooleanField(default=False)

    class Meta:
        app_label = "orders"

    def __str__(self) -> str:
        return f"Order {self.pk}"


class OrderItem(models.Model):
    order = models.ForeignKey(Order, related_name="items", on_delete=models.CASCADE)
    product = models.ForeignKey("shop.Product", related_name="order_items", null=True, on_delete=models.SET_NULL)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.PositiveIntegerField(default=1)
    # What a shop adds to keep with a line the bundle that it was bought in.
    discount = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    bundle_id = models.BigIntegerField(null=True)
    impression = models.CharField(max_length=512, blank=True)

    class Meta:
        app_label = "orders"

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"

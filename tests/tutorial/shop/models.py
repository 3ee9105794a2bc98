from __future__ import annotations

from django.db import models


class Category(models.Model):
    name = models.CharField(max_length=200)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    category = models.ForeignKey(Category, related_name="products", on_delete=models.CASCADE)
    name = models.CharField(max_length=200)
    image = models.FileField(upload_to="products", blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    available = models.BooleanField(default=True)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/shop/{self.pk}/"


class Edition(models.Model):
    """What a shop adds whose products come in variants: most cost what the product costs."""

    product = models.ForeignKey(Product, related_name="editions", on_delete=models.CASCADE)
    code = models.CharField(max_length=20, unique=True)
    binding = models.CharField(max_length=20, blank=True)
    available = models.BooleanField(default=True)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"{self.product}, {self.binding}"

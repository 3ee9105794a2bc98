"""Understands an order file: CSV or Parquet, one line of an order per row. Needs pyarrow; knows no database.

What is decided here:
* An order is cancelled if its number starts with C before digits (as till systems write it), or if nothing in it has a
  positive quantity. Its lines are kept as they are, so that whoever learns from them can count what was left out.
* A product's title is the one it was sold under most often, its price the median of its last positive prices.
* Postage, fees, samples, vouchers and corrections are products that are not for sale.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

REQUIRED = ("order_id", "item_id")
OPTIONAL = ("user_id", "quantity", "unit_price", "ordered_at", "title", "category")
PRICE_WITHOUT_ANY = Decimal("10.00")
"""A file without prices still makes a shop; everything in it then costs this."""
RECENT_PRICE_COUNT = 50
MAX_KEY_LENGTH = 60
MAX_ORDER_KEY_LENGTH = 40

NO_PRODUCT = re.compile(
    r"(?:dotcom )?(?:postage|carriage|manual|discount|samples?|bank charges|amazon ?fees?|test product.*|adjust.*"
    r"|.*\bcommission|.*gift voucher.*|next day carriage|update|shipping|delivery(?: charge)?|fees?)",
    re.IGNORECASE,
)
SMALL_WORDS = frozenset("a an and as at by de for from in la le of on or per the to with x".split())


class OrderFileError(Exception):
    """The order file cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProduct:
    key: str
    title: str
    category: str
    price: Decimal
    is_for_sale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFile:
    """The file as arrays: per order, per line. Lines name orders and products by position.

    Shapes: `order_*` one per order, `line_*` one per line. `order_member` counts from 0, -1 is a guest;
    `order_placed_at` is NaT where the file tells no time.
    """

    products: list[FileProduct]
    member_count: int
    order_keys: list[str]
    order_member: npt.NDArray[np.int64]
    order_placed_at: npt.NDArray[np.datetime64]
    order_is_cancelled: npt.NDArray[np.bool_]
    line_order: npt.NDArray[np.int64]
    line_product: npt.NDArray[np.int64]
    line_quantity: npt.NDArray[np.int64]
    line_unit_price: npt.NDArray[np.float64]


def read_order_file(path: Path) -> OrderFile:
    """Read and understand the file.

    Raises:
        OrderFileError: it is missing, of another kind, lacks a column, or is empty.
    """
    table = _read_table(path)
    line_order, order_keys = _coded(table["order_id"])
    line_product, product_keys = _coded(table["item_id"])
    _refuse_long("order_id", order_keys, MAX_ORDER_KEY_LENGTH)
    _refuse_long("item_id", product_keys, MAX_KEY_LENGTH)
    quantity = table.get("quantity", np.ones(len(line_order), dtype=np.int64))
    ordered_at = table.get("ordered_at", np.full(len(line_order), np.datetime64("NaT", "us")))
    prices = table.get("unit_price", np.zeros(len(line_order)))
    members, member_count = _members(table.get("user_id"), line_order, len(order_keys))
    return OrderFile(
        products=_products(table, product_keys, line_product, quantity=quantity, prices=prices, ordered_at=ordered_at),
        member_count=member_count,
        order_keys=order_keys,
        order_member=members,
        order_placed_at=_first_by_order(ordered_at, line_order, len(order_keys)),
        order_is_cancelled=_cancelled(order_keys, line_order, quantity),
        line_order=line_order,
        line_product=line_product,
        line_quantity=quantity,
        line_unit_price=prices,
    )


def _read_table(path: Path) -> dict[str, Any]:
    """Known columns by name: numbers and times as arrays, texts as pyarrow columns."""
    try:
        from pyarrow import ArrowException, csv, parquet
    except ImportError as error:
        raise OrderFileError(
            "Reading order files needs pyarrow, which is not installed. Run: pip install 'django-product-bundles[demo]'"
        ) from error
    if not path.is_file():
        raise OrderFileError(f"There is no file {path}. Give the path of a CSV or Parquet file of order lines.")
    try:
        if path.suffix == ".parquet":
            table = parquet.read_table(path)
        elif path.name.endswith((".csv", ".csv.gz")):
            kept_as_text = dict.fromkeys(("order_id", "item_id", "user_id", "title", "category"), "string")
            table = csv.read_csv(
                path, convert_options=csv.ConvertOptions(column_types=_types(kept_as_text), strings_can_be_null=True)
            )
        else:
            raise OrderFileError(f"{path.name} ends in {path.suffix!r}; expected .csv, .csv.gz or .parquet.")
    except (ArrowException, UnicodeDecodeError) as error:
        raise OrderFileError(
            f"{path.name} cannot be read: {error}. Expected a {path.suffix} file of order lines with a header."
        ) from error
    return _columns(table, path.name)


def _types(names: dict[str, str]) -> dict[str, Any]:
    import pyarrow as pa

    return {name: pa.type_for_alias(alias) for name, alias in names.items()}


def _columns(table: Any, file_name: str) -> dict[str, Any]:
    found = [str(name) for name in table.column_names]
    by_name = {name.strip().lower(): name for name in found}
    missing = [name for name in REQUIRED if name not in by_name]
    if missing:
        raise OrderFileError(
            f"{file_name} lacks the column{'s' if len(missing) > 1 else ''} {' and '.join(missing)}. "
            f"Found: {', '.join(found)}. Expected {' and '.join(REQUIRED)}, and where there {', '.join(OPTIONAL)}. "
            "Rename the columns of the file, then try again."
        )
    table = table.filter(_is_filled(table, [by_name[name] for name in REQUIRED]))
    if table.num_rows == 0:
        raise OrderFileError(
            f"{file_name} has no row with both {' and '.join(REQUIRED)}. Expected one row for each order line."
        )
    return {name: _converted(name, table[by_name[name]], file_name) for name in REQUIRED + OPTIONAL if name in by_name}


def _is_filled(table: Any, names: Sequence[str]) -> Any:
    import pyarrow.compute as pc

    first, second = (pc.is_valid(_text(table[name])) for name in names)
    return pc.and_(first, second)


def _text(column: Any) -> Any:
    """As text without blanks around it; nothing but blanks is nothing."""
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(column.cast("string"))
    return pc.if_else(pc.equal(text, ""), None, text)


def _converted(name: str, column: Any, file_name: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        match name:
            case "quantity":
                return pc.fill_null(column.cast("float64"), 1).to_numpy().round().astype(np.int64)
            case "unit_price":
                return pc.fill_null(column.cast("float64"), 0).to_numpy().astype(np.float64)
            case "ordered_at":
                return column.cast(pa.timestamp("us")).to_numpy()
            case _:
                return _text(column)
    except pa.ArrowInvalid as error:
        expected = "a time such as 2026-05-31 12:00:00" if name == "ordered_at" else "a number"
        raise OrderFileError(
            f"The column {name} of {file_name} holds something else than {expected}: {error}. "
            "Correct it, then try again."
        ) from error


def _coded(column: Any) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Each value as a number, and the values by number, in the order in which they come first."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _refuse_long(column: str, keys: list[str], longest: int) -> None:
    too_long = next((key for key in keys if len(key) > longest), None)
    if too_long is not None:
        raise OrderFileError(
            f"The {column} {too_long!r} has {len(too_long)} characters; expected at most {longest}. "
            "Shorten it in the file."
        )


def _members(users: Any, line_order: npt.NDArray[np.int64], order_count: int) -> tuple[npt.NDArray[np.int64], int]:
    """Per order the running number of its member, or -1; and how many members there are."""
    members = np.full(order_count, -1, dtype=np.int64)
    if users is None:
        return members, 0
    encoded = users.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    known = codes >= 0
    members[line_order[known]] = codes[known]
    return members, len(encoded.dictionary)


def _first_by_order(
    ordered_at: npt.NDArray[np.datetime64], line_order: npt.NDArray[np.int64], order_count: int
) -> npt.NDArray[np.datetime64]:
    latest = np.iinfo(np.int64).max
    times = ordered_at.astype("datetime64[us]").astype(np.int64)
    is_missing = np.isnat(ordered_at)
    first = np.full(order_count, latest)
    np.minimum.at(first, line_order, np.where(is_missing, latest, times))
    moments = first.astype("datetime64[us]")
    moments[first == latest] = np.datetime64("NaT")
    return moments


def _cancelled(
    keys: list[str], line_order: npt.NDArray[np.int64], quantity: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    has_sale = np.zeros(len(keys), dtype=bool)
    has_sale[line_order[quantity > 0]] = True
    marked = np.array([re.match(r"[cC]\d", key) is not None for key in keys])
    return marked | ~has_sale


def _products(
    table: dict[str, Any],
    keys: list[str],
    line_product: npt.NDArray[np.int64],
    *,
    quantity: npt.NDArray[np.int64],
    prices: npt.NDArray[np.float64],
    ordered_at: npt.NDArray[np.datetime64],
) -> list[FileProduct]:
    is_sale = quantity > 0
    was_sold = np.zeros(len(keys), dtype=bool)
    was_sold[line_product[is_sale]] = True
    if "unit_price" in table:
        is_sale &= prices > 0
        price_by_product = _prices(len(keys), line_product[is_sale], prices[is_sale], ordered_at[is_sale])
    else:
        price_by_product = dict.fromkeys(range(len(keys)), PRICE_WITHOUT_ANY)
    titles = _most_frequent(table.get("title"), line_product, is_sale)
    categories = _most_frequent(table.get("category"), line_product, is_sale)
    numbers_are_usual = sum(any(map(str.isdecimal, key)) for key in keys) > 0.9 * len(keys)
    return [
        FileProduct(
            key=key,
            title=readable_title(titles.get(index, key))[:200],
            category=categories.get(index, ""),
            price=price_by_product.get(index, Decimal(0)),
            is_for_sale=bool(was_sold[index])
            and index in price_by_product
            and not NO_PRODUCT.fullmatch(titles.get(index, ""))
            and (not numbers_are_usual or any(map(str.isdecimal, key))),
        )
        for index, key in enumerate(keys)
    ]


def _prices(
    product_count: int,
    line_product: npt.NDArray[np.int64],
    prices: npt.NDArray[np.float64],
    ordered_at: npt.NDArray[np.datetime64],
) -> dict[int, Decimal]:
    """Per product with any price the median of its last ones."""
    order = np.lexsort((ordered_at.astype(np.int64), line_product))
    ends = np.searchsorted(line_product[order], np.arange(product_count + 1))
    found = {}
    for index in range(product_count):
        start, end = ends[index], ends[index + 1]
        if start < end:
            recent = prices[order[max(start, end - RECENT_PRICE_COUNT) : end]]
            found[index] = Decimal(str(round(float(np.median(recent)), 2)))
    return {index: price for index, price in found.items() if price > 0}


def _most_frequent(column: Any, line_product: npt.NDArray[np.int64], is_sale: npt.NDArray[np.bool_]) -> dict[int, str]:
    """Per product the text that stands most often on its lines; lines that are sales count before others."""
    import pyarrow as pa

    if column is None:
        return {}
    table = pa.table({"product": line_product, "text": column.combine_chunks(), "sale": is_sale})
    counted = table.group_by(["product", "text", "sale"]).aggregate([([], "count_all")])
    ordered = counted.sort_by([("sale", "ascending"), ("count_all", "ascending"), ("text", "descending")])
    # The last entry of a product wins: a sale before another line, then the greater count.
    pairs = zip(ordered["product"].to_pylist(), ordered["text"].to_pylist(), strict=True)
    return {product: text for product, text in pairs if text}


def readable_title(title: str) -> str:
    """A title that shouts, as a shop would write it; others are left alone but for doubled blanks."""
    words = title.split()
    if title.upper() != title:
        return " ".join(words)
    return " ".join(_readable_word(word, is_first=position == 0) for position, word in enumerate(words))


def _readable_word(word: str, *, is_first: bool) -> str:
    lower = word.lower()
    if lower in SMALL_WORDS and not is_first:
        return lower
    if re.fullmatch(r"[\d.,/x]+(?:cm|mm|m|g|kg|ml|l|w|pc|pcs)?", lower):
        return lower
    return re.sub(r"(?<![a-z0-9'’])[a-z]", lambda match: match.group().upper(), lower)

"""The Chinese catalogues: complete, exact, compiled, and shown. Extraction needs GNU gettext; the rest does not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polib  # type: ignore[import-untyped]
import pytest
from django.test import Client
from django.utils import translation

from bundle_app.models import Bundle, BundlePart, composition_hash
from example_shop.models import Category, Product

ROOT = Path(__file__).resolve().parents[2]
IN_LOCALE = Path("locale", "zh_Hans", "LC_MESSAGES", "django.po")
CHINESE = {"accept-language": "zh-hans"}

needs_gettext = pytest.mark.skipif(
    not shutil.which("xgettext"), reason="GNU gettext is not installed: apt-get install gettext"
)

Key = tuple[str | None, str, str]


@pytest.fixture(params=["bundle_app", "example_shop"])
def app(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def catalogue(app: str) -> Any:
    """The app's translations as they are written, without obsolete ones."""
    path = ROOT / app / IN_LOCALE
    assert path.is_file(), f"{app} has no catalogue at {path.relative_to(ROOT)}; run: make messages"
    return polib.pofile(str(path))


def key(entry: Any) -> Key:
    """What gettext looks an entry up by."""
    return entry.msgctxt or None, entry.msgid, entry.msgid_plural


def texts(entry: Any) -> list[str]:
    return [entry.msgstr_plural[form] for form in sorted(entry.msgstr_plural)] if entry.msgid_plural else [entry.msgstr]


def entries(found: Any) -> dict[Key, list[str]]:
    return {key(entry): texts(entry) for entry in found if not entry.obsolete}


def placeholders(text: str, *, percent: bool) -> list[str]:
    """All that is filled in, and every percent sign that formatting would trip over.

    With `percent`, the text is filled in by `%`; braces count always.
    """
    percents = re.findall(r"%\(\w+\)[.\d]*[a-z]|%.?", text) if percent else []
    return sorted([found for found in percents if found != "%%"] + re.findall(r"\{\w*\}", text))


def test_every_text_is_translated(catalogue: Any) -> None:
    missing = [entry.msgid for entry in catalogue.untranslated_entries()]
    assert not missing, f"translate in {catalogue.fpath}, then run: make messages"


def test_no_translation_is_a_guess(catalogue: Any) -> None:
    guesses = [entry.msgid for entry in catalogue.fuzzy_entries()]
    assert not guesses, f"correct and unmark in {catalogue.fpath}, then run: make messages"


def test_chinese_has_one_plural_form(catalogue: Any) -> None:
    assert catalogue.metadata["Plural-Forms"] == "nplurals=1; plural=0;"
    assert all(len(texts(entry)) == 1 for entry in catalogue)


def test_the_same_is_filled_in_in_both_languages(catalogue: Any) -> None:
    differing = []
    for entry in catalogue:
        percent = "python-format" in entry.flags
        expected = placeholders(entry.msgid_plural or entry.msgid, percent=percent)
        differing += [
            f"{text!r}: expected {expected}" for text in texts(entry) if placeholders(text, percent=percent) != expected
        ]
    assert not differing, f"correct in {catalogue.fpath}, then run: make messages"


def test_the_compiled_catalogue_is_up_to_date(catalogue: Any) -> None:
    compiled = Path(catalogue.fpath).with_suffix(".mo")
    assert compiled.is_file(), "not compiled; run: make messages"
    written = entries(catalogue.translated_entries())
    assert entries(polib.mofile(str(compiled))) == written, f"{compiled} is older than its source; run: make messages"


def test_the_catalogue_is_as_make_messages_leaves_it(catalogue: Any) -> None:
    """So that a change of one text is a change of a few lines: no dates, no places, no leftovers."""
    assert not {"POT-Creation-Date", "Report-Msgid-Bugs-To"} & set(catalogue.metadata), "run: make messages"
    assert not [entry.msgid for entry in catalogue if entry.occurrences or entry.obsolete], "run: make messages"
    assert Path(catalogue.fpath).read_text() == str(catalogue), "run: make messages"


@needs_gettext
def test_every_text_of_the_sources_is_in_the_catalogue_and_no_other(app: str, catalogue: Any, tmp_path: Path) -> None:
    copy = tmp_path / app
    shutil.copytree(ROOT / app, copy, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copy / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "zh_Hans", "--verbosity", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(command, cwd=copy, env=environment, check=True)
    extracted = entries(polib.pofile(str(copy / IN_LOCALE))).keys()
    known = entries(catalogue).keys()
    unknown, unused = ([msgid for _context, msgid, _plural in keys] for keys in (extracted - known, known - extracted))
    assert not unknown, "run: make messages, then translate what is new"
    assert not unused, "no source holds these texts any more; run: make messages"


@pytest.fixture(autouse=True)
def language_reset() -> Iterator[None]:
    """A request leaves its language behind in the thread, which other tests share."""
    yield
    translation.deactivate()


@pytest.fixture
def teapot(db: None) -> Product:
    """A product with a bundle made by hand on its page."""
    category = Category.objects.create(slug="kitchen", name="Kitchen", name_zh="厨房", position=1)
    products = [
        Product.objects.create(sku=sku, title=title, title_zh=title_zh, category=category, price=Decimal(40), stock=3)
        for sku, title, title_zh in [("POT", "Teapot", "茶壶"), ("CUP", "Teacup", "茶杯")]
    ]
    bundle = Bundle.objects.create(
        composition_hash=composition_hash({"POT": 1, "CUP": 1}),
        status=Bundle.Status.ACTIVE,
        kind=Bundle.Kind.PAIR,
        discount_percent=10,
    )
    BundlePart.objects.bulk_create(BundlePart(bundle=bundle, item_key=sku) for sku in ("POT", "CUP"))
    return products[0]


def test_admin_speaks_chinese(admin_client: Client, teapot: Product) -> None:
    page = admin_client.get("/admin/bundle_app/bundle/", headers=CHINESE).content.decode()
    for text in ("商品组合", "启用所选组合", "线上模型", "首次训练后生成", "立即训练", "搭配", "人工创建"):
        assert text in page


def test_the_widget_speaks_chinese(client: Client, teapot: Product) -> None:
    page = client.get("/product/POT/", headers=CHINESE).content.decode()
    for text in ("搭配购买", "当前商品", "茶杯", "由我们的团队精心搭配", "合计", "立省", "两件都加入购物车"):
        assert text in page

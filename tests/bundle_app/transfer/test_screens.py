"""The pages of import and export: what they show, to whom, under which policy."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from bundle_app.models import Bundle, FileImport, Rule
from tests.bundle_app.admin.conftest import Tags, text_of
from tests.bundle_app.transfer.conftest import csv_bytes, hand_in
from tests.bundle_app.tutorial_shop import bundle

IMPORT = "admin:bundle_app_bundle_import"
EXPORT = "admin:bundle_app_bundle_export"


@pytest.fixture
def page(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def staff(clerk: Callable[..., User]) -> Callable[..., Client]:
    def logged_in(*codenames: str) -> Client:
        client = Client()
        client.force_login(clerk(*codenames))
        return client

    return logged_in


def upload(client: Client, content: bytes, *, name: str = "sets.csv", to: str = IMPORT) -> Any:
    return client.post(reverse(to), {"file": SimpleUploadedFile(name, content)}, follow=True)


def of(run: FileImport, view: str) -> str:
    return reverse(f"admin:bundle_app_fileimport_{view}", args=[run.pk])


def test_a_file_is_shown_row_by_row_and_imported_when_that_is_confirmed(page: Client, goods: list[Any]) -> None:
    bundle(goods[:2], status="review")
    rows = [[f"{goods[0].pk}, {goods[1].pk}", "paused"], [f"{goods[2].pk}, {goods[3].pk}", "active"]]

    shown = upload(page, csv_bytes(["products", "status"], *rows))

    text = text_of(shown)
    assert "Waiting for your word" in text
    assert "Would be created: 1 Would be changed: 1" in text
    assert "Would be changed Product 1 + Product 2 Status: Review → Paused" in text
    assert Bundle.objects.count() == 1
    run = FileImport.objects.get()

    done = page.post(of(run, "confirm"), follow=True)

    assert "All of it was done at once" in text_of(done)
    assert "Created: 1 Changed: 1" in text_of(done)
    assert sorted(Bundle.objects.values_list("status", flat=True)) == ["active", "paused"]


@pytest.mark.usefixtures("unreachable_broker")
def test_a_broker_that_is_away_is_told_and_the_file_is_kept(page: Client, goods: list[Any], settings: Any) -> None:
    checked = hand_in(User.objects.get(), ["products"], [f"{goods[0].pk}, {goods[1].pk}"])
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "IMPORT_IN_BACKGROUND_BYTES": 1}
    answers = [
        upload(page, csv_bytes(["products"], [f"{goods[2].pk}, {goods[3].pk}"])),
        page.post(of(checked, "confirm"), follow=True),
    ]
    for answer in answers:
        told = text_of(answer)
        assert "The task could not be sent to the message broker" in told
        assert "the file is kept and tried again when the broker answers" in told
    assert sorted(FileImport.objects.values_list("status", flat=True)) == ["confirmed", "uploaded"]


def test_errors_stand_first_and_go_with_their_rows_into_the_report(page: Client, goods: list[Any]) -> None:
    good = [f"{goods[0].pk}, {goods[1].pk}", "Tea", "10"]
    bad = [f"{goods[0].pk}, 999", "=cmd", "a lot"]

    shown = upload(page, csv_bytes(["products", "title", "discount_percent"], good, bad))

    text = text_of(shown)
    assert "Not imported: it has errors" in text
    assert "Wrong: 1 Would be created: 1" in text
    assert text.index("products: There is no product with the key “999”") < text.index("Would be created Tea")
    assert "Import all of it" not in text
    run = FileImport.objects.get()
    report = page.get(of(run, "report"))
    assert report.headers["Content-Disposition"] == f'attachment; filename="import-{run.pk}.csv"'
    table = list(csv.DictReader(StringIO(report.content.decode("utf-8-sig"))))
    assert [(line["row"], line["outcome"], line["column"]) for line in table] == [
        ("2", "new", ""),
        ("3", "error", "products"),
    ]
    assert "There is no product with the key “999”" in table[1]["message"]


def test_a_wrong_kind_of_file_is_refused_at_the_field(page: Client) -> None:
    response = upload(page, b"%PDF", name="sets.pdf")

    assert "“sets.pdf” is neither .csv nor .xlsx." in text_of(response)
    assert not FileImport.objects.exists()


def test_a_file_that_is_too_large_is_refused_at_the_field(page: Client, settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "IMPORT_MAX_BYTES": 10}

    assert "The file has 11 bytes; at most 10 are taken." in text_of(upload(page, b"products\na,"))


def test_a_page_of_a_file_that_waits_for_the_worker_looks_again_by_itself(page: Client, boss: User) -> None:
    run = FileImport.objects.create(
        subject_kind="bundle",
        file_name="sets.csv",
        size_bytes=1,
        user=boss,
        language="en",
        row_count=200,
        done_count=50,
    )

    response = page.get(of(run, "change"))

    assert response.headers["Refresh"] == "2"
    assert "25% 50 of 200 rows" in text_of(response)
    FileImport.objects.update(status="applied")
    assert "Refresh" not in page.get(of(run, "change")).headers


def test_the_list_of_bundles_keeps_its_dashboard_beside_the_buttons(page: Client) -> None:
    tags = Tags(page.get(reverse("admin:bundle_app_bundle_changelist")).content.decode())

    links = [attributes.get("href", "") for attributes in tags.named("a")]
    assert reverse(IMPORT) in links
    assert reverse(EXPORT) + "?" in links
    assert reverse("admin:bundle_app_trainingrun_train") in [form.get("action") for form in tags.named("form")]


@pytest.mark.parametrize(
    ("may", "imports", "exports"),
    [(["view_bundle"], False, True), (["view_bundle", "pause_bundle"], True, True), (["view_rule"], False, False)],
)
def test_who_sees_the_list_exports_and_who_decides_anything_imports(
    staff: Callable[..., Client], may: list[str], imports: bool, exports: bool
) -> None:
    client = staff(*may)

    assert (client.get(reverse(IMPORT)).status_code == 200) is imports
    assert (client.get(reverse(EXPORT)).status_code == 200) is exports
    if exports:
        links = Tags(client.get(reverse("admin:bundle_app_bundle_changelist")).content.decode()).named("a")
        hrefs = [attributes.get("href", "") for attributes in links]
        assert (reverse(IMPORT) in hrefs) is imports
        assert reverse(EXPORT) + "?" in hrefs


def test_a_file_about_rules_is_not_for_those_who_decide_about_bundles_alone(
    staff: Callable[..., Client], boss: User
) -> None:
    run = hand_in(boss, ["kind", "category"], ["pin", "Tea"], kind="rule")
    client = staff("change_bundle")

    for view in ("change", "report"):
        assert client.get(of(run, view)).status_code in {302, 404}
    assert client.post(of(run, "confirm")).status_code == 404
    assert not Rule.objects.exists()


def test_a_colleague_sees_a_file_and_does_not_confirm_it(
    staff: Callable[..., Client], boss: User, goods: list[Any]
) -> None:
    run = hand_in(boss, ["products"], [f"{goods[0].pk}, {goods[1].pk}"])
    client = staff("add_bundle")

    assert "Import all of it" not in text_of(client.get(of(run, "change")))
    assert "only who handed a file in confirms it" in text_of(client.post(of(run, "confirm"), follow=True))
    assert not Bundle.objects.exists()


def test_an_export_as_csv_opens_in_excel_and_runs_nothing(page: Client, goods: list[Any]) -> None:
    bundle(goods[:2], title="=HYPERLINK(1)")
    bundle(goods[2:4], title="早餐", status="paused")

    response = page.post(reverse(EXPORT) + "?status__exact=active", {"format": "0", "resource": "0"})

    assert response.content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(StringIO(response.content.decode("utf-8-sig")))
    assert row["title"] == "'=HYPERLINK(1)"
    assert (
        list(row)
        == (
            "products title status pinned discount_form discount_percent discount_amount discount_maximum "
            "discount_currency combinable valid_from valid_until max_uses number product_titles kind source sold decided_at"
        ).split()
    )


@pytest.mark.parametrize("resource", ["0", "1"])
def test_an_export_as_workbook_holds_text_and_no_formula(page: Client, goods: list[Any], resource: str) -> None:
    bundle(goods[:2], title="=1+1")
    Bundle.objects.first().parts.update(title="=2+2")  # type: ignore[union-attr]

    response = page.post(reverse(EXPORT), {"format": "1", "resource": resource})

    sheet = openpyxl.load_workbook(BytesIO(response.content)).worksheets[0]
    cells = [cell for row in sheet.rows for cell in row]
    assert cells
    assert "f" not in {cell.data_type for cell in cells}


def test_an_export_of_a_thousand_bundles_takes_as_many_queries_as_one_of_ten(
    page: Client, goods: list[Any], django_assert_max_num_queries: Any
) -> None:
    for number, one in enumerate(goods):
        for other in goods[number + 1 :]:
            bundle([one, other])

    with django_assert_max_num_queries(12):
        response = page.post(reverse(EXPORT), {"format": "0", "resource": "1"})

    assert len(response.content.decode().splitlines()) == 67


@pytest.mark.parametrize("address", ["import", "export", "list", "checked", "refused"])
def test_a_page_has_nothing_inline(page: Client, boss: User, goods: list[Any], address: str) -> None:
    checked = hand_in(boss, ["products"], [f"{goods[0].pk}, {goods[1].pk}"])
    refused = hand_in(boss, ["products"], ["<script>alert(1)</script>, 9"])
    addresses = {
        "import": reverse(IMPORT),
        "export": reverse(EXPORT),
        "list": reverse("admin:bundle_app_fileimport_changelist"),
        "checked": of(checked, "change"),
        "refused": of(refused, "change"),
    }

    response = page.get(addresses[address])

    assert response.status_code == 200
    tags = Tags(response.content.decode())
    for tag, attributes in tags.found:
        assert tag != "style"
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert all(script.get("src") for script in tags.named("script"))

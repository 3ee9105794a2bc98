"""`make screenshots`: the pictures in the README, taken from a running `make demo`.

    make demo                                   # in one terminal
    make screenshots [PORT=8000]                # in another

It needs Debian's chromium and chromium-driver and writes to docs/images.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from example_shop.demo import ADMIN_NAME, ADMIN_PASSWORD

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH = 1280
PRODUCT = "LAP-14"


def main() -> int:
    """Take all pictures; return the exit code."""
    url = f"http://localhost:{os.environ.get('PORT') or 8000}"
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        sys.stderr.write("No chromium with chromedriver here. Run: apt-get install chromium chromium-driver\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        browser = _browser(profile)
        try:
            _shop(browser, url)
            _admin(browser, url)
        finally:
            browser.quit()
    return 0


def _browser(profile: str) -> Any:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    flags = "headless no-sandbox disable-gpu disable-dev-shm-usage disable-quic no-first-run hide-scrollbars"
    flags += " disable-background-networking disable-component-update disable-sync"
    for flag in flags.split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={profile}")
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def _shop(browser: Any, url: str) -> None:
    for language, suffix in (("en", ""), ("zh-hans", ".zh-Hans")):
        browser.get(url)
        browser.add_cookie({"name": "django_language", "value": language})
        browser.get(f"{url}/product/{PRODUCT}/")
        _picture(browser, f"product{suffix}.png", most=1400)


def _admin(browser: Any, url: str) -> None:
    from selenium.webdriver.common.by import By

    browser.delete_all_cookies()
    browser.get(f"{url}/admin/login/?next=/admin/bundle_app/bundle/")
    browser.find_element(By.ID, "id_username").send_keys(ADMIN_NAME)
    browser.find_element(By.ID, "id_password").send_keys(ADMIN_PASSWORD)
    browser.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    _picture(browser, "admin-bundles.png", most=900)
    browser.get(f"{url}/admin/bundle_app/dailyfigure/")
    _picture(browser, "admin-results.png", most=1600)
    browser.get(f"{url}/admin/bundle_app/experiment/?state__exact=promoted")
    browser.find_element(By.CSS_SELECTOR, "#result_list .field-name a").click()
    _picture(browser, "admin-experiment.png", most=1180)
    browser.get(f"{url}/admin/bundle_app/modelversion/")
    live = re.search(r"/admin/bundle_app/modelversion/\d+/change/", browser.page_source)
    if live:
        browser.get(url + live[0])
        _picture(browser, "admin-model.png", most=1300)


def _picture(browser: Any, name: str, *, most: int) -> None:
    """The page from its top, as high as it is, but not higher than `most` pixels."""
    browser.set_window_size(WIDTH, 800)
    height = browser.execute_script("return document.documentElement.scrollHeight")
    browser.set_window_size(WIDTH, min(height, most))
    browser.save_screenshot(str(IMAGES / name))
    sys.stdout.write(f"docs/images/{name}\n")


if __name__ == "__main__":
    sys.exit(main())

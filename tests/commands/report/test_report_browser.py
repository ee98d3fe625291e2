"""The page in a real Chromium: on a desk, on a phone and on paper."""

import base64
import re
import shutil

import pytest

from p2o.cli.main import main
from run_folders import HOSTILE, whole_folder

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed"),
]
FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "disable-dev-shm-usage",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def brightness(colour):
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = whole_folder(tmp_path_factory.mktemp("browser") / "run", HOSTILE + "w" * 400)
    main(["report", str(root)])
    return f"file://{root}/report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen_and_the_console_is_silent(browser, page, width, scheme):
    colours = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", colours)
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page)
    browser.execute_script("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    images = browser.execute_script(
        "return [...document.images].map(image => [image.complete, image.naturalWidth, image.alt])"
    )
    assert len(images) >= 12 and all(complete and natural > 0 and alt for complete, natural, alt in images)
    shown = browser.execute_script("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
    ink, paper = shown
    assert (brightness(ink) < brightness(paper)) == (scheme == "light")
    heights = browser.execute_script("return [...document.querySelectorAll('section')].map(part => part.offsetHeight)")
    assert len(heights) == 14 and min(heights) > 100
    assert browser.get_log("browser") == []


def test_it_prints(browser, page):
    browser.get(page)
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF") and len(printed) > 20_000

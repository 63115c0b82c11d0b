"""A real Chromium without a screen, and the page in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

SWITCHES = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
FOLDER = "BROWSER_SCREENSHOTS"
"""Environment variable: where pictures of the page are kept."""


def _programs() -> tuple[str, str]:
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if None in found:
        why = "the tests of the page need the programs chromium and chromedriver"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(f"REQUIRE_BROWSER=1, but {why}")
        pytest.skip(f"{why}: apt-get install chromium chromium-driver")
    return found  # type: ignore[return-value]


class Page:
    """The page as a person sees it."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver = driver
        self._folder = Path(os.environ.get(FOLDER, folder))

    def open(self, url: str) -> None:
        self.driver.get(url)

    def script(self, text: str, *values: Any) -> Any:
        return self.driver.execute_script(text, *values)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return str(self.script("return document.querySelector(arguments[0]).textContent", selector))

    def press(self, selector: str) -> None:
        """Click what can be clicked, as soon as it can."""
        button = self.find(selector)
        shown = f"{selector} can be pressed"
        self.until(lambda: button.is_displayed() and button.is_enabled(), shown)
        self.script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def until(self, true: Callable[[], Any], what: str, seconds: float = 60) -> Any:
        """Wait; what a page says by then is in the message."""
        deadline = time.monotonic() + seconds
        while not (value := true()):
            assert time.monotonic() < deadline, f"not {what}; the page says {self.text('#said')!r}"
            time.sleep(0.03)
        return value

    @property
    def number(self) -> int:
        """Of the frame that is shown; 0 before the first."""
        return int(self.script("return document.querySelector('#screen').dataset.number || 0"))

    def targets(self) -> dict[str, tuple[str, list[float]]]:
        """Status and box of each target."""
        rows = self.script(
            "return [...document.querySelectorAll('#targets li')].map((row) => ({...row.dataset}))"
        )
        return {
            row["name"]: (row["status"], [float(v) for v in row["box"].split(",")]) for row in rows
        }

    def on_screen(self, x: float, y: float) -> tuple[int, int]:
        """A position in the frame, in pixels from the middle of the canvas."""
        width, height, across, down = self.script(
            "const c = document.querySelector('#screen'); c.scrollIntoView({block: 'center'});"
            "return [c.clientWidth, c.clientHeight, ...c.dataset.size.split('x').map(Number)]"
        )
        scale = min(width / across, height / down)
        return round((x - across / 2) * scale), round((y - down / 2) * scale)

    def drag(self, start: Sequence[float], end: Sequence[float], escape: bool = False) -> None:
        """Draw a box from corner to corner, in frame pixels; or give it up before its end."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        screen, (a, b), (c, d) = self.find("#screen"), self.on_screen(*start), self.on_screen(*end)
        drag = ActionChains(self.driver, duration=20)
        drag.move_to_element_with_offset(screen, a, b).click_and_hold()
        drag.move_to_element_with_offset(screen, (a + c) // 2, (b + d) // 2)
        drag.move_to_element_with_offset(screen, c, d)
        if escape:
            drag.send_keys(Keys.ESCAPE)
        drag.release().perform()

    def drag_with_finger(self, start: Sequence[float], end: Sequence[float]) -> None:
        """Draw a box on a touch screen, in frame pixels."""
        middle = self.script(
            "const r = document.querySelector('#screen').getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]"
        )
        (a, b), (c, d) = self.on_screen(*start), self.on_screen(*end)
        for kind, points in (
            ("touchStart", [(a, b)]),
            ("touchMove", [((a + c) // 2, (b + d) // 2)]),
            ("touchMove", [(c, d)]),
            ("touchEnd", []),
        ):
            touched = [{"x": middle[0] + x, "y": middle[1] + y} for x, y in points]
            event = {"type": kind, "touchPoints": touched}
            self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    def drag_box(self, box_of: Callable[[int], Sequence[float]]) -> None:
        """Draw the box (x, y, w, h) of the frame that stands still while it is drawn. Where the
        frame in which the button went down is another one than thought, it is given up and tried
        again."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        screen = self.find("#screen")
        for _ in range(40):
            x, y, _, _ = box_of(self.number)
            press = ActionChains(self.driver, duration=10)
            press.move_to_element_with_offset(screen, *self.on_screen(x, y)).click_and_hold()
            press.perform()
            held = self.script("return Number(document.querySelector('#screen').dataset.held)")
            left, top, w, h = box_of(held)
            rest = ActionChains(self.driver, duration=10)
            if abs(left - x) + abs(top - y) < 2:
                far = self.on_screen(left + w, top + h)
                rest.move_to_element_with_offset(screen, *far).release().perform()
                return
            rest.send_keys(Keys.ESCAPE).release().perform()
        raise AssertionError("the frame was never the one that was thought")

    def screenshot(self, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(self._folder / f"{name}.png"))

    def complaints(self) -> list[str]:
        """What the console calls an error, since the last time."""
        return [
            line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"
        ]


@contextlib.contextmanager
def page_in_chromium(
    folder: Path, size: tuple[int, int] = (1280, 800), switches: Sequence[str] = ()
) -> Iterator[Page]:
    """A page in a fresh profile. size: of the window's inside; below 500 pixels a phone's."""
    chromium, driver_program = _programs()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in (*SWITCHES, *switches, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_program))
    try:
        phone = size[0] < 500
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1 + phone}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "mobile": phone})
        yield Page(driver, folder)
    finally:
        driver.quit()

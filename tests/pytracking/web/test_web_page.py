"""The page in a browser, upon a session that does nothing by itself."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from web_browser import Page, page_in_chromium
from web_service import Served, served

from ltr.drawing import PALETTE
from pytracking.tracker.prediction import Prediction
from pytracking.web.access import Access
from pytracking.web.application import PAGE

MARKUP = "<img src=x><b>"
LEFT = {"left": Prediction((10, 60, 120, 80), 0.75, "found", (0, 0, 30, 30))}


def luminance(colour: str) -> float:
    """WCAG 2.1, of "#rrggbb"."""
    values = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ink", ["ink", "faint", "accent", "warm", "bad"])
@pytest.mark.parametrize("ground", ["back", "room", "button"])
def test_text_has_contrast(ink: str, ground: str) -> None:
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#\w{6})", style))
    light, dark = luminance(colours[ink]), luminance(colours[ground])
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def names_of_controls(page: Page) -> list[str]:
    """What assistive technology calls each control that can be seen; "" for one without a name."""
    return list(
        page.script(
            """return [...document.querySelectorAll("button, input, select, canvas, summary")]
            .filter((one) => one.offsetParent).map((one) =>
                one.getAttribute("aria-label") || one.labels?.[0]?.textContent.trim() || one.textContent.trim())"""
        )
    )


def test_page(tmp_path: Path) -> None:
    """Shown, drawn on, given up, by numbers, with somebody else at the wheel; on a wide and a narrow screen."""
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / f"{MARKUP}_000001.png").write_bytes(b"")
    with served(tmp_path / "recordings") as server, page_in_chromium(tmp_path) as page:
        page.open(server.url("/"))
        server.session.publish(5, (360, 640), predictions=LEFT)
        page.until(lambda: page.number == 5, "shown frame 5")
        assert page.targets() == {"left": ("found", [10, 60, 120, 80])}
        assert page.text("#targets .verdict") == "found  0.75"
        assert all(names_of_controls(page)), names_of_controls(page)
        assert drawn_at(page, 10, 100) == [86, 180, 233], "the box is drawn on the canvas"

        drawn(page, server)
        given_up(page, server)
        by_numbers(page, server)
        someone_else(page, server)
        names_are_no_markup(page, server)
        page.screenshot("stand-in-1280")
        assert not page.complaints()
    token = Access(frozenset({"127.0.0.1"}), token="t" * 43)
    with (
        served(tmp_path / "recordings", token) as server,
        page_in_chromium(tmp_path, (390, 844)) as page,
    ):
        page.open(server.url(f"/?token={token.token}"))
        server.session.publish(5, (360, 640), predictions=LEFT)
        page.until(lambda: page.number == 5, "shown frame 5")
        assert page.script("return location.href") == server.url("/"), "the token is in a cookie"
        assert page.script("return document.documentElement.scrollWidth") == 390
        page.drag_with_finger((200, 100), (300, 180))
        page.until(lambda: len(server.session.calls) == 2, "added")
        assert server.session.calls[1][1][1] == pytest.approx((200, 100, 100, 80), abs=3)
        page.screenshot("stand-in-390")
        assert not page.complaints()


def drawn_at(page: Page, x: float, y: float) -> list[int]:
    """The colour of the canvas at a position of the frame."""
    return list(
        page.script(
            """const c = document.querySelector("#screen"), [w, h] = c.dataset.size.split("x").map(Number);
            const s = Math.min(c.width / w, c.height / h);
            const at = [(c.width - s * w) / 2 + s * arguments[0], (c.height - s * h) / 2 + s * arguments[1]];
            return [...c.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3)""",
            x,
            y,
        )
    )


def drawn(page: Page, server: Served) -> None:
    page.drag((200, 100), (300, 180))
    page.until(lambda: len(server.session.calls) == 2, "added")
    hold, (name, (source, box, title, number)) = server.session.calls
    assert hold == ("hold", ("clip", 5))
    assert (name, source, title, number) == ("add", "clip", None, 5)
    assert box == pytest.approx((200, 100, 100, 80), abs=1.5)
    page.until(lambda: page.text("#said") == "target1 is tracked", "said so")
    server.session.calls.clear()


def given_up(page: Page, server: Served) -> None:
    page.drag((200, 100), (300, 180), escape=True)
    page.until(lambda: page.text("#said") == "cancelled, nothing has changed", "cancelled")
    page.drag((200, 100), (203, 180))
    page.until(lambda: page.text("#said") == "that box is too small, nothing has changed", "small")
    page.until(lambda: len(server.session.calls) == 2, "held twice")
    assert {name for name, _ in server.session.calls} == {"hold"}
    server.session.calls.clear()


def by_numbers(page: Page, server: Served) -> None:
    page.press("#targets ~ details summary")
    for name, value in {"x": "1", "y": "2.5", "w": "30", "h": "40", "name": "ann"}.items():
        page.find(f"#numbers [name={name}]").send_keys(value)
    page.press("#numbers button")
    added = ("add", ("clip", (1.0, 2.5, 30.0, 40.0), "ann", 5))
    page.until(lambda: added in server.session.calls, "added")
    server.session.calls.clear()


def names_are_no_markup(page: Page, server: Served) -> None:
    """Of targets, sources and files."""
    server.session.sources.append(MARKUP)
    predictions, colours = {MARKUP: LEFT["left"]}, {MARKUP: PALETTE[0]}
    server.session.publish(6, (360, 640), predictions=predictions, colours=colours)
    page.until(lambda: MARKUP in page.targets(), "listed")
    assert MARKUP in page.text("#sources")
    assert MARKUP in page.text("#files")
    made = "return document.querySelectorAll('main b, header b, [src=x]').length"
    assert page.script(made) == 0


def someone_else(page: Page, server: Served) -> None:
    assert page.text("#steers") == "You steer"
    page.press("#wheel")
    page.until(lambda: page.text("#steers") == "Nobody steers", "let go")
    other = {"X-Viewer": "other"}
    assert httpx.post(server.url("/api/pause"), headers=other).status_code == 200
    page.until(lambda: page.text("#steers") == "viewer 2 steers", "told who steers")
    assert not page.find("#wheel").is_enabled()
    page.press("#step")
    page.until(lambda: page.text("#said").startswith("viewer 2 steers: ask them to let go"), "told")
    assert server.session.calls == [("pause", ())]
    refused = [line for line in page.complaints() if "409" not in line]
    assert not refused

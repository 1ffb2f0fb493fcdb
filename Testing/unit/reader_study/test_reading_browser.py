"""The reader in a real browser without a window, driven by keys, mouse and finger; skipped where none is at hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import pytest
from small_studies import serving, small_study

from TextoMorphLib.reader_study import report
from TextoMorphLib.reader_study.answers import read_answers
from TextoMorphLib.reader_study.package import Frame
from TextoMorphLib.reader_study.score import score
from TextoMorphLib.reader_study.serve import Server
from TextoMorphLib.reader_study.session import Session
from TextoMorphLib.reader_study.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return small_study(tmp_path, readers=("anna", "ben"), frame=Frame((100.0, 100.0, 100.0), (1.0, 1.0, 1.0)))


@pytest.fixture
def server(study: Study) -> Iterator[Server]:
    with serving(study) as server:
        yield server


def until(holds: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def opened(page: Any, link: str, troubles: list[str]) -> None:
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: troubles.append(request.url) if not request.url.startswith(link) else None)
    page.goto(link)
    until(lambda: page.inner_text("#level") == "window 400, level 40")


def pixels(page: Any, plane: str) -> str:
    return str(page.evaluate(f"document.getElementById('{plane}').toDataURL()"))


def test_a_whole_study_by_keyboard(study: Study, server: Server, browser: Any) -> None:
    troubles: list[str] = []
    page = browser.new_page()
    opened(page, server.links["anna"], troubles)
    until(lambda: page.get_attribute("#views", "data-shown") == "1")
    assert page.inner_text("#asked-call") == study.questions["call"]
    page.keyboard.press("Enter")
    assert "First say R (real) or S (synthetic)" in page.inner_text("#message")
    for number in range(1, 9):
        until(lambda number=number: page.get_attribute("#views", "data-shown") == str(number))
        for key in ("s", "4", "a", "c"):
            page.keyboard.press(key)
        page.keyboard.type("R S 5")
        page.keyboard.press("Enter")  # out of the comment
        until(lambda: page.is_enabled("#save"))
        page.keyboard.press("Enter")
        if number == 1:
            until(lambda: page.is_enabled("#back"))
            page.keyboard.press("b")
            until(lambda: page.get_attribute("#views", "data-shown") == "1" and page.is_enabled("#save"))
            assert page.get_attribute("[data-call=synthetic]", "aria-pressed") == "true"
            assert page.input_value("#comment") == "R S 5"
            page.keyboard.press("r")
            page.keyboard.press("Enter")
        if number == 2:
            until(lambda: page.get_attribute("#views", "data-shown") == "3" and not page.is_visible("#paused"))
            for key in ("z", "r", "1", "Enter"):  # the last three do nothing
                page.keyboard.press(key)
                until(lambda: page.is_visible("#paused"))
            page.click("#resume")
            until(lambda: not page.is_visible("#paused"))
            assert page.get_attribute("[data-call=real]", "aria-pressed") == "false"
        if number == 3:
            until(lambda: page.inner_text("#count") == "Case 4 of 8")
            page.reload()  # nothing is lost
    until(lambda: page.is_visible("#end"))
    answers = read_answers(study, "anna").answers
    assert [answer.call for answer in answers] == ["real"] + 7 * ["synthetic"]
    assert all(answer.seconds > 0 for answer in answers), "the page starts the clock"
    assert {(answer.confidence, answer.terms) for answer in answers} == {(4, ("hypoattenuating",))}
    assert troubles == []


def test_what_a_study_does_not_ask_is_not_there(tmp_path: Path, browser: Any) -> None:
    troubles: list[str] = []
    page = browser.new_page()
    with serving(small_study(tmp_path, pairs=2, apart=1, questions=())) as server:
        opened(page, server.links["anna"], troubles)
        until(lambda: page.get_attribute("#views", "data-shown") == "1")  # no answer is taken before
        for key in ("c", "a", "r", "2", "Enter"):
            page.keyboard.press(key)
        until(lambda: page.inner_text("#count") == "Case 2 of 4")
        until(lambda: page.get_attribute("#views", "data-shown") == "2")  # or its images are still on their way
    assert not page.is_visible("#commentbox")
    assert not page.is_visible("#termbox")
    assert troubles == []


def test_the_viewer_by_mouse_and_finger(server: Server, browser: Any) -> None:
    troubles: list[str] = []
    page = browser.new_page()
    opened(page, server.links["anna"], troubles)
    page.hover("#axial")
    first = pixels(page, "axial")
    seen = {first}
    for _ in range(9):
        page.mouse.wheel(0, -100)
    until(lambda: page.get_attribute("#axial", "data-slice") == "60")  # one slice a notch, from the 51st of a hundred
    assert pixels(page, "axial") not in seen
    page.keyboard.press("0")
    until(lambda: pixels(page, "axial") == first)
    page.keyboard.press("o")
    until(lambda: pixels(page, "axial") != first)  # without the outline
    page.keyboard.press("o")
    box = page.locator("#axial").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y - 10, steps=5)
    page.mouse.up()
    assert page.inner_text("#level") == "window 500, level 20"
    coronal = pixels(page, "coronal")
    page.mouse.click(x, y + 60)  # that point in all planes
    until(lambda: pixels(page, "coronal") != coronal)

    tablet = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True).new_page()
    opened(tablet, server.links["ben"], troubles)
    views, save = (tablet.locator(name).bounding_box() for name in ("#views", "#save"))
    assert views["width"] == 820, "a tablet upright shows the questions below, all in sight"
    assert views["y"] + views["height"] < tablet.locator("#text").bounding_box()["y"]
    assert save["y"] + save["height"] <= 1180
    tablet.tap("[data-tool=window]")
    touch = tablet.context.new_cdp_session(tablet)
    for kind, points in (
        ("touchStart", [(200, 300)]),
        ("touchMove", [(220, 310)]),
        ("touchMove", [(240, 330)]),
        ("touchEnd", []),
    ):
        where = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})
    until(lambda: tablet.inner_text("#level") == "window 480, level 100")
    assert troubles == []


def test_what_a_plane_says(server: Server, study: Study, browser: Any) -> None:
    """Directions, HU under the mouse, lengths, windows by key, cross-lines, and one plane alone."""
    page = browser.new_page(viewport={"width": 1180, "height": 760})
    page.add_init_script(
        "window.said = {}; const old = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {"
        " (said[this.canvas.id] ??= {})[text] = [x / this.canvas.width, y / this.canvas.height];"
        " return old.apply(this, arguments); };"
    )
    troubles: list[str] = []
    opened(page, server.links["anna"], troubles)
    until(lambda: page.get_attribute("#views", "data-shown") == "1")
    for plane, (left, right, top, bottom) in {"axial": "RLAP", "coronal": "RLHF", "sagittal": "APHF"}.items():
        said = page.evaluate(f"said.{plane}")
        assert said[left][0] < 0.1 < 0.9 < said[right][0], plane
        assert said[top][1] < 0.1 < 0.9 < said[bottom][1], plane

    voxels = nib.load(study.folder / "cases" / f"{study.readers['anna'][0]}.nii").get_fdata()
    box = page.locator("#axial").bounding_box()
    per_mm = min(box["width"], box["height"]) / 100  # a field of 100 mm, voxels of 1 mm
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] + 10.5 * per_mm, middle[1] - 5.5 * per_mm)
    until(lambda: page.get_attribute("#axial", "data-hu") == str(int(voxels[60, 44, 50])))
    page.keyboard.press("ArrowUp")
    until(lambda: page.get_attribute("#axial", "data-hu") == str(int(voxels[60, 44, 51])))

    page.keyboard.press("m")
    page.mouse.move(middle[0] - 20 * per_mm, middle[1] - 10 * per_mm)
    page.mouse.down()
    page.mouse.move(middle[0] + 20 * per_mm, middle[1] + 20 * per_mm, steps=3)
    page.mouse.up()
    until(lambda: page.get_attribute("#axial", "data-mm") == "50.0")
    assert page.inner_text("#level") == "window 400, level 40", "measuring changes no window"
    page.keyboard.press("m")

    for key, window in (
        ("7", "150, level 30"),
        ("8", "160, level 80"),
        ("9", "1800, level 400"),
        ("6", "400, level 40"),
    ):
        page.keyboard.press(key)
        assert page.inner_text("#level") == f"window {window}"
    crossed = pixels(page, "coronal")
    page.keyboard.press("n")
    until(lambda: pixels(page, "coronal") != crossed)
    page.mouse.dblclick(*middle)
    until(lambda: not page.is_visible("#coronal"))
    assert page.locator("#axial").bounding_box()["width"] > 1.4 * box["width"]
    page.mouse.dblclick(*middle)
    until(lambda: page.is_visible("#coronal"))
    assert troubles == []


def test_a_touchpad_does_not_race(server: Server, browser: Any) -> None:
    """Many small wheel events move a few slices; events that come slowly are notches, however small."""
    page = browser.new_page()
    opened(page, server.links["anna"], [])
    turn = (
        "([count, size, gap]) => { const wheel = new window.Wheel(); let sum = 0;"
        " for (let n = 0; n < count; n++) sum += wheel.slices({ deltaY: size, deltaMode: 0, timeStamp: n * gap });"
        " return sum; }"
    )
    page.evaluate("import('./wheel.js').then((module) => { window.Wheel = module.Wheel; })")
    assert page.evaluate(turn, [25, 10, 8]) == -3  # 250 pixels in a fifth of a second
    assert page.evaluate(turn, [10, -4, 200]) == 10  # the first, small events of a mouse on macOS
    assert page.evaluate(turn, [10, 120, 20]) == -10
    assert page.evaluate(turn, [10, 53, 20]) == -10


def test_a_new_server_takes_up_what_was_half_said(study: Study, browser: Any) -> None:
    page = browser.new_page()
    with Server(study.folder) as first:
        port = first.server_port
        thread = threading.Thread(target=first.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        page.goto(first.links["anna"])
        until(lambda: page.get_attribute("#views", "data-shown") == "1")
        page.keyboard.press("s")
        page.keyboard.press("a")
        first.shutdown()
        thread.join()
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    until(lambda: "cannot be reached" in page.inner_text("#message"))
    with Server(study.folder, port=port) as second:
        thread = threading.Thread(target=second.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        page.keyboard.press("Enter")  # without a reload
        until(lambda: page.get_attribute("#views", "data-shown") == "2")
        page.keyboard.press("r")
        page.keyboard.press("c")
        page.keyboard.type("a bright rim?")
        page.reload()
        until(lambda: page.get_attribute("#views", "data-shown") == "2")
        assert page.get_attribute("[data-call=real]", "aria-pressed") == "true"
        assert page.input_value("#comment") == "a bright rim?"
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        until(lambda: page.inner_text("#count") == "Case 3 of 8")
        assert page.get_attribute("[data-call=real]", "aria-pressed") == "false", "of the next case nothing is said"
        second.shutdown()
        thread.join()
    one, two = read_answers(study, "anna").answers
    assert (one.call, one.confidence, one.terms) == ("synthetic", 4, ("hypoattenuating",))
    assert one.seconds > 0, "the time under the first server counts"
    assert (two.call, two.comment) == ("real", "a bright rim?")


def test_the_report_fills_its_page(study: Study, tmp_path: Path, browser: Any) -> None:
    pytest.importorskip("statsmodels")
    with Session(study, "anna") as session:
        while not session.done:
            session.show()
            session.answer("real", 3, study.cases[session.order[session.position]].terms[:1])
    page = browser.new_page(viewport={"width": 1180, "height": 900})
    (tmp_path / "report.html").write_text(report.report(score(study.folder)), encoding="utf-8")
    page.goto((tmp_path / "report.html").as_uri())
    edges = page.evaluate(
        "[...document.querySelectorAll('section')].map((section) =>"
        " Math.max(...[...section.querySelectorAll('table, svg')].map((e) => e.getBoundingClientRect().right)))"
    )
    whole = page.evaluate("document.querySelector('section').getBoundingClientRect().right")
    assert len(edges) >= 6
    assert all(edge > whole - 2 for edge in edges), "no third of the page is empty"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1180

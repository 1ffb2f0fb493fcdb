"""Makes the pictures of docs/visual-turing-test.md from the demonstration.

    textomorph vtt demo --output-dir vtt-demo
    python Testing/turing_test_pictures.py vtt-demo docs/images

Needs Playwright (`pip install playwright`), and Chrome, Chromium or Edge.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from TextoMorphLib.reader_study import pdf
from TextoMorphLib.reader_study.serve import Server
from TextoMorphLib.reader_study.study import Study


def main(demo: Path, images: Path) -> None:
    """Photograph the first large case as a reader sees it, and the report's beginning."""
    study = Study.read(demo / "study")
    reader, order = next(iter(study.readers.items()))
    truth = study.read_key()["cases"]
    large = 1 + next(place for place, case in enumerate(order) if truth[case]["diameter_mm"] >= 50)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        browser = playwright.chromium.launch(executable_path=pdf.browser(), args=["--no-sandbox", "--disable-gpu"])
        unread = Path(temporary) / "study"
        shutil.copytree(demo / "study", unread, ignore=shutil.ignore_patterns("*.jsonl", "*.lock"))
        with Server(unread) as server:
            threading.Thread(target=server.serve_forever).start()
            page = browser.new_page(viewport={"width": 1180, "height": 760})
            page.goto(server.links[reader])
            for number in range(1, large + 1):
                page.wait_for_selector(f"#views[data-shown='{number}']")
                for key in "s4ad":
                    page.keyboard.press(key)
                if number < large:
                    page.keyboard.press("Enter")
            box = page.locator("#axial").bounding_box()
            page.mouse.move(box["x"] + 0.62 * box["width"], box["y"] + 0.4 * box["height"])  # for the HU there
            page.wait_for_function("document.getElementById('axial').dataset.hu")
            # JPEG: Chromium writes PNG in all colours, but CT noise makes them large.
            page.screenshot(path=images / "turing-test-reader.jpg", type="jpeg", quality=88)
            server.shutdown()
        page = browser.new_page(viewport={"width": 1180, "height": 930})
        page.goto((demo / "report" / "report.html").resolve().as_uri())
        page.screenshot(path=images / "turing-test-report.png")
        browser.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))

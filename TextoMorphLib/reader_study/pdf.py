"""The report as PDF, printed by a browser that is there; nothing is installed for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
# Where macOS and Windows keep them, which is in no PATH; on Windows also for one user alone, and Edge of either width.
BROWSER_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "${ProgramFiles}/Google/Chrome/Application/chrome.exe",
    "${ProgramFiles(x86)}/Google/Chrome/Application/chrome.exe",
    "${LOCALAPPDATA}/Google/Chrome/Application/chrome.exe",
    "${ProgramFiles(x86)}/Microsoft/Edge/Application/msedge.exe",
    "${ProgramFiles}/Microsoft/Edge/Application/msedge.exe",
)
HOW = "no PDF: it needs Chrome, Chromium or Edge; install one, or open report.html in any browser and print it to PDF"
SECONDS = 180
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the page needs nothing from elsewhere, and the browser gets nothing
)


def browser() -> str | None:
    """The first browser found that can print without a window."""
    return next(filter(None, map(shutil.which, (*BROWSERS, *map(os.path.expandvars, BROWSER_PATHS)))), None)


def write_pdf(page: Path, pdf: Path, environment: Mapping[str, str] | None = None) -> str:
    """Print a page.

    Args:
        page: An HTML file that needs no other.
        pdf: Where it goes; an older one is deleted, so that nobody takes it for this one.
        environment: The browser's environment variables; this process's own if None.

    Returns:
        Nothing when all went well, or else one line that says why there is no PDF.
    """
    try:
        pdf.unlink(missing_ok=True)
    except OSError as error:  # Windows keeps a file that somebody looks at
        return f"no PDF: cannot replace {pdf} ({error.strerror}); close it and export again"
    program = browser()
    if program is None:
        return HOW
    try:
        # A profile of its own: a browser that is open would take the page into its window instead.
        with tempfile.TemporaryDirectory(dir=pdf.resolve().parent, ignore_cleanup_errors=True) as folder:
            made = Path(folder) / "made.pdf"
            command = [program, *OPTIONS, f"--user-data-dir={folder}/profile", f"--print-to-pdf={made}"]
            if getattr(os, "geteuid", lambda: 1)() == 0:
                command.append("--no-sandbox")  # the sandbox refuses the administrator
            command.append(page.resolve().as_uri())
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, env=environment)
            os.replace(made, pdf)
    except (OSError, subprocess.TimeoutExpired):
        return f"no PDF: {program} could not print it; open report.html in a browser and print it to PDF"
    return ""

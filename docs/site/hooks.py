"""What the site takes in that does not lie in `docs`, and the pages that are made: no text stands twice.

README.md is the front page; its links and those of the pages in `docs` are made to fit. The API's pages come from the
docstrings of the modules named here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Testing/host/README.md", "release/Dockerfile")
PATTERNS = ("Resources/Models/*/MODEL_CARD.md", "Resources/Screenshots/*.png", "Resources/Reading/*.json")
PATTERNS += ("Resources/Training/*.toml",)
API = {
    "Synthesis": ("synthesis.synthesizer", "synthesis.several", "synthesis.result"),
    "Scans and masks": ("io.volume", "io.masks", "io.delta"),
    "Texts": ("text.understanding", "text.vocabulary", "text.reports", "text.variants"),
    "Lesions into words and numbers": ("measurement.attributes", "measurement.description", "measurement.radiomics"),
    "Sources of tumours": ("sources", "sources.placement", "sources.monai_transform"),
    "Cases": ("cases.case", "cases.folds", "cases.pairs"),
    "Segmentation and evaluation": ("segmentation.predict", "evaluation.lesions", "evaluation.scores"),
    "Batches": ("batches.planning", "batches.paired_jobs", "batches.status"),
    "Models": ("models.bundle", "models.download"),
}
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: Any) -> Files:
    """Adds the files from elsewhere."""
    paths = [ROOT / name for name in BESIDE]
    paths += [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        text = path.suffix == ".md"
        given: dict[str, Any] = {"content": path.read_text("utf-8")} if text else {"abs_src_path": str(path)}
        files.append(File.generated(config, name, **given))
    files.append(File.generated(config, "api.md", content=_api()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links between `docs` and what lies beside it, as they are on the site, where both lie in one folder."""
    place = page.file.src_uri

    def fitted(link: re.Match[str]) -> str:
        start, target, end = link.groups()
        if place == "README.md" or place in BESIDE:
            target = target.removeprefix("docs/") if "/" not in place else target.replace("../../docs/", "../../")
        elif "/" not in place:
            target = target.removeprefix("../")
        return f"{start}{target}{end}"

    return LINK.sub(fitted, markdown)


def _api() -> str:
    """The page of the API."""
    rows = ["# API", "", "From the docstrings; what begins with an underscore is not for use from outside.", ""]
    for title, modules in API.items():
        rows += [f"## {title}", ""]
        for module in modules:
            rows += [f"::: TextoMorphLib.{module}", "    options:", "      heading_level: 3", ""]
    return "\n".join(rows)

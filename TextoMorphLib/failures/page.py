"""What a reader sees of failures: a picture of each, and a page to look through them and strike some out."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from nibabel import orientations

from TextoMorphLib.failures.record import Failure
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.synthesis.pictures import SHOWN, View, as_png, new_figure

LEAST_SHOWN_MM = 50.0  # what a picture shows of the surroundings, at least
REFERENCE, PREDICTED = "#35d07f", "#ff5a4d"

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 0; background: #14171a; color: #e6e6e6; }
header { position: sticky; top: 0; background: #1d2226; padding: 10px 18px; display: flex; gap: 14px;
  align-items: center; flex-wrap: wrap; }
header h1 { font-size: 17px; margin: 0; }
button, select { font: inherit; background: #2d353b; color: inherit; border: 1px solid #48525a; border-radius: 5px;
  padding: 4px 10px; cursor: pointer; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(430px, 1fr)); gap: 14px; padding: 14px; }
article { background: #1d2226; border-radius: 8px; padding: 10px; }
article.struck { opacity: 0.35; }
article.struck p.words { text-decoration: line-through; }
img { width: 100%; border-radius: 4px; }
p { margin: 6px 0; }
.small { color: #9aa5ad; font-size: 13px; }
.reference { color: #35d07f; } .predicted { color: #ff5a4d; }
"""
_SCRIPT = """
const lines = JSON.parse(document.getElementById('lines').textContent);
const struck = new Set();
function count() {
  document.getElementById('count').textContent = (lines.length - struck.size) + ' of ' + lines.length + ' kept';
}
document.querySelectorAll('article button').forEach((button) => button.addEventListener('click', () => {
  const card = button.closest('article');
  const id = card.dataset.id;
  if (struck.has(id)) struck.delete(id); else struck.add(id);
  card.classList.toggle('struck', struck.has(id));
  button.textContent = struck.has(id) ? 'Keep' : 'Strike out';
  button.setAttribute('aria-pressed', struck.has(id));
  count();
}));
document.getElementById('kind').addEventListener('change', (event) => {
  document.querySelectorAll('article').forEach((card) => {
    card.hidden = event.target.value !== '' && card.dataset.kind !== event.target.value;
  });
});
document.getElementById('save').addEventListener('click', () => {
  const kept = lines.filter((line) => !struck.has(line.id)).map((line) => JSON.stringify(line) + '\\n').join('');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([kept], { type: 'application/x-ndjson' }));
  link.download = 'failures_kept.jsonl';
  link.click();
  URL.revokeObjectURL(link.href);
});
count();
"""


def picture(
    volume: Volume, own: np.ndarray, reference: np.ndarray, predicted: np.ndarray, title: str, note: str
) -> bytes:
    """A PNG of a lesion in three planes: above as it is, below with both outlines.

    Args:
        volume: The scan.
        own: Boolean, of its shape: the lesion or false alarm.
        reference: Where lesions are.
        predicted: Where they were predicted.
        title: What it is.
        note: Below the picture, and in the file.
    """
    view = View.around(volume, own, LEAST_SHOWN_MM)
    figure = new_figure(9.0, 6.6, title, note)
    edges = {"left": 0.01, "right": 0.99, "top": 0.88, "bottom": 0.04}
    grid = figure.subplots(2, 3, gridspec_kw={**edges, "wspace": 0.03, "hspace": 0.03})
    outlines = [
        (replace(view, mask=orientations.apply_orientation(mask[view.box], view.to_ras)), colour)
        for mask, colour in ((reference, REFERENCE), (predicted, PREDICTED))
    ]
    for column, plane in enumerate(SHOWN):
        for row in range(2):
            view.draw(grid[row, column], view.cut(volume, plane), plane)
        for other, colour in outlines:
            other.outline(grid[1, column], plane, colour)
    return as_png(figure, note)


def page(failures: Sequence[Failure], folder: Path) -> str:
    """An HTML page of failures that needs nothing else but their pictures; what is kept can be saved from it.

    Args:
        failures: All.
        folder: Where the page is going to lie.
    """
    kinds = list(dict.fromkeys(failure.kind for failure in failures))
    options = "".join(f'<option value="{kind}">{kind}</option>' for kind in kinds)
    # "</" would end the script that holds the lines.
    lines = json.dumps([failure.line(folder) for failure in failures], ensure_ascii=False).replace("</", "<\\/")
    cards = "\n".join(_card(failure, folder) for failure in failures)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Failures</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Failures of a segmenter</h1>
<label>Show <select id="kind"><option value="">all</option>{options}</select></label>
<span id="count"></span>
<button id="save">Save what is kept</button>
<span class="small"><span class="reference">reference</span>, <span class="predicted">predicted</span>; save over
failures.jsonl, in its folder, and go on with <code>textomorph failures target</code></span>
</header>
<main>
{cards}
</main>
<script type="application/json" id="lines">{lines}</script>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _told(failure: Failure) -> str:
    """What a vision-language model says of the picture, if one was asked."""
    if not failure.told:
        return ""
    terms = ", ".join([*failure.told["agreed"], *(f"{name} (not measured)" for name in failure.told["unmeasured"])])
    contrary = ", ".join(failure.told["contrary"])
    says = f"{failure.told['by']} says: {terms or 'nothing'}" + (f"; against the measured: {contrary}" * bool(contrary))
    return f'<p class="small">{html.escape(says)}</p>\n'


def _card(failure: Failure, folder: Path) -> str:
    source = html.escape(Path(os.path.relpath(failure.picture.resolve(), folder.resolve())).as_posix(), quote=True)
    size = " x ".join(f"{mm:.0f}" for mm in failure.diameters_mm)
    place = ", ".join(f"{mm:.0f}" for mm in failure.centre_mm)
    dice = "" if failure.dice is None else f"; Dice {failure.dice:.2f}"
    name, words = html.escape(failure.id, quote=True), html.escape(failure.text)
    return f"""<article data-id="{name}" data-kind="{failure.kind}">
<img src="{source}" alt="{words}" loading="lazy">
<p class="words"><b>{failure.kind}</b>: {words}, {size} mm</p>
<p class="small">case {html.escape(failure.case)}; {html.escape(failure.organ)}; RAS {place} mm{dice}</p>
{_told(failure)}<button aria-pressed="false">Strike out</button>
</article>"""

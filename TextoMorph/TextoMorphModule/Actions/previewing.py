"""Text preview: one mask and seed under many texts; nothing is added to the scene."""

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

from TextoMorphModule.Actions import background
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.generating import checked, whereHealthy


class Previewing:
    """What words do, for researchers."""

    def previewTexts(
        self,
        ctNode: Any,
        segmentationNode: Any,
        segmentId: str,
        texts: list[str],
        organ: str = "liver",
        seed: int = 0,
        words: bool = False,
        device: str = "auto",
        model: str = "starter",
        progress: Progress | None = None,
        replace: bool = False,
        inside: tuple[Any, str] | None = None,
    ) -> Any:
        """Makes the same lesion under many texts, shown in the CT's window. Slicer stays alive meanwhile.

        Args:
            ctNode: The CT, in HU.
            segmentationNode: Where the segment is.
            segmentId: The segment that the tumour fills.
            texts: The descriptions.
            organ: liver, pancreas or kidney.
            seed: The same for all.
            words: Also leave out each word in turn, to measure what it changes.
            device: auto, cpu, cuda, cuda:N or mps.
            model: A model's name or folder.
            progress: Called about twenty times a second with (steps done, steps in all); returns False to cancel.
            replace: As `generateSeveral`,
            inside: and so here.

        Returns:
            The library's `Previews`: `rows` with each text's slice, attributes and words; None after a cancel.

        Raises:
            InputError: What is wrong with the CT, the mask or a text.
            RuntimeError: Another run has not ended yet.

        Example:
            >>> made = logic.previewTexts(ctNode, segmentation, segmentId, ["hypodense", "hyperdense"], words=True)
            >>> [row.lesions[0].contrast_hu for row in made.rows]
        """
        from TextoMorphLib.errors import Cancelled, InputError
        from TextoMorphLib.synthesis.request import check_request

        with self._alone(), contextlib.suppress(Cancelled):  # type: ignore[attr-defined]
            if not texts:
                raise InputError("no text is given; write one description a line")
            onStep = self._unlessStopped(progress)  # type: ignore[attr-defined]
            ct, mask, _cut = checked(ctNode, segmentationNode, segmentId, onStep, replace)
            for text in texts:
                check_request(text, organ, seed, None, None)
            request = {"texts": texts, "organ": organ, "seed": seed, "words": words, **_window(ctNode)}
            request |= whereHealthy(ctNode, replace, inside, onStep)
            make = partial(self._preview, ct, mask, request, model, device)
            return self._inBackground(make, progress)  # type: ignore[attr-defined]
        return None

    def _preview(self, ct: Any, mask: Any, request: dict[str, Any], model: str, device: str, progress: Progress) -> Any:
        """The previews; runs in a thread, so the scene is not touched."""
        from TextoMorphLib.synthesis import previews

        synthesizer = self._synthesizer(model, device)  # type: ignore[attr-defined]
        return previews.preview(synthesizer, ct, mask, progress=progress, **request)

    def previewPicture(self, previews: Any, columns: int = 4, progress: Progress | None = None) -> bytes:
        """The grid of slices as a PNG. Slicer stays alive meanwhile.

        Args:
            previews: What `previewTexts` returned.
            columns: Slices side by side.
            progress: Called about twenty times a second; returns False to cancel.

        Raises:
            Cancelled: `progress` returned False.

        Example:
            >>> png = logic.previewPicture(made)
        """
        from TextoMorphLib.io.provenance import provenance

        note = provenance(previews.seed)
        png: bytes = background.run(background.inOneGo(partial(previews.picture, note, columns)), progress)
        return png

    def savePreviewPicture(self, previews: Any, path: str | Path) -> None:
        """Writes the grid.

        Raises:
            InputError: The name does not end in .png, the folder is not there, the disk is full.

        Example:
            >>> logic.savePreviewPicture(made, "/data/words.png")
        """
        from TextoMorphLib.io import outputs

        outputs.check_figure(Path(path))
        outputs.write_bytes(Path(path), self.previewPicture(previews))

    def savePreviewTables(self, previews: Any, path: str | Path) -> list[Path]:
        """Writes the measurements as CSV, and the words' influence, where measured, to NAME-words.csv beside it.

        Returns:
            The files written.

        Raises:
            InputError: The name does not end in .csv, the folder is not there, the disk is full.

        Example:
            >>> logic.savePreviewTables(made, "/data/words.csv")
        """
        from TextoMorphLib.io import outputs

        path = Path(path)
        tables = [(path, previews.table())]
        if any(row.words for row in previews.rows):
            tables.append((path.with_name(f"{path.stem}-words.csv"), previews.word_table()))
        for each, _content in tables:
            outputs.check_table(each)
        outputs.write_all({each: content.encode() for each, content in tables})
        return [each for each, _content in tables]


def _window(ctNode: Any) -> dict[str, Any]:
    """The window that the CT is shown with, level and width in HU; empty where it is not shown."""
    display = ctNode.GetDisplayNode()
    return {"window": (display.GetLevel(), display.GetWindow())} if display else {}

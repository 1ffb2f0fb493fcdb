"""Generate: the library's synthesis on nodes of the scene, with results where the user looks for them."""

import contextlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background, nodes
from TextoMorphModule.Actions.background import Progress

MOST_VARIANTS = 8
Asked = tuple[Any, str, str, str]  # of a lesion: segmentation node, segment ID, text, organ


class Generating:
    """Tumours, and the reports that come with them."""

    _loaded: tuple[tuple[str, str], Any] | None = None  # (model, device) and its Synthesizer
    _running = _stopping = False

    def generate(
        self, ctNode: Any, segmentationNode: Any, segmentId: str, text: str, organ: str = "liver", **settings: Any
    ) -> list[Any]:
        """Puts a described tumour into copies of a CT: `generateSeveral`, with one lesion.

        Args:
            ctNode: The CT, in HU; it is not changed.
            segmentationNode: Where the segment is.
            segmentId: The segment that the tumour fills.
            text: The description.
            organ: liver, pancreas or kidney.
            settings: As `generateSeveral` takes them: seed, variants, steps, guidance, device, model, progress, preset,
                replace, inside.

        Returns:
            As there, with its errors.

        Example:
            >>> (node,) = logic.generate(ctNode, segmentation, segmentId, "hypoattenuating, ill-defined", seed=3)
            >>> logic.report(node)["asked"]
        """
        return self.generateSeveral(ctNode, [(segmentationNode, segmentId, text, organ)], **settings)

    def generateSeveral(
        self,
        ctNode: Any,
        lesions: list[Asked],
        seed: int = 0,
        variants: int = 1,
        steps: int | None = None,
        guidance: float | None = None,
        device: str = "auto",
        model: str = "starter",
        progress: Progress | None = None,
        preset: str = "final",
        into: Any = None,
        replace: bool = False,
        inside: tuple[Any, str] | None = None,
    ) -> list[Any]:
        """Puts lesions, each with its own words, into copies of a CT, all in one run. Slicer stays alive meanwhile.

        Args:
            ctNode: The CT, in HU; it is not changed.
            lesions: Of each segmentation node, segment ID, text and organ; no two may overlap.
            seed: The first result's; each further variant has the next. The same seed gives the same tumour.
            variants: How many, 1 to 8.
            steps: Sampling steps; the model's own number if None.
            guidance: How strongly the text steers; the model's own value if None.
            device: auto, cpu, cuda, cuda:N or mps. Where a graphics card's memory does not suffice, the work is done
                in smaller parts, and if that does not help on the CPU; the report's `notes` say so.
            model: A model's name or folder.
            progress: Called about twenty times a second with (steps done, steps in all); returns False to cancel.
            preset: The model's steps and guidance for "preview" (fastest) or "final".
            into: An earlier result of this CT, which the first one replaces once it is made.
            replace: The masks hold tumours, which are taken out first; healthy tissue is judged outside them.
            inside: Segmentation node and segment ID of the organ, in which alone healthy tissue is judged then.

        Returns:
            A new volume node for each variant, under the CT in the subject hierarchy, each with a copy of the masks: a
            segment for each lesion. After a cancel, those that were finished.

        Raises:
            InputError: What is wrong with the CT, a mask, a text or a number.
            RuntimeError: Another run has not ended yet.

        Example:
            >>> first, second = ((*logic.placeLesion(ctNode, position=at), text, "liver") for at, text in wanted)
            >>> (node,) = logic.generateSeveral(ctNode, [first, second], seed=3)
            >>> [each["text"] for each in logic.report(node)["each"]]
            ['cystic', 'calcified']
        """
        from TextoMorphLib.errors import Cancelled

        request = {"seed": seed, "steps": steps, "guidance": guidance, "preset": preset}
        healthy = {"replace": replace, "inside": inside}
        results: list[Any] = []
        with self._alone(), contextlib.suppress(Cancelled):
            self._generateInto(results, ctNode, lesions, request, healthy, variants, model, device, progress, into)
        return results

    def live(
        self, ctNode: Any, segmentationNode: Any, segmentId: str, text: str, organ: str = "liver", **settings: Any
    ) -> Any:
        """A tumour at preview quality, in one volume that each call fills anew: words morph it while one watches.

        Args:
            ctNode: As `generate`,
            segmentationNode: and so here,
            segmentId: here,
            text: here,
            organ: and here.
            settings: As `liveSeveral` takes them: seed, device, model, progress, replace, inside.

        Returns:
            The volume; None after a cancel, which leaves the volume as it was.

        Example:
            >>> node = logic.live(ctNode, segmentation, segmentId, "cystic")
            >>> node is logic.live(ctNode, segmentation, segmentId, "hyperattenuating")
            True
        """
        return self.liveSeveral(ctNode, [(segmentationNode, segmentId, text, organ)], **settings)

    def liveSeveral(
        self,
        ctNode: Any,
        lesions: list[Asked],
        seed: int = 0,
        device: str = "auto",
        model: str = "starter",
        progress: Progress | None = None,
        replace: bool = False,
        inside: tuple[Any, str] | None = None,
    ) -> Any:
        """As `live`, for several lesions, each with its own words; all are made anew.

        Args and errors are those of `generateSeveral`.

        Example:
            >>> lesions = [(segmentation, "one", "cystic", "liver"), (segmentation, "two", "calcified", "liver")]
            >>> node = logic.liveSeveral(ctNode, lesions)
        """
        same = (node for node in self.results() if node.GetAttribute(nodes.LIVE))
        into = next((node for node in same if node.GetNodeReference(nodes.CT) is ctNode), None)
        settings: dict[str, Any] = {
            "device": device,
            "model": model,
            "progress": progress,
            "preset": "preview",
            "into": into,
            "replace": replace,
            "inside": inside,
        }
        for node in self.generateSeveral(ctNode, lesions, seed, **settings):
            node.SetAttribute(nodes.LIVE, "1")
            return node
        return None

    @property
    def busy(self) -> bool:
        """Whether a run goes on.

        Example:
            >>> logic.busy
            False
        """
        return self._running

    def stop(self) -> None:
        """Cancels the run that goes on, whoever started it; it ends with its next step.

        Example:
            >>> logic.stop()
        """
        self._stopping = True

    def report(self, result: Any) -> dict[str, Any]:
        """What is known of a generated volume: text, terms, seed, model, device, seconds, measurements.

        Returns:
            The report; empty if the volume is not one of TextoMorph's.

        Example:
            >>> logic.report(node)["seed"]
            3
        """
        stored = result.GetAttribute(nodes.REPORT) if result else None
        report: dict[str, Any] = json.loads(stored) if stored else {}
        return report

    def results(self) -> list[Any]:
        """The generated volumes in the scene, oldest first.

        Example:
            >>> [logic.report(node)["seed"] for node in logic.results()]
            [3, 4]
        """
        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        return [node for node in volumes if node.GetAttribute(nodes.REPORT)]

    def _generateInto(
        self,
        results: list[Any],
        ctNode: Any,
        asked: list[Asked],
        request: dict[str, Any],
        healthy: dict[str, Any],
        variants: int,
        model: str,
        device: str,
        progress: Progress | None,
        into: Any,
    ) -> None:
        """Does what `generate` promises; `results` has each tumour as soon as it is there, whatever comes after."""
        from TextoMorphLib.errors import InputError

        if not 1 <= variants <= MOST_VARIANTS:
            raise InputError(f"{variants} variants were asked for; choose 1 to {MOST_VARIANTS}")
        grid = nodes.gridOf(ctNode)
        ct, lesions = checkedLesions(ctNode, asked, request, self._unlessStopped(progress), healthy["replace"])
        whatIsHealthy = whereHealthy(ctNode, **healthy, progress=self._unlessStopped(progress))
        doubts = self.ctDoubts(ctNode)  # type: ignore[attr-defined]
        keptMask, steps = None, 1
        for number in range(variants):

            def onStep(done: int, total: int, before: int = number) -> bool:
                nonlocal steps
                steps = total
                return progress is None or progress(before * total + done, variants * total)

            each = {**request, **whatIsHealthy, "seed": request["seed"] + number}
            image, report = self._inBackground(partial(self._make, ct, lesions, each, model, device), onStep)
            if not self._unlessStopped(onStep)(steps, steps):  # during its last step: what came too late is not shown
                return
            report["warnings"] = list(dict.fromkeys([*doubts, *report["warnings"]]))
            if not nodes.inScene(ctNode):  # closed meanwhile: what was made has no place any more
                results.clear()
                return
            nodes.checkGrid(ctNode, grid)
            keptMask = keptMask or _keepMask(lesions, ctNode)
            old = into if number == 0 and nodes.inScene(into) else None
            node = self._place(image, report, ctNode, keptMask, old)
            self._updateHistogram(node)  # type: ignore[attr-defined]
            if nodes.inScene(node):
                results.append(node)

    def _place(self, image: Any, report: dict[str, Any], ctNode: Any, maskNode: Any, old: Any) -> Any:
        """Puts a tumour into the scene: into a new volume, or into one that was there."""
        name = _("Synthetic {text} seed {seed}").format(text=_short(report["text"]), seed=report["seed"])
        node = old or nodes.addVolumeLike(ctNode, name)
        before = node.GetNodeReference(nodes.MASK)
        node.SetName(name)
        node.SetAttribute(nodes.REPORT, json.dumps(report))
        node.SetNodeReferenceID(nodes.CT, ctNode.GetID())
        node.SetNodeReferenceID(nodes.MASK, maskNode.GetID())
        nodes.placeUnder(node, ctNode)
        if old:  # the CT may have been moved since
            old.CopyOrientation(ctNode)
            old.SetAndObserveTransformNodeID(ctNode.GetTransformNodeID())
        node.SetAndObserveImageData(image)
        if old:
            self._updateDifference(old)  # type: ignore[attr-defined]
            self._forgetMask(before)
        return node

    def _forgetMask(self, mask: Any) -> None:
        """Removes a copy of a mask that no result has any more."""
        if mask and all(each.GetNodeReference(nodes.MASK) is not mask for each in self.results()):
            slicer.mrmlScene.RemoveNode(mask)

    def _make(
        self, ct: Any, lesions: list[Any], request: dict[str, Any], model: str, device: str, progress: Progress
    ) -> tuple[Any, dict[str, Any]]:
        """A scan with its tumours, as an image and its report; runs in a thread, so the scene is not touched."""
        from TextoMorphLib.synthesis import several

        made = several.synthesize(self._synthesizer(model, device), ct, lesions, progress=progress, **request)
        return nodes.imageOf(made.volume.data), made.report

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """While the one run that there may be goes on.

        Raises:
            RuntimeError: Another run has not ended yet, or somebody reads a Turing test.
        """
        if self._running:
            raise RuntimeError(_("A tumour is being generated already, or somebody reads; wait for it or cancel it."))
        self._running, self._stopping = True, False
        try:
            yield
        finally:
            self._running = False

    def _unlessStopped(self, progress: Progress | None) -> Progress:
        """A progress function that cancels when `progress` does, and when `stop` was called."""
        return lambda done, total: (progress is None or progress(done, total) is not False) and not self._stopping

    def _inBackground(self, work: Callable[[Progress], Any], progress: Progress | None) -> Any:
        """Does work of the run that goes on; `stop` ends it as `progress` does."""
        return background.run(work, self._unlessStopped(progress))

    def _synthesizer(self, model: str, device: str) -> Any:
        background.importTorch()
        from TextoMorphLib.synthesis import Synthesizer

        if self._loaded is None or self._loaded[0] != (model, device):
            self._loaded = None  # first, so that two models never share the memory
            self._loaded = (model, device), Synthesizer.load(model, device)
        return self._loaded[1]


def checked(
    ctNode: Any, segmentationNode: Any, segmentId: str, progress: Progress, replace: bool = False
) -> tuple[Any, Any, Any]:
    """A CT and its mask as the library takes them, and the mask as `nodes.cutOut` gives it.

    Raises:
        InputError: What is wrong with them.
        Cancelled: `progress` returned False.
    """
    from TextoMorphLib.io.masks import check_count

    ct = nodes.volumeOf(ctNode)
    nodes.checkCt(ctNode)
    cut = nodes.cutOut(segmentationNode, segmentId, ctNode, progress)
    check_count(int(cut[1].sum()), ct, replace)
    return ct, nodes.whole(*cut, ctNode), cut


def whereHealthy(ctNode: Any, replace: bool, inside: tuple[Any, str] | None, progress: Progress) -> dict[str, Any]:
    """Where healthy tissue is judged, as the library takes it: outside tumours that are replaced, in the organ."""
    return {"replace": replace, "within": nodes.organOf(inside, ctNode, progress)}


def checkedLesions(
    ctNode: Any, asked: list[Asked], request: dict[str, Any], progress: Progress, replace: bool = False
) -> tuple[Any, list[Any]]:
    """A CT and the lesions that are asked for in it, as the library takes them.

    Raises:
        InputError: What is wrong with them; of several, with which.
        Cancelled: `progress` returned False.
    """
    from TextoMorphLib.errors import InputError
    from TextoMorphLib.io.masks import check_count
    from TextoMorphLib.synthesis import several
    from TextoMorphLib.synthesis.request import check_request
    from TextoMorphLib.synthesis.several import Lesion

    ct = nodes.volumeOf(ctNode)
    nodes.checkCt(ctNode)
    lesions = []
    for number, (segmentationNode, segmentId, text, organ) in enumerate(asked, start=1):
        try:
            box, inside = nodes.cutOut(segmentationNode, segmentId, ctNode, progress)
            check_count(int(inside.sum()), ct, replace)
            check_request(text, organ, **request)
        except InputError as error:
            raise InputError(f"lesion {number}: {error}" if len(asked) > 1 else str(error)) from error
        lesions.append(Lesion(box, inside, text, organ))
    several.check(lesions)
    return ct, lesions


def _keepMask(lesions: list[Any], ctNode: Any) -> Any:
    """A copy of the masks as they were taken, so that a result keeps its own whatever is painted or moved later."""
    copy = nodes.addSegmentation(_("Mask of {text}").format(text=_short(lesions[0].text)), ctNode)
    if len(lesions) > 1:
        copy.SetName(_("Masks of {count} lesions").format(count=len(lesions)))
    for number, lesion in enumerate(lesions, start=1):
        name = f"{number}: {lesion.text}" if len(lesions) > 1 else nodes.SEGMENT
        nodes.paintIn(lesion.box, lesion.inside, copy, nodes.addSegment(copy, name, number - 1), ctNode)
    copy.GetDisplayNode().SetVisibility(False)
    nodes.placeUnder(copy, ctNode)
    return copy


def _short(text: str) -> str:
    """A description as part of a node's name, which becomes a file's name when the scene is saved."""
    plain = "".join(letter if letter.isalnum() or letter in " -," else " " for letter in text)
    words = " ".join(plain.split())
    return words if len(words) <= 40 else words[:39].rstrip(" ,-") + "\u2026"

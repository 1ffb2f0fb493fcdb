"""Several lesions of one scan, each with its own words, size and place: the table that they stand in, with undo.

The table lies in the parameter node (saved with the scene): a list in JSON, and one segmentation with a segment for
each lesion. A lesion that was only placed is made anew from its numbers when it is moved or resized; one that was
painted, or painted in, is moved and scaled as it is.
"""

import json
import zlib
from dataclasses import asdict, dataclass, replace
from typing import Any

from slicer.i18n import tr as _

from TextoMorphModule.Actions import nodes, resampling
from TextoMorphModule.Actions.background import Progress

Place = tuple[float, float, float]  # RAS mm in the world
Shape = tuple[Any, Any]  # a mask's box in the CT's grid, and the mask in it
MOST_UNDONE = 100


@dataclass(frozen=True)
class Row:
    """A lesion.

    Attributes:
        segment: The ID of its segment.
        text: Its description.
        organ: liver, pancreas or kidney.
        diameter: Of the ball with its volume, mm.
        irregularity: 0 for a smooth ellipsoid to 1 for a lobulated one.
        seed: Of its shape.
        centre: RAS mm in the world.
        made: Tells whether its mask is still what these numbers make; 0 if it was never that.
    """

    segment: str
    text: str
    organ: str
    diameter: float
    irregularity: float
    seed: int
    centre: Place
    made: int = 0


def rowsOf(parameters: Any) -> list[Row]:
    """The lesions in a parameter node's table whose segments are still there."""
    segmentation = parameters.lesionsSegmentation if parameters else None
    if not segmentation:
        return []
    found = [Row(**{**each, "centre": tuple(each["centre"])}) for each in json.loads(parameters.lesions or "[]")]
    return [row for row in found if segmentation.GetSegmentation().GetSegment(row.segment) is not None]


def healthyOf(parameters: Any) -> dict[str, Any]:
    """Where healthy tissue is judged, as `generateSeveral` takes it.

    The organ's segment counts where all that is asked for lies in that organ: a kidney is not measured by the liver.
    """
    same = all(organ == parameters.organ for *_mask, organ in askedOf(parameters))
    return {"replace": parameters.replaceTumour, "inside": insideOf(parameters) if same else None}


def insideOf(parameters: Any) -> tuple[Any, str] | None:
    """The organ's segment: its node and its ID; None where none is chosen, or its node is gone."""
    inside = (parameters.organSegmentation, parameters.organSegmentId)
    return inside if all(inside) else None


def askedOf(parameters: Any) -> list[tuple[Any, str, str, str]]:
    """What Generate makes in one run, as `generateSeveral` takes it: the table's lesions, or the mask and the text."""
    rows = rowsOf(parameters) if parameters.lesionsTogether else []
    if rows:
        return [(parameters.lesionsSegmentation, row.segment, row.text, row.organ) for row in rows]
    return [(parameters.segmentation, parameters.segmentId, parameters.text, parameters.organ)]


class LesionTable:
    """Changes the table, each change whole, and takes changes back.

    What changes a mask takes `progress` as `placeLesion` does, and raises what that raises; nothing has changed then.
    """

    def __init__(self, logic: Any) -> None:
        self.logic = logic
        self.parameters: Any = None
        self._on: Any = None  # the CT, and its grid, that masks taken down are on
        self._undo: list[Any] = []
        self._redo: list[Any] = []
        self._now: Any = None  # the state that the next change is taken back to
        self._kind: Any = None  # of the last change: typing goes on in one

    def use(self, parameters: Any) -> None:
        """Turns to another parameter node or another CT, on whose grid the table has no history yet."""
        ct = parameters.ct if parameters else None
        on = ct, nodes.gridOf(ct) if ct and ct.GetImageData() else None
        if parameters is not self.parameters or on != self._on:
            self.parameters, self._on, self._undo, self._redo, self._kind = parameters, on, [], [], None
            self._now = self._state() if parameters else None

    @property
    def rows(self) -> list[Row]:
        """The lesions."""
        return rowsOf(self.parameters)

    @property
    def canUndo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._undo)

    @property
    def canRedo(self) -> bool:
        """Whether there is a change that was taken back."""
        return bool(self._redo)

    def indexOf(self, mask: tuple[Any, str]) -> int:
        """The place of a mask in the table; -1 if it is not in it."""
        if not self.parameters or mask[0] is not self.parameters.lesionsSegmentation:
            return -1
        return next((number for number, row in enumerate(self.rows) if row.segment == mask[1]), -1)

    def add(self, position: Place | None, inside: Any, text: str, organ: str, progress: Progress) -> int:
        """Adds a lesion of the size and irregularity that are chosen; its place in the table.

        Args:
            position: Its middle; somewhere deep in `inside` if None.
            inside: Segmentation node and segment ID of the organ that it is cut off at, or None.
            text: Its description.
            organ: liver, pancreas or kidney.
            progress: As `placeLesion` takes it.
        """
        wanted, number, ct = self.parameters, len(self.rows), self.parameters.ct
        seed = max((row.seed for row in self.rows), default=-1) + 1
        shape = (wanted.lesionDiameter, wanted.lesionIrregularity, position, inside, seed)
        box, found = self.logic.lesionShape(ct, *shape, progress)  # another CT may be chosen meanwhile
        segment = self._newSegment(number, ct)
        nodes.paintIn(box, found, wanted.lesionsSegmentation, segment, ct)
        row = Row(segment, text, organ, *shape[:2], seed, position or _centre(box, found, ct))
        row = replace(row, made=_sum(box, found) if position else 0)
        self._take([*self.rows, row])
        return number

    def addMask(self, mask: tuple[Any, str], text: str, organ: str, progress: Progress) -> int:
        """Adds a copy of a mask that was painted or placed; its place in the table."""
        wanted, number, ct = self.parameters, len(self.rows), self.parameters.ct
        box, found = nodes.cutOut(*mask, ct, progress)
        segment = self._newSegment(number, ct)
        nodes.paintIn(box, found, wanted.lesionsSegmentation, segment, ct)
        size = _diameter(found, ct), wanted.lesionIrregularity
        self._take([*self.rows, Row(segment, text, organ, *size, 0, _centre(box, found, ct))])
        return number

    def move(self, number: int, position: Place, inside: Any, progress: Progress) -> None:
        """Moves a lesion's middle to another place."""
        self._reshape(number, replace(self.rows[number], centre=position), inside, progress)

    def resize(self, number: int, diameter: float, inside: Any, progress: Progress) -> None:
        """Gives a lesion another diameter, mm."""
        self._reshape(number, replace(self.rows[number], diameter=diameter), inside, progress)

    def describe(self, number: int, text: str, organ: str) -> None:
        """Gives a lesion other words. What is typed one letter after the other is one change."""
        rows = self.rows
        rows[number] = replace(rows[number], text=text, organ=organ)
        self._take(rows, kind=("words", rows[number].segment))

    def remove(self, number: int) -> None:
        """Takes a lesion out of the table."""
        rows = self.rows
        self.parameters.lesionsSegmentation.GetSegmentation().RemoveSegment(rows.pop(number).segment)
        self._take(rows)

    def leave(self) -> None:
        """Empties the table for another scan; the masks stay in the scene, hidden, and nothing can be taken back."""
        left = self.parameters.lesionsSegmentation
        if left and left.GetDisplayNode():
            left.GetDisplayNode().SetVisibility(False)
        before = self.parameters.StartModify()
        self.parameters.lesionsSegmentation, self.parameters.lesions = None, ""
        self._undo, self._redo, self._kind = [], [], None
        self._now = self._state()
        self.parameters.EndModify(before)

    def notice(self) -> bool:
        """Takes up what was painted in the lesions elsewhere, as a change that can be taken back; whether it was."""
        wanted, state = self.parameters, self._state()
        if self._now is None or state[1].keys() != self._now[1].keys():
            return False
        changed = [key for key, shape in state[1].items() if not _same(shape, self._now[1][key])]
        if not changed:
            return False
        rows = self.rows
        for number, row in enumerate(rows):
            shape = state[1][row.segment]
            if row.segment in changed and shape is not None:
                box, found = shape
                numbers = _diameter(found, wanted.ct), _centre(box, found, wanted.ct)
                rows[number] = replace(row, made=0, diameter=numbers[0], centre=numbers[1])
        self._take(rows)
        return True

    def undo(self) -> None:
        """Takes the last change back."""
        self._go(self._undo, self._redo)

    def redo(self) -> None:
        """Makes the change again that was taken back last."""
        self._go(self._redo, self._undo)

    def _go(self, source: list[Any], target: list[Any]) -> None:
        if source:
            target.append(self._now)
            self._now = source.pop()
            self._restore(self._now)
            self._kind = None

    def _take(self, rows: list[Row], kind: Any = None) -> None:
        """Writes the rows down as a change that can be taken back."""
        goesOn = kind is not None and kind == self._kind
        if not goesOn and self._now is not None:
            self._undo.append(self._now)
            del self._undo[:-MOST_UNDONE]
        self._redo.clear()
        self._kind = kind
        self._write(rows)
        self._now = (rows, self._now[1]) if kind and self._now else self._state()

    def _write(self, rows: list[Row]) -> None:
        self.parameters.lesions = json.dumps([asdict(row) for row in rows])

    def _state(self) -> Any:
        """The rows, and the box and mask of each; None where nothing is painted."""
        from TextoMorphLib.errors import InputError

        rows, wanted = self.rows, self.parameters
        shapes: dict[str, Shape | None] = {}
        for row in rows if wanted.ct else ():
            try:
                shapes[row.segment] = nodes.cutOut(wanted.lesionsSegmentation, row.segment, wanted.ct)
            except InputError:
                shapes[row.segment] = None
        return rows, shapes

    def _restore(self, state: Any) -> None:
        rows, shapes = state
        wanted, now = self.parameters, self._state()[1]
        if shapes and not nodes.inScene(wanted.lesionsSegmentation):
            wanted.lesionsSegmentation = nodes.addSegmentation(_("Lesions"), wanted.ct)
        segmentation = wanted.lesionsSegmentation
        for segment in now.keys() - shapes.keys():
            segmentation.GetSegmentation().RemoveSegment(segment)
        for number, row in enumerate(rows):
            shape = shapes[row.segment]
            if row.segment not in now:
                nodes.addSegment(segmentation, _name(number), number, row.segment)
            if shape is not None and not _same(shape, now.get(row.segment)):
                box, found = shape
                nodes.paintIn(box, found, segmentation, row.segment, wanted.ct)
        self._write(rows)

    def _reshape(self, number: int, row: Row, inside: Any, progress: Progress) -> None:
        rows, ct = self.rows, self.parameters.ct
        old, segmentation = rows[number], self.parameters.lesionsSegmentation
        box, found = nodes.cutOut(segmentation, old.segment, ct, progress)
        if old.made and old.made == _sum(box, found):
            shape = (row.diameter, row.irregularity, row.centre, inside, row.seed)
            box, found = self.logic.lesionShape(ct, *shape, progress)
            row = replace(row, made=_sum(box, found))
        else:
            box, found = _carried(box, found, ct, row.centre, row.diameter / old.diameter)
            row = replace(row, made=0)
        nodes.paintIn(box, found, segmentation, row.segment, ct)
        rows[number] = row
        self._take(rows)

    def _newSegment(self, number: int, ct: Any) -> str:
        wanted = self.parameters
        if not nodes.inScene(wanted.lesionsSegmentation):
            wanted.lesionsSegmentation = nodes.addSegmentation(_("Lesions"), ct)
        return nodes.addSegment(wanted.lesionsSegmentation, _name(number), number)


def _name(number: int) -> str:
    return _("Lesion {number}").format(number=number + 1)


def _sum(box: Any, found: Any) -> int:
    """Changes when a mask does."""
    import numpy as np

    where = repr([(part.start, part.stop) for part in box]).encode()
    return zlib.crc32(np.packbits(np.ascontiguousarray(found)).tobytes(), zlib.crc32(where)) or 1


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return one[0] == other[0] and bool((one[1] == other[1]).all())


def _diameter(found: Any, ctNode: Any) -> float:
    """Of the ball with a mask's volume, mm."""
    import numpy as np

    from TextoMorphLib.spatial.geometry import ball_mm

    return ball_mm(np.count_nonzero(found) * float(np.prod(ctNode.GetSpacing())))


def _centre(box: Any, found: Any, ctNode: Any) -> Place:
    """A mask's middle."""
    import numpy as np

    voxel = np.argwhere(found).mean(0) + [part.start for part in box]
    centre = [0.0, 0.0, 0.0]
    ctNode.TransformPointToWorld(resampling.moved(voxel, nodes.affineOf(ctNode)).tolist(), centre)
    return centre[0], centre[1], centre[2]


def _carried(box: Any, found: Any, ctNode: Any, position: Place, scale: float) -> tuple[Any, Any]:
    """A mask of any shape, scaled about its middle and brought to another place; its box in the CT, and it in that.

    Raises:
        InputError: Nothing of it would lie in the CT.
    """
    import numpy as np
    from scipy import ndimage

    from TextoMorphLib.errors import InputError
    from TextoMorphLib.spatial.geometry import tight_box

    found = np.pad(found, 1)  # what is sampled at an edge must not fall beyond it
    middle = np.argwhere(found).mean(0)  # in the box
    local = [0.0, 0.0, 0.0]
    ctNode.TransformPointFromWorld(position, local)
    target = resampling.moved(np.array(local), np.linalg.inv(nodes.affineOf(ctNode)))
    if abs(scale - 1) < 1e-6:
        target = np.rint(target - middle) + middle  # whole voxels: it stays as it is
    half = np.ceil(np.maximum(middle, np.array(found.shape) - middle) * scale) + 1
    size = ctNode.GetImageData().GetDimensions()
    low, high = (np.clip(end, 0, size).astype(int) for end in (np.floor(target - half), np.ceil(target + half) + 1))
    nothing = InputError("the lesion would lie outside the CT; leave its middle in it")
    if (low >= high).any():
        raise nothing
    to_box = np.eye(3) / scale
    smooth = ndimage.affine_transform(
        found.astype(np.float32), to_box, middle + to_box @ (low - target), output_shape=tuple(high - low), order=1
    )
    moved = smooth >= 0.5
    if not moved.any():
        raise nothing
    tight = tight_box(moved)
    start = [part.start + low[axis] for axis, part in enumerate(tight)]
    stop = [part.stop + low[axis] for axis, part in enumerate(tight)]
    return resampling.slices(start, stop), moved[tight]

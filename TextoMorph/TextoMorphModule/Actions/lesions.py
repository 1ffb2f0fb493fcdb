"""What there is to say of several lesions before they are generated, and their table."""

from functools import cached_property
from typing import Any

from TextoMorphModule.Actions import background, nodes
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.lesion_table import LesionTable


class Lesions:
    """Several lesions in one scan."""

    @cached_property
    def lesionTable(self) -> LesionTable:
        """The table of the parameter node that it is told to `use`.

        Example:
            >>> logic.lesionTable.use(logic.getParameterNode())
            >>> logic.lesionTable.add(logic.crosshair(), None, "cystic", "liver", lambda done, total: True)
            0
        """
        return LesionTable(self)

    def lesionsDoubts(
        self,
        ctNode: Any,
        masks: list[tuple[Any, str]],
        inside: tuple[Any, str] | None = None,
        progress: Progress | None = None,
    ) -> list[str]:
        """What is doubtful about where several lesions lie, by `maskDoubts`, and which overlap or nearly do.

        Args:
            ctNode: The CT.
            masks: Segmentation node and segment ID of each.
            inside: Segmentation node and segment ID of the organ that they should lie in.
            progress: Called about twenty times a second; returns False to cancel. Slicer stays alive meanwhile.

        Returns:
            Sentences without a full stop, which name a lesion by its number; none where all seems well.

        Raises:
            Cancelled: `progress` returned False.

        Example:
            >>> logic.lesionsDoubts(ctNode, [first, second])
            ['lesions 1 and 2 overlap; move one of them, or paint them apart']
        """
        from TextoMorphLib.errors import InputError
        from TextoMorphLib.synthesis import several
        from TextoMorphLib.synthesis.several import Lesion

        ct = nodes.volumeOf(ctNode)
        organ = nodes.organOf(inside, ctNode, progress)
        lesions, said = [], []
        for number, mask in enumerate(masks, start=1):
            try:
                lesions.append(Lesion(*nodes.cutOut(*mask, ctNode, progress), ""))
            except InputError as error:
                said.append(f"lesion {number}: {error}")
        if said:
            return said
        try:
            several.check(lesions)
        except InputError as error:
            return [str(error)]
        look = background.inOneGo(lambda: several.placement_warnings(ct, lesions, organ))
        found: list[str] = background.run(look, progress)
        return found

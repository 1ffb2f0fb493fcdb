"""Any source of tumours as a MONAI dictionary transform, for other people's pipelines.

    from TextoMorphLib.sources.monai_transform import SynthesizeTumourd

    SynthesizeTumourd(image="image", label="label", source={"kind": "words", "organ": "liver"}, prob=0.5)

It goes where images are in HU still, after spacing and cropping and before intensities are scaled.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.transforms.transform import MapTransform, RandomizableTransform

from TextoMorphLib.errors import InputError
from TextoMorphLib.sources import TumourSource, from_settings


class SynthesizeTumourd(RandomizableTransform, MapTransform):
    """Puts a synthetic tumour into patches that have none.

    Args:
        image: Key of the image: HU, [1, X, Y, Z], axes towards Right, Anterior and Superior.
        label: Key of the label: 0 elsewhere, 1 organ, 2 and above tumours; [1, X, Y, Z].
        source: A source, or its settings with `kind`: words, ellipsoids, cells or bank.
        prob: How often.
        spacing_mm: Of the voxels, isotropic.
        organ_value: The organ's value in the label.
        text_key: Where the tumour's description goes; "" where there is no tumour or no words.
    """

    def __init__(
        self,
        image: str = "image",
        label: str = "label",
        source: TumourSource | Mapping[str, Any] | None = None,
        prob: float = 0.5,
        spacing_mm: float = 1.0,
        organ_value: int = 1,
        text_key: str = "text",
    ) -> None:
        MapTransform.__init__(self, [image, label])
        RandomizableTransform.__init__(self, prob)
        self.image, self.label, self.text_key, self.organ_value = image, label, text_key, organ_value
        given = source if source is not None else {"kind": "words"}
        self.source = from_settings(given, spacing_mm) if isinstance(given, Mapping) else given

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The data with image and label changed together, or as they were."""
        made = dict(data)
        made.setdefault(self.text_key, "")
        self.randomize(None)
        seed = int(self.R.randint(2**31))
        image, label = made[self.image], made[self.label]
        if tuple(image.shape) != tuple(label.shape) or len(image.shape) != 4 or image.shape[0] != 1:
            raise InputError(
                f"image and label must both be [1, X, Y, Z], not {tuple(image.shape)}, {tuple(label.shape)}"
            )
        known = np.asarray(label[0])
        organ = known == self.organ_value
        if not self._do_transform or not organ.any() or (known > self.organ_value).any():
            return made
        inserted = self.source.insert(np.asarray(image[0], np.float32), organ, np.random.default_rng(seed))
        made[self.image] = _like(image, inserted.ct)
        made[self.label] = _like(label, inserted.label)
        made[self.text_key] = inserted.text
        return made


def _like(before: Any, values: np.ndarray) -> Any:
    """Values in the type of what was there; a MetaTensor keeps its metadata."""
    if isinstance(before, torch.Tensor):
        after = before.clone()
        after[0] = torch.as_tensor(values).to(before.dtype).to(before.device)
        return after
    return values[None].astype(before.dtype)

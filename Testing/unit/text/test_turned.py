"""Denials of denials, comparisons the other way round, exceptions, and what is said of lesions in general."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("The lesion does not lack a capsule.", "wall", "walled"),
        ("It lacks neither wall nor septa.", "septa", "septated"),
        ("It lacks calcification but not a capsule.", "wall", "walled"),
        ("It is not non-necrotic.", "content", "necrotic"),
        ("There is no lack of calcification.", "calcification", "present"),
        ("Enhancement is not absent: it is avid.", "density", "arterial"),
        ("The liver is denser than the lesion.", "density", "hypo"),
        ("The parenchyma enhances less than the mass.", "density", "hyper"),
        ("Less lucent than liver.", "density", "hyper"),
        ("The margins are more blurred than sharp.", "margin", "ill"),
        ("It is more solid than cystic.", "content", "solid"),
        ("It is no longer as dense as liver.", "density", "hypo"),
        ("The border is less than sharp.", "margin", "ill"),
        ("No border is sharp.", "margin", "ill"),
        ("At no point is the border sharp.", "margin", "ill"),
        ("Its margins can be defined only with difficulty.", "margin", "ill"),
        ("There is no difficulty in defining its margins.", "margin", "well"),
        ("It is everything but homogeneous.", "texture", "heterogeneous"),
        ("Homogeneous? Not in the least.", "texture", "heterogeneous"),
        ("Nothing about it is homogeneous.", "texture", "heterogeneous"),
        ("It would be wrong to call it homogeneous.", "texture", "heterogeneous"),
        ("No calcification other than a tiny focus.", "calcification", "present"),
        ("Some of the calcifications have resolved.", "calcification", "present"),
        ("Wall absent, as are septa.", "septa", "none"),
        ("Wall, septa: both lacking.", "septa", "none"),
        ("A capsule it does not have.", "wall", "none"),
        ("A rim would be expected, but none is seen.", "wall", "none"),
        ("None of the following is present: septa, capsule.", "wall", "none"),
        ("Haemangiomas may calcify. This lesion is solid.", "calcification", "none"),
        ("Unlike the cyst beside it, the lesion is calcified.", "content", "solid"),
        ("Without the rim one would expect in an abscess.", "content", "solid"),
        ("The adjacent cyst is septated, the mass is not.", "septa", "none"),
        ("The lesion, which was considered calcified, is not.", "calcification", "none"),
        ("What had looked like septa turned out to be vessels.", "septa", "none"),
        ("The margins are less than clear.", "margin", "ill"),
        ("Compared with the prior CT, the lesion is less dense.", "density", "default"),
        # A lesion's parts held against each other.
        ("It enhances more at the edge than in the middle.", "density", "default"),
        ("It enhances more at the edge than in the middle.", "wall", "walled"),
        ("It is denser in the centre than at the margin.", "density", "default"),
        # What another examination found.
        ("T2 bright lesion.", "density", "default"),
        ("Endosonography: hypoechoic lesion.", "density", "default"),
        ("On ultrasound bright, on CT dark.", "density", "hypo"),
        ("FDG PET: intense uptake in the lesion.", "density", "default"),
        ("EUS: dark lesion, sharply marginated.", "margin", "well"),
        ("A lesion with low signal on T2, hypodense on CT.", "density", "hypo"),
        ("The wall, however, is thick.", "wall_thickness", "thick"),
        ("Hyperdense it isn't.", "density", "default"),
        ("A hyperdense collection, an acute haematoma.", "content", "haemorrhagic"),
        ("It blends with the liver on all phases.", "density", "iso"),
        ("The cystic change that was seen in May has gone.", "content", "solid"),
        ("It is as dark as fat.", "fat", "none"),
        ("Mainly solid with cystic parts.", "content", "solid"),
        ("A lesion. Its wall can no longer be distinguished.", "wall", "none"),
        ("A lesion. A central scar is of low density.", "density", "default"),
        ("Cystic tumour is the favoured diagnosis. There is a lesion with a rim.", "wall", "walled"),
        ("A wall 1 mm thick.", "wall_thickness", "thin"),
        ("A wall 5 mm thick.", "wall_thickness", "thick"),
        ("A nodule sits on the inner wall of the cyst.", "nodule", "mural"),
    ],
)
def test_it_is_not_taken_for_its_contrary(text: str, kind: str, value: str) -> None:
    assert understand(text, "liver").description.get(kind, KINDS[kind][0]) == value

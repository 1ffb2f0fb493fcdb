"""What is said of the organ around a lesion, of what lies beside it, or of what is done to that or taken out."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("text", "organ", "expected"),
    [
        # The organ around it.
        ("Tumour of the tail. Gland otherwise with coarse lobulation and fatty streaks.", "pancreas", {}),
        ("Hypodense mass, the gland upstream atrophic and calcified.", "pancreas", {"density": "hypo"}),
        ("HCC in a nodular liver with irregular contours, enhancing avidly.", "liver", {"density": "arterial"}),
        ("Cirrhotic liver, lobulated contour. A hypodense nodule.", "liver", {"density": "hypo"}),
        ("Fatty, lobulated gland with a cyst in the tail.", "pancreas", {"content": "cystic"}),
        ("Renal parenchyma homogeneous. A 3 cm lesion.", "kidney", {}),
        ("Coarse calcifications, the remaining pancreas showing punctate ones. A mass.", "pancreas", {
            "calcification": "present", "calcium_grain": "coarse",
        }),
        ("The lesion is denser than the fatty parenchyma.", "liver", {"density": "hyper"}),
        ("Stranding around the lesion makes its boundary hard to define.", "pancreas", {"margin": "ill"}),
        # Parts of another thing that the sentence is about; of the lesion where it is named.
        ("Main duct 9 mm, septa in the cyst.", "pancreas", {"content": "cystic", "septa": "septated"}),
        ("Lesion. The gallbladder is distended, the wall is thick.", "liver", {}),
        ("The lesion abuts the gallbladder, the wall of which is thickened.", "liver", {}),
        ("The portal vein is occluded, its wall is calcified. A blurred lesion.", "liver", {"margin": "ill"}),
        ("Liver lesion; the study is degraded by motion, edges are blurred.", "liver", {}),
        ("The lesion is round, its margins are sharp.", "liver", {"margin": "well"}),
        # What lies beside it, whatever its name.
        ("The lesion displaces a sharply marginated, hypodense portal branch.", "liver", {}),
        ("Solid mass with smooth displacement of the renal fascia.", "kidney", {}),
        ("Lesion beside the calcified wall of a hydatid cyst.", "liver", {}),
        ("Mass, left. Gas in the biopsy tract.", "kidney", {}),
        ("Renal mass. Contralateral kidney shrunken, with cysts.", "kidney", {}),
        ("Pancreatic tumour. Hepatic cysts.", "pancreas", {}),
        ("Near the stomach: a hypodense tumour.", "pancreas", {"density": "hypo"}),
        ("Lesion, ill-defined. Next to it a calcified hydatid.", "liver", {"margin": "ill"}),
        ("The metastasis is hypodense, the cyst beside it not enhancing.", "liver", {"density": "hypo"}),
        ("A spiculated mass that pulls on the capsule.", "liver", {"margin": "ill", "contour": "spiculated"}),
        ("A mass below a cyst with a calcified wall.", "kidney", {}),
        ("Mass in the right lobe. Several simple cysts in the left lobe.", "liver", {}),
        ("A hypodense mass and a small cyst with a thin wall.", "liver", {"density": "hypo"}),
        ("Cyst of the head. In the tail a hypervascular nodule.", "pancreas", {"content": "cystic"}),
        ("A mass in a heterogeneous, cirrhotic liver.", "liver", {}),
        ("A hypodense mass. Small cysts are seen in the thickened duodenal wall.", "pancreas", {"density": "hypo"}),
        ("Lesion A (index), tail: cystic. Lesion B, head: hyperenhancing.", "pancreas", {"content": "cystic"}),
        ("Hypodense lesion in segment 6. Segment 8 cyst unchanged.", "liver", {"density": "hypo"}),
        ("Ill-defined soft tissue in the resection bed.", "pancreas", {"margin": "ill"}),
        # What is in it, and what was taken out.
        ("Walled-off necrosis with debris and air.", "pancreas", {"content": "necrotic", "gas": "bubbles"}),
        ("Aspiration of the abscess yielded fluid and gas.", "liver", {"content": "cystic"}),
        # How it does not enhance.
        ("It does not enhance in a rim-like fashion.", "liver", {"wall": "none"}),
        ("A cyst. It should have thin walls inside dividing it up.", "pancreas", {
            "content": "cystic", "septa": "septated",
        }),
    ],
)  # fmt: skip
def test_only_what_is_the_lesions_is_drawn(text: str, organ: str, expected: dict[str, str]) -> None:
    understood = understand(text, organ).description
    assert {k: v for k, v in understood.items() if v != KINDS[k][0]} == {
        k: v for k, v in expected.items() if v != KINDS[k][0]
    }

"""The words that say what a lesion lies beside, touches or grows towards: prepositions and verbs, in one place."""

from __future__ import annotations

BESIDE = (
    "adjacent to", "next to", "beside", "near", "close to", "closely related to", "behind", "beneath", "below", "above",
    "alongside", "anterior to", "posterior to", "lateral to", "medial to", "inferior to", "superior to", "cranial to",
    "caudal to",
)  # fmt: skip
# Where only something is that lies in another tissue.
AWAY = ("outside", "beyond", "around")
# What it does to what it lies beside, which stays as it is.
_DOES = (
    "abut", "abutting", "encase", "encasing", "displace", "displacing", "compress", "compressing", "contacting",
    "touching", "obstruct", "obstructing", "indenting", "effacing", "narrowing", "adherent to", "in contact with",
    "crossing", "abutment of", "encasement of", "displacement of", "compression of",
)  # fmt: skip
TOUCHED = (*_DOES, *BESIDE)
REACHED = (
    *TOUCHED, "invade", "invading", "involve", "involving", "reach", "reaching", "extend to", "extending to",
    "pull on", "pulling on", "on", "retract", "retracting", "bulge", "bulging", "under", "up to",
)  # fmt: skip

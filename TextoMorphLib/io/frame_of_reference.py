"""The UID of the space in which DICOM objects lie, and one that stands for it where nobody is to learn which it was."""

from __future__ import annotations


def stand_in(uid: str) -> str:
    """What stands for a space: always the same, so that what lies in one stays together; itself for a stand-in.

    Args:
        uid: The frame of reference; empty where none is known, which is a space of its own.
    """
    from pydicom.uid import PYDICOM_ROOT_UID, generate_uid

    begin = f"{PYDICOM_ROOT_UID}84.77."
    if uid.startswith(begin):
        return uid
    return generate_uid(begin, [uid]) if uid else generate_uid()


def same(one: str, other: str) -> bool:
    """Whether two frames of reference are one, also where one of them is told by its stand-in."""
    return stand_in(one) == stand_in(other)

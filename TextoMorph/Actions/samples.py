"""A CT to try things on: a real one for Slicer's Sample Data, and the library's digital phantom."""

from typing import Any

import slicer


def download(source: Any) -> Any:
    """Loads TotalSegmentator's example CT, fetched once and checked (SHA-256), for the Sample Data module.

    Args:
        source: Slicer's description of the sample.

    Returns:
        The volume node.

    Raises:
        OSError: It cannot be had.
    """
    from TextoMorph.Actions import background
    from TextoMorphLib.example_ct import example_ct

    return slicer.util.loadVolume(str(background.run(lambda onStep: example_ct())), {"name": source.sampleName})


def phantom() -> Any:
    """The digital phantom as a volume node; needs no network."""
    from TextoMorph.Actions import nodes
    from TextoMorphLib.simulation.phantom import phantom as make

    ct, _organs = make()
    return nodes.addVolume(ct.data, ct.affine, "Phantom CT")

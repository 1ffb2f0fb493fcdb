"""A CT to try things on: a real one for Slicer's Sample Data, and the library's digital phantom."""

from typing import Any

import slicer
from slicer.i18n import tr as _

SAMPLE = "AbdomenCT"
# Where the scan comes from; it is fetched inside TotalSegmentator's source package, by pip.
SOURCE = "https://github.com/wasserth/TotalSegmentator"
FILE = "totalsegmentator_example_ct.nii.gz"
CHECKSUM = (
    "SHA256:dbd3ae6d614d1d7ef3a46925c30c70038ed52da6b37fdd6afdc7b9b71387e3e1"  # as in the library, which starts slowly
)


def register(thumbnail: str) -> None:
    """Adds the CT to Slicer's Sample Data module.

    Args:
        thumbnail: Path of its picture.
    """
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="TextoMorph",
        sampleName=SAMPLE,
        uris=SOURCE,
        fileNames=FILE,
        nodeNames=SAMPLE,
        checksums=CHECKSUM,
        loadFiles=True,
        thumbnailFileName=thumbnail,
        customDownloader=onSample,
    )


def onSample(source: Any) -> Any:
    """What the sample's button does; says what went wrong, which Sample Data itself would not show."""
    try:
        return download(source)
    except OSError as error:
        said = _("The sample could not be had: {error}").format(error=error)
        slicer.util.errorDisplay(said, windowTitle=_("TextoMorph"))
        return None


def download(source: Any) -> Any:
    """Loads TotalSegmentator's example CT, fetched once and checked (SHA-256), for the Sample Data module.

    Args:
        source: Slicer's description of the sample.

    Returns:
        The volume node.

    Raises:
        OSError: It cannot be had.
    """
    from TextoMorphLib.simulation.example_ct import example_ct
    from TextoMorphModule.Actions import background

    return slicer.util.loadVolume(str(background.run(lambda onStep: example_ct())), {"name": source.sampleName})


def phantom() -> Any:
    """The digital phantom as a volume node; needs no network."""
    from TextoMorphLib.simulation.phantom import phantom as make
    from TextoMorphModule.Actions import nodes

    ct, _organs = make()
    return nodes.addVolume(ct.data, ct.affine, "Phantom CT")

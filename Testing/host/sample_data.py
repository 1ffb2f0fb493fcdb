"""The module `SampleData`: what a source must say of itself, and what its button in Slicer does."""

from __future__ import annotations

import sys
import types
from typing import Any


class SampleDataSource:
    """Files to fetch and load. Each of its lists has an entry a file."""

    def __init__(
        self,
        sampleName: str | None = None,
        sampleDescription: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        checksums: Any = None,
        loadFiles: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFileProperties: Any = None,
    ) -> None:
        lists = {
            "uris": uris,
            "fileNames": fileNames,
            "nodeNames": nodeNames,
            "loadFiles": loadFiles,
            "loadFileTypes": loadFileTypes,
            "checksums": checksums,
        }
        if isinstance(uris, str):
            lists = {name: [value] for name, value in lists.items()}
        elif isinstance(uris, list | tuple):
            lists |= {
                name: [value] * len(uris)
                for name, value in lists.items()
                if name not in ("uris", "fileNames") and (value is None or isinstance(value, str))
            }
        if len({len(value) for value in lists.values()}) != 1:  # also where uris or fileNames is None
            raise ValueError(f"all lists of a sample must be as long: {lists}")
        self.__dict__.update(lists)
        self.sampleName, self.sampleDescription = sampleName, sampleDescription or sampleName
        self.customDownloader, self.thumbnailFileName = customDownloader, thumbnailFileName
        self.loadFileProperties = loadFileProperties or {}

    def click(self) -> Any:
        """What its button does: a custom downloader gets the source, and what it returns is not looked at."""
        if self.customDownloader:
            return self.customDownloader(self)
        raise AssertionError("the host fetches nothing")


def install(samples: list[SampleDataSource]) -> None:
    """Registers the module.

    Args:
        samples: Gets each source that is registered.
    """

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataCategory(category: str, title: str) -> None: ...

        @staticmethod
        def registerCustomSampleDataSource(
            category: str = "Custom",
            sampleName: str | None = None,
            uris: Any = None,
            fileNames: Any = None,
            nodeNames: Any = None,
            customDownloader: Any = None,
            thumbnailFileName: str | None = None,
            loadFileTypes: Any = None,
            loadFiles: Any = None,
            loadFileProperties: Any = None,
            checksums: Any = None,
        ) -> None:
            given = {name: value for name, value in locals().items() if name not in ("category", "samples")}
            samples.append(SampleDataSource(**given))

    module = types.ModuleType("SampleData")
    module.SampleDataLogic, module.SampleDataSource = SampleDataLogic, SampleDataSource  # type: ignore[attr-defined]
    sys.modules["SampleData"] = module

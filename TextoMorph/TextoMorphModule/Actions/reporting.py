"""Reports: a radiology report's lesions, by rules on this computer or by a chat endpoint that was agreed to."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from TextoMorphModule.Actions import background, packages
from TextoMorphModule.Actions.background import Progress


@dataclass(frozen=True)
class ReportFindings:
    """What a report says of lesions.

    Attributes:
        lesions: Each as `textomorph report extract` prints it: organ, description, diameter_mm, segments, places, ...
        leftOut: The sentences that went into none of them.
        notes: What of an endpoint's answer did not count, and why.
    """

    lesions: list[dict[str, Any]]
    leftOut: list[str]
    notes: list[str]


class Reporting:
    """Reports into descriptions.

    Attributes:
        offeredReport: A report that another panel hands to the panel Report.
    """

    offeredReport: str | None = None

    def canReadReport(self, path: str | Path) -> bool:
        """Whether a file can be read: a PDF needs a package; if it is not there, asks whether to install it.

        Raises:
            RuntimeError: It could not be installed.

        Example:
            >>> logic.canReadReport("/data/report.txt")
            True
        """
        return Path(path).suffix.lower() != ".pdf" or packages.ensured("pdf")

    def readReport(self, path: str | Path, progress: Progress | None = None) -> str:
        """The text of a report: of a text file, a PDF, or a DICOM structured report.

        Raises:
            InputError: It cannot be read, or is no report.
            Cancelled: `progress` returned False.

        Example:
            >>> logic.readReport("/data/report.pdf")[:9]
            'FINDINGS:'
        """
        from TextoMorphLib.text.report_files import read_report

        text: str = background.run(background.inOneGo(partial(read_report, Path(path))), progress)
        return text

    def foreignHost(self, address: str) -> str:
        """The other computer that texts would go to with an endpoint; empty if it is this one, or none.

        Raises:
            InputError: It is no address.

        Example:
            >>> logic.foreignHost("https://api.example.org/v1")
            'api.example.org'
        """
        from TextoMorphLib.text.chat import host_of

        if not address:
            return ""
        host, local = host_of(address)
        return "" if local else host

    def wouldBeSent(self, report: str) -> str:
        """A report as another computer would get it: without what may name the patient, found by patterns.

        Example:
            >>> logic.wouldBeSent("Mrs Smith, MRN 12345. Liver: cyst.")
            'Mrs [removed], MRN [removed]. Liver: cyst.'
        """
        from TextoMorphLib.text.identifiers import struck_out

        return str(struck_out(report))

    def findLesions(
        self,
        report: str,
        address: str = "",
        model: str = "default",
        consent: str = "",
        progress: Progress | None = None,
    ) -> ReportFindings:
        """The lesions of a report. Slicer stays alive meanwhile.

        Args:
            report: Its text.
            address: A chat endpoint; without one, rules find them on this computer.
            model: The endpoint's.
            consent: The host that the report may be sent to, if it is another computer.
            progress: Called about twenty times a second; returns False to cancel.

        Raises:
            InputError: There is nothing to read, the endpoint fails, or nobody has agreed to its host.
            Cancelled: `progress` returned False.

        Example:
            >>> logic.findLesions("Liver: 2 cm cyst in segment IV.").lesions[0]["segments"]
            ['4']
        """
        from TextoMorphLib.errors import InputError

        if not report.strip():
            raise InputError("there is no report; paste or open one first")
        work = partial(_found, report, address, model, consent or None)
        given: ReportFindings = background.run(background.inOneGo(work), progress)
        return given


def _found(report: str, address: str, model: str, consent: str | None) -> ReportFindings:
    from TextoMorphLib.text import reports
    from TextoMorphLib.text.left_out import left_out

    notes = []
    if address:
        from TextoMorphLib.text import chat_reports
        from TextoMorphLib.text.chat import Chat

        answer = chat_reports.extract(Chat(address, model, consent), report)
        lesions = answer.lesions
        notes = [f"{count} of the endpoint's spans dropped: {why}" for why, count in answer.dropped.items()]
    else:
        lesions = reports.extract(report)
    return ReportFindings([lesion.as_dict() for lesion in lesions], left_out(report, lesions), notes)

"""The panels of the module, in working order: one file a panel, each with the `.ui` of its name."""

from TextoMorph.Panels.batch import BatchPanel
from TextoMorph.Panels.case import CasePanel
from TextoMorph.Panels.compare import ComparePanel
from TextoMorph.Panels.describe import DescribePanel
from TextoMorph.Panels.generate import GeneratePanel
from TextoMorph.Panels.preview import PreviewPanel
from TextoMorph.Panels.scan import ScanPanel
from TextoMorph.Panels.setup import SetupPanel
from TextoMorph.Panels.turing import TuringPanel

PANELS = (
    SetupPanel,
    ScanPanel,
    DescribePanel,
    GeneratePanel,
    ComparePanel,
    PreviewPanel,
    BatchPanel,
    TuringPanel,
    CasePanel,
)

"""The panels of the module, in working order: one file a panel, each with the `.ui` of its name."""

from TextoMorphModule.Panels.batch import BatchPanel
from TextoMorphModule.Panels.case import CasePanel
from TextoMorphModule.Panels.compare import ComparePanel
from TextoMorphModule.Panels.describe import DescribePanel
from TextoMorphModule.Panels.generate import GeneratePanel
from TextoMorphModule.Panels.preview import PreviewPanel
from TextoMorphModule.Panels.scan import ScanPanel
from TextoMorphModule.Panels.setup import SetupPanel
from TextoMorphModule.Panels.turing import TuringPanel

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

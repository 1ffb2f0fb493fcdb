"""A text box bound to a parameter, so that what is typed stays as it was typed."""

from typing import Any

import qt
from slicer.parameterNodeWrapper import GuiConnector


class PlainText(GuiConnector):
    """Writes to the box only what it does not show yet, and so that it can be undone.

    Slicer's own connector sets the whole text at each change of the parameter node, also while one types: the cursor
    goes to the start and the next letter before the last. It is handed to `connectParametersToGui` and registered
    nowhere, so that it is in no other module's way.
    """

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        """Whether a widget and a type can be bound."""
        return type(widget) is qt.QPlainTextEdit and datatype is str

    @staticmethod
    def create(widget: Any, datatype: Any) -> "PlainText":
        """Binds a widget."""
        return PlainText(widget)

    def __init__(self, widget: Any) -> None:
        super().__init__()
        self._widget = widget

    def _connect(self) -> None:
        self._widget.connect("textChanged()", self.changed)

    def _disconnect(self) -> None:
        self._widget.disconnect("textChanged()", self.changed)

    def widget(self) -> Any:
        """The text box."""
        return self._widget

    def read(self) -> str:
        """What is written in it."""
        return str(self._widget.toPlainText())

    def write(self, value: str) -> None:
        """Makes it show a text."""
        if value != self.read():
            cursor = self._widget.textCursor()
            cursor.select(qt.QTextCursor.Document)
            cursor.insertText(value)

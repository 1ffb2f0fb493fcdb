"""`qt.QUiLoader` with the stand-ins known to it; what Qt would quietly pass over in a `.ui` file raises here."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtUiTools

from host import widgets


class QUiLoader:
    """Loads a `.ui` file; an undeclared property, signal or slot raises ValueError."""

    def load(self, device: Any) -> Any:
        path = Path(device.fileName())
        tree = ElementTree.parse(path)
        root = tree.getroot()
        connections = root.find("connections")
        if connections is not None:  # PySide6 has no signature for a scene; they are made below
            root.remove(connections)
        loader = QtUiTools.QUiLoader()
        for stand_in in (*widgets.CTK, *widgets.QMRML):
            loader.registerCustomWidget(stand_in)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        widget = loader.load(buffer)
        if widget is None:
            raise ValueError(f"{path.name}: {loader.errorString()}")
        named = {each.objectName: each for each in [widget, *widget.findChildren(QtCore.QObject)]}
        for element in root.iter("widget"):
            _check_properties(element, named, path.name)
        for connection in connections if connections is not None else ():
            _connect(connection, named, path.name)
        return widget


def _check_properties(element: ElementTree.Element, named: dict[str, Any], where: str) -> None:
    name = element.get("name", "")
    if name not in named or named[name].metaObject().className() != element.get("class"):
        raise ValueError(f"{where}: {name} was not made as a {element.get('class')}")
    for given in element.findall("property"):
        if given.get("stdset") != "0" and named[name].metaObject().indexOfProperty(given.get("name")) < 0:
            raise ValueError(f"{where}: {name} has no property '{given.get('name')}'")


def _connect(connection: ElementTree.Element, named: dict[str, Any], where: str) -> None:
    sender, signal, receiver, slot = (
        connection.findtext(part) or "" for part in ("sender", "signal", "receiver", "slot")
    )
    target = getattr(named[receiver], re.sub(r"\(.*", "", slot), None)
    if target is None:
        raise ValueError(f"{where}: {receiver} has no slot '{slot}'")
    named[sender].connect(signal, target)

"""PythonQt's ways on PySide6's classes, patched in place: objects stay native, so `.ui` loading and real clicks work.

- A Qt property is an attribute, not a getter: `button.text = "Go"`; `button.text()` is a TypeError.
- An attribute that the C++ class lacks cannot be set; methods cannot be overwritten.
- `object.connect("clicked(bool)", function)` takes the signal's C++ signature. Slicer only prints what goes wrong with
  a connection or in a slot; here the first raises and the second fails the test.
- Arguments that a slot does not take are left out, as PythonQt does.
"""

from __future__ import annotations

import inspect
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from host import problems

MODULES = (QtUiTools, QtGui, QtWidgets, QtCore)
CALLED_BY_CXX = {"sizeHint", "minimumSizeHint"}  # virtual: C++ would call the property that took its place
OBJECT_TYPES = ("vtkMRMLNode*", "vtkMRMLScene*")  # PySide6 has one type for all that is not Qt's

_connect_native = QtCore.QObject.connect
_disconnect_native = QtCore.QObject.disconnect
_strict: set[type] = set()  # classes that stand for C++ ones


class _Property:
    """A Qt property as an attribute. The class itself keeps its static of that name (`QTimer.singleShot`)."""

    def __init__(self, name: str, static: Any) -> None:
        self.name, self.static = name, static

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self.static
        value = instance.property(self.name)
        return tuple(value) if isinstance(value, list) else value

    def __set__(self, instance: Any, value: Any) -> None:
        meta = instance.metaObject()
        described = meta.property(meta.indexOfProperty(self.name))
        if not described.isWritable():
            raise AttributeError(f"{_class(instance)}.{self.name} cannot be written")
        if described.typeName() == "QString" and not isinstance(value, str):
            raise AttributeError(f"{_class(instance)}.{self.name} takes a string, not {value!r}")
        if described.typeName() == "QStringList" and isinstance(value, tuple):
            value = list(value)
        if not described.write(instance, value):
            raise AttributeError(f"{_class(instance)}.{self.name} ({described.typeName()}) does not take {value!r}")


def install() -> types.ModuleType:
    """Patches PySide6 and registers a module `qt`, which holds Qt's classes as Slicer's does."""
    for owner in _classes():
        _patch(owner)
    QtCore.QObject.__getattr__ = _look_further
    QtCore.QObject.name = QtCore.QObject.__dict__["objectName"]
    QtCore.QObject.className = _class
    qt = types.ModuleType("qt")
    for module in MODULES:
        for name in dir(module):
            if name.startswith("Q"):
                setattr(qt, name, getattr(module, name))
    sys.modules["qt"] = qt
    return qt


def stands_for_cxx(owner: type) -> type:
    """Class decorator: a Python class that stands for one in C++ is as strict as those of Qt."""
    _strict.add(owner)
    owner.__setattr__ = _set
    return owner


def _classes() -> Iterator[type]:
    found = [getattr(module, name) for module in MODULES for name in dir(module)]
    objects = {each for each in found if isinstance(each, type) and issubclass(each, QtCore.QObject)}
    yield from sorted(objects, key=lambda each: len(each.__mro__))


def _patch(owner: Any) -> None:
    _strict.add(owner)
    meta = owner.staticMetaObject
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        own = name in owner.__dict__ and not isinstance(owner.__dict__[name], _Property)
        if (index >= meta.propertyOffset() or own) and name not in CALLED_BY_CXX:
            setattr(owner, name, _Property(name, getattr(owner, name, None)))
    owner.__setattr__ = _set
    look_up = owner.__getattribute__

    def get(self: Any, name: str) -> Any:
        # PySide6 finds `connect` before any attribute of a class.
        if name == "connect":
            return types.MethodType(connect, self)
        if name == "disconnect":
            return types.MethodType(disconnect, self)
        return look_up(self, name)

    owner.__getattribute__ = get


def _set(self: Any, name: str, value: Any) -> None:
    if type(self) not in _strict or (name.startswith("_") and "staticMetaObject" not in type(self).__dict__):
        self.__dict__[name] = value
        return
    found = next((each.__dict__[name] for each in type(self).__mro__ if name in each.__dict__), None)
    if isinstance(found, (_Property, property)):
        found.__set__(self, value)
    elif isinstance(found, QtCore.Property):
        _Property(name, None).__set__(self, value)
    elif name.startswith("_") or isinstance(value, QtCore.SignalInstance):
        self.__dict__[name] = value
    elif name.encode() in [bytes(each) for each in self.dynamicPropertyNames()]:
        self.setProperty(name, value)
    else:
        raise AttributeError(f"{_class(self)} has no property '{name}' that can be set")


def _look_further(self: Any, name: str) -> Any:
    if not name.startswith("__"):
        if name.endswith("_") and hasattr(type(self), name[:-1]):  # exec_, raise_
            return getattr(self, name[:-1])
        if name.encode() in [bytes(each) for each in self.dynamicPropertyNames()]:
            return self.property(name)
        for child in self.children():
            if child.objectName == name:
                return child
    raise AttributeError(f"{_class(self)} has no attribute '{name}'")


def _class(instance: Any) -> str:
    return type(instance).__name__


# --- Signals ---

_connections: dict[tuple[int, str], list[tuple[Callable[..., Any], Callable[..., Any]]]] = {}


def connect(self: Any, signal: Any, *rest: Any) -> Any:
    """Connects a signal, named by its C++ signature, to a function."""
    if isinstance(signal, QtCore.QObject):  # how PySide6's own `signal.connect()` calls it
        return _connect_native(signal, *rest)
    (function,) = rest
    native, count = _signal(self, signal)
    slot = _guarded(function, min(count, _arity(function)), f"a slot of {_class(self)}.{signal}")
    takes = {0: lambda: slot(), 1: lambda a: slot(a), 2: lambda a, b: slot(a, b), 3: lambda a, b, c: slot(a, b, c)}
    _connections.setdefault((id(self), native), []).append((function, takes[count]))
    return bool(_connect_native(self, "2" + native, takes[count]))


def disconnect(self: Any, signal: Any, *rest: Any) -> Any:
    """Disconnects a function from a signal; all functions if none is given."""
    if isinstance(signal, QtCore.QObject):  # how PySide6's own `signal.disconnect()` calls it
        return _disconnect_native(signal, *rest)
    native, _ = _signal(self, signal)
    connected = _connections.get((id(self), native), [])
    found = [pair for pair in connected if not rest or pair[0] == rest[0]]
    for pair in found:
        _disconnect_native(self, "2" + native, pair[1])
        connected.remove(pair)
    return bool(found)


def _signal(instance: Any, signature: str) -> tuple[str, int]:
    """PySide6's signature of a signal and how many arguments it has."""
    native = bytes(QtCore.QMetaObject.normalizedSignature(signature)).decode()
    for name in OBJECT_TYPES:
        native = native.replace(name, "PyObject")
    index = instance.metaObject().indexOfSignal(native)
    if index < 0:
        raise ValueError(f"{_class(instance)} has no signal '{signature}'")
    return native, instance.metaObject().method(index).parameterCount()


def _arity(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # a method of Qt's
        return 99
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return 99
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters)


def _guarded(function: Callable[..., Any], count: int, where: str) -> Callable[..., None]:
    def slot(*arguments: Any) -> None:
        try:
            function(*arguments[:count])
        except Exception:
            problems.tell_exception(where)

    return slot

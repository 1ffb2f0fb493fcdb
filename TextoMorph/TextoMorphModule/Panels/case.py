"""Case: the questions about the case on the screen, by mouse or by keyboard; the keys are those of the browser."""

from collections.abc import Callable
from functools import partial
from html import escape
from itertools import pairwise
from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Panels.panel import Panel, plainErrors

SCROLL_KEYS = {"Up": 1, "Down": -1, "PgUp": 5, "PgDown": -5}
TERM_COLUMNS = 2


class CasePanel(Panel):
    """Takes the place of all other panels while somebody reads. The logic's `reading` keeps the answers, this none."""

    name = "Case"
    order = 90
    whileReading = True
    _room: Any = None  # whose case is shown

    def setup(self) -> None:
        """Connects the widgets and the keys."""
        self._call, self._confidence = "", 0
        self._terms: set[str] = set()  # that fit
        self._termButtons: dict[str, Any] = {}
        ui = self.ui
        qt.QGridLayout(ui.termsWidget).setContentsMargins(0, 0, 0, 0)
        self._calls = {"real": ui.realButton, "synthetic": ui.syntheticButton}
        self._confidences = {grade: getattr(ui, f"confidence{grade}Button") for grade in range(1, 6)}
        for call, button in self._calls.items():
            button.connect("clicked(bool)", lambda checked=False, call=call: self.onCall(call))
        for grade, button in self._confidences.items():
            button.connect("clicked(bool)", lambda checked=False, grade=grade: self.onConfidence(grade))
        ui.allButton.connect("clicked(bool)", self.onAll)
        ui.nextButton.connect("clicked(bool)", self.onNext)
        ui.backButton.connect("clicked(bool)", self.onBack)
        ui.outlineButton.connect("clicked(bool)", lambda: self._room.outline(ui.outlineButton.checked))
        ui.resetButton.connect("clicked(bool)", lambda: self._room.resetViews())
        ui.pauseButton.connect("clicked(bool)", self.onPause)
        ui.endButton.connect("clicked(bool)", self.onEnd)
        self._connectKeys()

    def refresh(self) -> None:
        """Notices that a reading has begun."""
        if self._room is not self.logic.reading:
            self._room = self.logic.reading
            if self._room:
                self._fillStudy()
                self._fillCase()

    def setParameterNode(self, parameters: Any) -> None:
        """Ends the reading when the scene is closed or the module is left."""
        if parameters is None:
            self.logic.endReading()
        super().setParameterNode(parameters)

    def onCall(self, call: str) -> None:
        """Real or synthetic."""
        self._call = call
        self._mark()

    def onConfidence(self, confidence: int) -> None:
        """How sure, 1 to 5."""
        self._confidence = confidence
        self._mark()

    def onTerm(self, term: str) -> None:
        """A term fits, or does not after all."""
        self._terms ^= {term}
        self._mark()

    def onAll(self) -> None:
        """All terms fit; pressed again, none."""
        every = set(self._termButtons)
        self._terms = set() if self._terms == every else every
        self._mark()

    def onNext(self) -> None:
        """Saves the answer; once it is on the disk, shows the next case."""
        if not self._call:
            self.ui.messageLabel.text = _("First say R (real) or S (synthetic).")
        elif not self._confidence:
            self.ui.messageLabel.text = _("Say how sure you are: 1 (a guess) to 5 (certain).")
        else:
            saved = False
            with plainErrors(_("The answer was not saved.")):
                fitting = [term for term in self._termButtons if term in self._terms]
                self._room.answer(self._call, self._confidence, fitting, self.ui.commentLineEdit.text)
                saved = True
            if saved:
                self._show(self._room.show)

    def onBack(self) -> None:
        """Shows the case before, to answer it again."""
        if self.ui.backButton.enabled:
            self._show(self._room.back)

    def onPause(self) -> None:
        """Stops the clock, or goes on with the same case; what was chosen stays."""
        if self._asks():
            self._room.pause()
            self._mark()
        elif not self._room.done:
            self._show(self._room.show, keep=True)

    def onEnd(self) -> None:
        """Ends the reading; every answer is saved."""
        self.logic.endReading()
        if self.parameters:
            self.parameters.Modified()  # the other panels come back

    def _scroll(self, slices: int) -> None:
        self._room.scroll(slices)

    def _whileAsked(self, function: Callable[[], Any]) -> None:
        """What a key does while a case is on the screen; nothing otherwise."""
        if self._asks():
            function()

    def _asks(self) -> bool:
        """Whether a case is on the screen."""
        return bool(self._room and self._room.view)

    def _show(self, go: Callable[[], Any], keep: bool = False) -> None:
        """Shows a case; if that cannot be done, the reading ends."""
        shown = False
        with plainErrors(_("The case cannot be shown. Every answer so far is saved.")):
            go()
            shown = True
        if not shown:
            self.onEnd()
        elif keep:
            self._mark()
        else:
            self._fillCase()

    def _fillStudy(self) -> None:
        """Shows what is the same for every case."""
        study, ui = self._room.session.study, self.ui
        ui.titleLabel.text = f"<b>{escape(study.title)}</b>"
        ui.callGroupBox.title = study.questions["call"]
        ui.confidenceGroupBox.title = study.questions["confidence"]
        ui.termsGroupBox.title = study.questions.get("terms", "")
        ui.commentLineEdit.placeholderText = f"C   {study.questions.get('comment', '')}"
        ui.commentLineEdit.visible = "comment" in study.questions
        ui.outlineButton.checked = True

    def _fillCase(self) -> None:
        """Shows the questions about a case; after `back`, with the answer given before."""
        view, total = self._room.view, len(self._room.session.order)
        earlier = view.earlier if view else None
        self._call, self._confidence = (earlier.call, earlier.confidence) if earlier else ("", 0)
        self._terms = set(earlier.terms) if earlier else set()
        self.ui.commentLineEdit.text = earlier.comment if earlier else ""
        number = view.number if view else total
        self.ui.caseLabel.text = _("Case {number} of {total}").format(number=number, total=total)
        self.ui.caseProgressBar.setRange(0, total)
        self.ui.caseProgressBar.value = number - 1 if view else total
        if view:
            self.ui.textLabel.text = f"{escape(view.organ)}<br><i>\u201c{escape(view.text)}\u201d</i>"
        self._buildTerms(view.terms if view else ())
        self._mark()
        self.widget.setFocus()  # the keys are for the questions, not for the comment

    def _buildTerms(self, terms: tuple[str, ...]) -> None:
        from TextoMorphLib.reader_study.session import TERM_KEYS

        grid = self.ui.termsWidget.layout()
        for old in self._termButtons.values():
            old.hide()  # else it could come up once more, as a window of its own
            old.setParent(None)
            old.deleteLater()
        self._termButtons = {}
        for place, term in enumerate(terms):
            button = qt.QPushButton(f"{TERM_KEYS[place : place + 1]}   {term}")
            button.checkable = True
            button.toolTip = _("This fits the tumour.")
            button.connect("clicked(bool)", lambda checked=False, term=term: self.onTerm(term))
            grid.addWidget(button, place // TERM_COLUMNS, place % TERM_COLUMNS)
            self._termButtons[term] = button
        for before, after in pairwise([self.ui.confidence5Button, *self._termButtons.values(), self.ui.allButton]):
            qt.QWidget.setTabOrder(before, after)
        self.ui.termsGroupBox.visible = bool(terms)

    def _mark(self) -> None:
        """Shows what is chosen and what can be done now."""
        for chosen, buttons in ((self._call, self._calls), (self._confidence, self._confidences)):
            for value, button in buttons.items():
                button.checked = value == chosen
        for term, button in self._termButtons.items():
            button.checked = term in self._terms
        asks, done, ui = self._asks(), self._room.done, self.ui
        ui.questionsWidget.visible = asks
        ui.nextButton.enabled = bool(asks and self._call and self._confidence)
        ui.backButton.enabled = self._room.session.can_go_back and (asks or done)
        ui.outlineButton.enabled = ui.resetButton.enabled = asks
        ui.pauseButton.visible = not done
        ui.pauseButton.text = _("Z   Pause") if asks else _("Z   Go on")
        ui.messageLabel.text = ""
        if done:
            ui.messageLabel.text = _("All cases are read. Thank you. Every answer is saved; the last can be changed.")
        elif not asks:
            ui.messageLabel.text = _("Paused. The clock stands still.")

    def _connectKeys(self) -> None:
        from TextoMorphLib.reader_study.session import TERM_KEYS

        ui = self.ui
        keys: dict[str, Callable[[], Any]] = {
            "R": lambda: self.onCall("real"),
            "S": lambda: self.onCall("synthetic"),
            "X": self.onAll,
            "C": lambda: ui.commentLineEdit.setFocus(),
            "O": lambda: ui.outlineButton.click(),
            "0": lambda: ui.resetButton.click(),
            "Esc": lambda: self.widget.setFocus(),
            "Return": self._onEnter,
            "Enter": self._onEnter,
        }
        keys |= {str(grade): partial(self.onConfidence, grade) for grade in self._confidences}
        keys |= {key: partial(self._onTermKey, place) for place, key in enumerate(TERM_KEYS)}
        keys |= {key: partial(self._scroll, slices) for key, slices in SCROLL_KEYS.items()}
        for key, function in keys.items():
            self._connectKey(key, partial(self._whileAsked, function))
        self._connectKey("B", self.onBack)
        self._connectKey("Z", self.onPause)

    def _connectKey(self, key: str, function: Callable[[], Any]) -> None:
        """A key works wherever the focus is, as long as this panel is shown; in the comment, letters are letters."""
        shortcut = qt.QShortcut(self.widget)
        shortcut.setKey(qt.QKeySequence(key))
        shortcut.autoRepeat = key in SCROLL_KEYS
        shortcut.connect("activated()", lambda: function())

    def _onEnter(self) -> None:
        if self.ui.commentLineEdit.focus:
            self.widget.setFocus()
        else:
            self.onNext()

    def _onTermKey(self, place: int) -> None:
        if place < len(self._termButtons):
            self.onTerm(list(self._termButtons)[place])

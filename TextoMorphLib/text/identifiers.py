"""What may name a patient, struck out of a text before it leaves this computer: by patterns, and so no guarantee.

Names are known by titles, labels, signatures and by "SURNAME, Forename"; dates, numbers, telephones, addresses and
hospitals by their forms. Sizes, Hounsfield units, segments and images stay.
"""

from __future__ import annotations

import re

REMOVED = "[removed]"

_CAPITAL = r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u017f\u0386-\u03ab\u0400-\u042f]"
_WORD = rf"{_CAPITAL}[\w'\u2019-]*"
_PARTICLE = r"(?:(?:van|von|vom|zu|zur|de|der|den|del|della|di|da|do|dos|du|la|le|el|al|bin|ben|ibn|ter|ten|af|av)\s+)"
_NO_NAME = r"(?!(?:Liver|Pancreas|Kidneys?|Findings|CT|The|There)\b)"
_NAME = rf"{_PARTICLE}{{0,3}}{_WORD}\.?(?:[ ,]+{_PARTICLE}{{0,3}}{_NO_NAME}{_WORD}\.?){{0,3}}"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DEGREE = r"(?:M\.?D\.?|D\.?O\.?|MBBS|FRCR|FRCP|FRANZCR|Ph\.?D\.?)(?![\w.])"
_STREET = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Way|Court|Ct|Close|Crescent|Place|Pl|Terrace"
    r"|Square|Highway|Hwy|Parkway)\b\.?"
)
_NUMBERED = (
    r"MRN|URN|PID|ID|Id|patient (?:id|no|number)|hospital (?:no|number)|hosp|unit (?:no|number)|acc(?:ession)?|case"
    r"|order|request|episode|encounter|visit|exam (?:no|number)|study (?:id|no|number)|policy|insurance|licen[cs]e"
    r"|NHS|CHI|SSN|DOB|D\.O\.B\.|born|date of birth|birth ?date"
)
_CALLED = r"tel(?:ephone)?|phone|fax|pager|bleep|mobile|cell|call(?:ed)?|contact|ext(?:ension)?"
_LABELLED = (
    r"patient(?: name)?|name|pt|radiologist|reporting (?:physician|radiologist)|reported by|read by|signed(?: by)?"
    r"|electronically signed(?: by)?|dictated by|transcribed by|approved by|verified by|authori[sz]ed by|attending"
    r"|resident|referr(?:er|ed by|ing (?:physician|clinician|doctor))|ordering (?:physician|provider)|consultant|gp"
    r"|physician|surgeon|cc|copy to|next of kin|mother|father|spouse"
)
# Each with a "label" that stays.
_IDENTIFIERS = tuple(
    re.compile(pattern)
    for pattern in (
        # numbers that others would take in part
        r"(?P<label>)\b\d{3}[ .-]\d{3}[ .-]\d{4}\b|\b\d{3}-\d{2}-\d{4}\b",
        r"(?P<label>)\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b",
        rf"(?P<label>(?i:\b(?:{_NUMBERED})(?![\w])[ .#]{{0,3}}(?:no\b\.?|number|id)?\s*[:#]?\s*))[\w/.-]*\d[\w/.-]*",
        rf"(?P<label>(?i:\b(?:{_LABELLED})\s*:\s*))(?!\[)[^\W\d_](?:[^\n;.:\d]|(?<=\b\w)\.){{1,40}}?"
        rf"(?=\s*(?:$|\n|(?<!\b\w)\.|[;\d\[(]|,?\s*(?i:MRN|DOB|ID|age|sex|date|born|{_DEGREE})))",
        rf"(?P<label>(?i:\b(?:signed|dictated|read|reported|reviewed|discussed|communicated|called|relayed)\s+"
        rf"(?:electronically\s+)?(?:by|with|to)\s+)){_NAME}",
        rf"(?P<label>\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Sir|Dame|Herr|Frau|Doctor|Nurse)\b(?:\.\s*|\s+)){_NAME}",
        rf"(?P<label>){_NAME}(?=,?\s+{_DEGREE})",
        r"(?P<label>)\b[A-Z]{2,}(?:-[A-Z]{2,})?,\s*[A-Z][a-zA-Z'\u2019-]+(?:\s+[A-Z]\.?(?!\w))?",
        rf"(?P<label>(?i:\b(?:patient,?|pt\.?)\s+)){_NO_NAME}{_WORD}\s+{_PARTICLE}{{0,3}}{_NO_NAME}{_WORD}(?!\w)",
        # "JOHN SMITH is a 54-year-old man", "Smith J, 54M"
        rf"(?P<label>){_NO_NAME}{_WORD}(?:\s+{_PARTICLE}{{0,3}}{_WORD}\.?){{1,3}}"
        r"(?=,?\s+(?:is|was)\s+an?\s+\d{1,3}[ -]?(?:y(?:ears?|rs?|o)?)\b)",
        rf"(?P<label>)\b{_NO_NAME}{_WORD}\s+[A-Z]\.?(?=,?\s+\d{{1,3}}\s?(?:[MF]\b|y(?:ears?|rs?|o)?\b))",
        # dates
        r"(?P<label>)(?<![\d.])\d{1,4}(?P<mark>[./-])\d{1,2}(?P=mark)\d{1,4}\b(?!\s*(?:mm|cm|HU))",
        r"(?P<label>)(?<![\d./])(?:0?[1-9]|1[0-2])/(?:19|20)\d{2}\b(?!\s*(?:mm|cm|HU))",
        rf"(?P<label>)(?i:\b\d{{1,2}}(?:st|nd|rd|th)?(?:[ -]| of ){_MONTH}(?:[ ,-]+\d{{2,4}})?\b)",
        rf"(?P<label>)(?i:\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?\b|\b{_MONTH},?\s+\d{{4}}\b)",
        r"(?P<label>)\b(?:9\d|1[0-2]\d)(?=[ -]?(?:years?|yrs?|y)\b)",  # ages that few have
        r"(?P<label>(?i:\bage[d]?\s*:?\s+))(?:9\d|1[0-2]\d)\b(?!\s*(?:mm|cm|HU|%))",
        # addresses of mail, of the web, of homes, and hospitals
        r"(?P<label>)\b[\w.+-]+@[\w-]+\.[\w.]+\b|\b(?:https?://|www\.)\S+",
        rf"(?P<label>)\b\d{{1,5}}[A-Za-z]?,?\s+(?:{_WORD}\s+){{1,3}}{_STREET}(?:,?\s+(?:{_WORD}[ ,]*){{1,3}})?"
        r"(?:[A-Z]{2}\s+)?(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?\s*\d[A-Z]{2})?",
        r"(?P<label>)\b[A-Z][\w-]*(?:stra(?:ss|\u00df)e|weg|platz|allee|gasse)\s+\d{1,4}[a-z]?\b",
        rf"(?P<label>)\b\d{{5}}\s+{_WORD}",
        rf"(?P<label>)\b(?:{_WORD}\.?\s+){{1,4}}(?:Hospital|Clinic|Infirmary|Klinikum"
        r"|(?:Medical|Health|Cancer) Cent(?:er|re))\b"
        rf"(?: of(?: the)?(?: {_WORD}){{1,3}})?",
        # telephones and numbers
        rf"(?P<label>(?i:\b(?:{_CALLED})\b[.:#]?\s*(?:no\b\.?|number|at|on)?\s*))"
        r"(?!\d+(?:[.,]\d+)?\s*(?:mm|cm|HU))[+(]?\d[\d ()./-]+\d",
        r"(?P<label>)\+\d[\d ()./-]{6,}\d|\(\d{2,5}\)\s*\d[\d -]{4,}\d",
        r"(?P<label>)\b\d{3}-\d{4}\b|\b0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,4}\b",
        r"(?P<label>)\b[A-Z]{1,3}-?\d{5,}\b|\b\d{5,}\b",
    )
)


def struck_out(text: str) -> str:
    """A text without what may name a patient: names, dates, numbers, telephones, addresses."""
    for pattern in _IDENTIFIERS:
        text = pattern.sub(lambda match: (match["label"] or "") + REMOVED, text)
    return text

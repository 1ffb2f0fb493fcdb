"""A text as words that can be compared: without case, hyphens, British or American spelling, plurals, typing errors."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache

from TextoMorphLib.paths import resources
from TextoMorphLib.text.marks import CHOICE, ITEM, NOT_ITEM, SKIP, marked

_TOKEN = re.compile(
    r"""
    \([-+\u2212\u2013]\)                                 # (-) and (+), as laboratories write
    |(?:[wrcsbd]/[oswfx](?!\w))|w/(?=\s|$)               # w/o, r/o, c/w, s/o
    |\((?:y/n|yes/no)\)                                  # what may be answered
    |Ca\+\+|Ca2\+
    |[-+]ve\b
    |[\[(][ ]*[xX\u2713\u2714]?[ ]*[\])]|[\u2610-\u2612]   # ticked or empty boxes
    |\+{2,}
    |\d+(?:[.,]\d+)?
    |[^\W\d_]+(?:['\u2019][^\W\d_]+)*
    |\n
    |[^\w\s]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2212"
# British to American, roughly: both sides of every comparison go through it, so only consistency counts.
_SPELLINGS = (
    (re.compile(r"(?<=\w)ae(?!r)"), "e"),
    (re.compile(r"(?<=[a-z])(?<![dgt])oe(?=[dsmn])"), "e"),
    (re.compile(r"^oe(?=[dsmn])"), "e"),
    (re.compile(r"our(?=s?$|ed$|ing$|less$)"), "or"),
    (re.compile(r"tre(?=s?$)"), "ter"),
    (re.compile(r"is(?=(?:e|ed|es|ing|ation|ations)$)"), "iz"),
    (re.compile(r"ll(?=(?:ed|ing)$)"), "l"),
    (re.compile(r"^grey"), "gray"),
    (re.compile(r"ph(?=ur|at)"), "f"),
    (re.compile(r"^hip(?=o[a-z]{4}|er[a-z]{4})"), "hyp"),
)
_IRREGULAR = {
    "septae": "septum",
    "septa": "septum",
    "septums": "septum",
    "foci": "focus",
    "metastases": "metastasis",
    "calculi": "calculus",
    "centers": "center",
    "centre": "center",
    "centred": "centered",
    "nuclei": "nucleus",
    "loculi": "loculus",
    "thrombi": "thrombus",
    "vertebrae": "vertebra",
    "diverticula": "diverticulum",
    "haematomata": "hematoma",
    "granulomata": "granuloma",
    "ca++": "calcium",
    "ca2+": "calcium",
    "necroses": "necrosis",
    "diagnoses": "diagnosis",
}
_KEPT = frozenset(
    [
        "less",
        "surroundings",
        "this",
        "thus",
        "gas",
        "axis",
        "pancreas",
        "various",
        "always",
        "perhaps",
        "as",
        "is",
        "was",
        "has",
        "does",
        "its",
        "us",
        "plus",
        "minus",
        "versus",
    ]
)


@dataclass(frozen=True)
class Token:
    """A word, number or mark of a text.

    Attributes:
        norm: What it is compared by.
        start: Its first character in the text.
        end: One after its last.
        joined: A hyphen stands between it and the token before.
        corrected: Its norm is a guess of what was meant: it was typed wrongly or cut short.
        cut: It was cut short, so that a full stop after it ends no sentence.
    """

    norm: str
    start: int
    end: int
    joined: bool = False
    corrected: bool = False
    cut: bool = False

    @property
    def is_word(self) -> bool:
        """Whether it holds letters."""
        return self.norm[:1].isalpha()


@lru_cache(maxsize=20_000)
def normal(word: str) -> str:
    """A word's form for comparisons: "Tumours" and "tumor" have the same."""
    word = word.lower().replace("\u2019", "'").replace("\u00e6", "ae").replace("\u0153", "oe")
    if word in _IRREGULAR:
        return normal(_IRREGULAR[word]) if _IRREGULAR[word] != word else word
    for pattern, american in _SPELLINGS:
        word = pattern.sub(american, word)
    if len(word) > 3 and word not in _KEPT and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
        if word.endswith(("sse", "xe", "che", "she")):
            word = word[:-1]
        elif word.endswith("ie"):
            word = word[:-2] + "y"
    return _IRREGULAR.get(word, word)


def tokens(text: str, words: Collection[str] = (), start: int = 0, end: int | None = None) -> list[Token]:
    """The words, numbers and marks of a text.

    Hyphens within words are left out; "in-homogeneous" becomes one word if `words` has it. A line break is a token
    only where it can end a sentence.

    Args:
        text: Any text.
        words: Norms of words that are known.
        start: Where to begin.
        end: Where to end; None for the text's end.
    """
    found: list[Token] = []
    joined = unticked = bracketed = False
    for match in _TOKEN.finditer(text, start, len(text) if end is None else end):
        said = marked(match[0], text, match)
        unticked = said == SKIP or (unticked and said not in (ITEM, CHOICE, NOT_ITEM, "\n"))
        if unticked or said.lower() in ("(y/n)", "(yes/no)"):
            continue
        if said in (ITEM, NOT_ITEM, CHOICE):
            found += [Token(mark, match.start(), match.end()) for mark in said.split()]
            continue
        if said in _HYPHENS and _says_none(text, match.start()):
            said = "(-)"
        if said in _HYPHENS and (_within_word(text, match.start()) or _spaced(found, text, match.end())):
            joined = True
            continue
        if said == "." and found and _is_cut(found[-1], text) and goes_on(text, match.end()):
            continue
        if said == "(" and found and found[-1].norm in _SCALES and found[-1].end == match.start():
            joined = bracketed = True  # "iso(dense)"
            continue
        if said == ")" and bracketed:
            bracketed = False
            continue
        if said == "=":
            said = ":"
        token = Token(_norm(said), match.start(), match.end(), joined)
        joined = False
        if token.norm == "\n" and not _ends_line(found, text, match.end()):
            continue
        apart = bool(found) and found[-1].norm in _SCALES and match.start() == found[-1].end + 1  # "hypo vascular"
        if (token.joined or apart) and found and token.is_word and found[-1].norm + token.norm in words:
            found[-1] = Token(found[-1].norm + token.norm, found[-1].start, token.end, found[-1].joined)
            continue
        found += _split(token, words)
    return _cancers(found)


def norms_of(wording: str) -> tuple[str, ...]:
    """What the words of a wording are compared by; as `tokens` of the vocabulary's, of which most are plain words."""
    if _PLAIN.fullmatch(wording):
        norms = tuple(_norm(word) for word in wording.split(" "))
        if "ca" not in norms:  # which may be a carcinoma
            return norms
    return tuple(token.norm for token in tokens(wording))


def _norm(said: str) -> str:
    return "clearcut" if said == "net" else _full(normal(said))


_PLAIN = re.compile(r"[a-z]{2,}(?: [a-z]{2,})*")  # single letters may be marks
_SCALES = ("hypo", "hyper", "iso", "pseudo")
# Before these "Ca" is a cancer and no calcium.
_OF_CANCER = frozenset(
    ["of", "pancreas", "pancreatic", "liver", "hepatic", "kidney", "renal", "head", "tail", "body", "colon", "breast"]
)
_CANCEROUS = frozenset(
    [
        "pancreatic", "hepatic", "hepatocellular", "renal", "cell", "colon", "colonic", "colorectal", "rectal",
        "sigmoid", "gastric", "breast", "lung", "bronchial", "ovarian", "urothelial", "ductal", "prostate",
        "esophageal", "thyroid", "cervical", "uterine", "bladder", "primary", "invasive", "metastatic",
    ]
)  # fmt: skip


def _cancers(found: list[Token]) -> list[Token]:
    """Tokens with "Ca. pancreas" as a carcinoma, and "enh" before a noun as its adjective."""
    read: list[Token] = []
    for index, token in enumerate(found):
        if token.norm == "." and read and read[-1].norm == "carcinoma" and found[index - 1].norm == "ca":
            continue
        if _is_circa(found, index) or (token.norm == "." and index and _is_circa(found, index - 1)):
            continue  # "ca. 60 HU"
        dot = index + 1 < len(found) and found[index + 1].norm == "."
        after = found[index + 1 + dot : index + 2 + dot]
        named = bool(read) and read[-1].norm in _CANCEROUS  # "renal cell ca"
        if token.norm == "enhancement" and token.end - token.start < len("enhance") and after[:1]:
            token = replace(token, norm="enhancing" if after[0].norm in _ENHANCE else token.norm)  # "no enh septa"
        cancer = token.norm == "ca" and (named or (after and after[0].norm in _OF_CANCER))
        read.append(replace(token, norm="carcinoma") if cancer else token)
    return read


_ENHANCE = ("septum", "septation", "nodule", "component", "tissue", "mass", "lesion", "wall", "capsule", "rim")


def _is_circa(found: list[Token], at: int) -> bool:
    norms = [token.norm for token in found[at : at + 3]]
    return norms[:2] == ["ca", "."] and norms[2:] != [] and norms[2][0].isdigit()


@lru_cache(maxsize=1)
def _abbreviations() -> dict[str, str]:
    data = json.loads((resources() / "Vocabulary" / "abbreviations.json").read_text(encoding="utf-8"))
    return {normal(short): normal(word) for short, word in data["words"].items()}


def _full(norm: str) -> str:
    return _abbreviations().get(norm, norm)


def _is_cut(token: Token, text: str) -> bool:
    return is_short(text[token.start : token.end]) or (token.norm == "very" and token.end == token.start + 1)


def is_short(said: str) -> bool:
    """Whether a word is a short form, after which a full stop ends no sentence."""
    return normal(said) in _abbreviations()


def _split(token: Token, words: Collection[str]) -> list[Token]:
    """A word in two after its "non" or "un", where only the second is known: "noncalcified"."""
    for prefix in ("non", "un"):
        rest = token.norm.removeprefix(prefix)
        if len(rest) > 2 and rest != token.norm and rest in words and token.norm not in words:
            cut = token.start + len(prefix)
            return [replace(token, norm=prefix, end=cut), replace(token, norm=rest, start=cut, joined=True)]
    return [token]


def goes_on(text: str, at: int) -> bool:
    """Whether a sentence goes on after the full stop of a short form: "art. enhancement", "irreg., 3 cm"."""
    following = text[at : at + 9].lstrip(" ")[:1]
    return following.islower() or following in tuple(",;:/)(+-&\u2191\u2193<>=")


def _says_none(text: str, at: int) -> bool:
    """Whether a minus sign says that what comes before is not there: "calcs -, septa -"."""
    following = text[at + 1 : at + 9].lstrip(" -")[:1]
    ends = not following or following in ",.;)\n" or (following in "/|" and text[at - 1] == " ")
    said = re.search(r"([^\W\d_]+)[.+]{0,2}:? ?$", text[max(0, at - 30) : at])
    empty = re.search(r"(?:^|[.,;\n|])\W*([^\W\d_]+): ?$", text[max(0, at - 30) : at])
    if empty is not None and normal(empty[1]) in _ALWAYS_THERE:
        return False  # "Margin: -"
    return ends and said is not None and said[1].lower() not in ("hypo", "hyper", "iso", "non")


def _spaced(found: list[Token], text: str, at: int) -> bool:
    """Whether a hyphen with spaces around it joins a word: "ill - defined"."""
    return (
        bool(found)
        and found[-1].norm in ("ill", "well", "non", "hypo", "iso", "hyper")
        and text[at + 1 : at + 2].islower()
    )


def _within_word(text: str, at: int) -> bool:
    """Whether a hyphen belongs to a word ("ill-defined", "hypo- and hyperdense", "-free") and is no dash or minus."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return (before.isalnum() and (after.isalpha() or after.isdigit())) or (before.isalpha() and not after.isdigit())


# What every lesion has: a field of it with a dash is left empty, and denies nothing.
_ALWAYS_THERE = (
    "margin", "border", "edge", "outline", "contour", "boundary", "demarcation", "delineation", "density",
    "attenuation", "texture", "size", "shape", "location", "site", "content", "hu",
)  # fmt: skip
_HEADING = re.compile(r"[ \t]*[^\W\d_]+(?: [^\W\d_]+){0,2}[ \t]*:")
_GOES_ON = frozenset(
    [
        "of",
        "or",
        "nor",
        "and",
        "no",
        "not",
        "out",
        "the",
        "a",
        "an",
        "with",
        "without",
        "in",
        "to",
        "for",
        "by",
        "from",
        "is",
        "are",
        "was",
        "has",
        "shows",
        "than",
        "as",
        "/",
    ]
)


def _ends_line(found: list[Token], text: str, at: int) -> bool:
    """Whether a line break may end a sentence: not after "no evidence" or before "of calcification"."""
    answered = len(found) > 1 and found[-1].norm in ("no", "not") and found[-2].norm in (":", "?")
    answered = answered or bool(_HEADING.match(text, at))  # "necrosis no | Kidneys: ..."
    if not answered and (not found or found[-1].norm in _GOES_ON or found[-1].norm == ","):
        return False
    while at < len(text) and text[at] in " \t":
        at += 1
    following = _TOKEN.match(text, at)
    return following is None or normal(following[0]) not in ("of", "or", "nor", "and", "with", "in", "than", "to")

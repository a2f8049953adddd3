"""Whether a licence lets us pass data on."""

from __future__ import annotations

import re

PUBLIC = "public"
METADATA = "metadata"
RIGHTS = (PUBLIC, METADATA)

_PASSING_ON = (
    r"(?:re-?distribut\w*|distribut\w*|re-?publish\w*|re-?publication|passed on|pass on|passing on"
    r"|shared?|sharing|copied|copy|copying|transfer\w*|made (?:publicly )?available"
    r"|mak(?:e|ing) (?:\w+ ){0,4}available)"
)
_SPREADING = (
    r"(?:re-?distribution|re-?publication|(?:further|public|any)\W+distribution"
    r"|distribution\W+of\W+(?:\w+\W+){0,3}?(?:data|files?|dataset|datasets|release|material|archive))"
)
_REFUSED = (
    r"(?:(?:is|are)\W+)?(?:strictly\W+)?"
    r"(?:prohibited|forbidden|disallowed|not\W+(?:\w+\W+)?(?:allowed|permitted|authori[sz]ed))"
)
_MODAL = r"(?:may|must|shall|should|can|could|is|are|will|do|does)"
_BETWEEN = r"(?:to|be|for|allowed|permitted|authori[sz]ed|intended|licen[cs]ed|free|publicly|further)"
_OF_ALL = r"(?:further|public|any|the|of|data|right\w*|to|permission|for|unauthori[sz]ed)"

_PHRASES = (
    # The verb and its refusal: "may not be redistributed", "must not distribute", "cannot be shared".
    rf"\b{_MODAL}\s*(?:not|n't|never)\b(?:\W+\w+){{0,4}}?\W+{_PASSING_ON}\b",
    rf"\b(?:cannot|can't|mustn't|don't|never)\b(?:\W+\w+){{0,3}}?\W+{_PASSING_ON}\b",
    rf"\bnot\b(?:\W+{_BETWEEN}){{1,3}}\W+{_PASSING_ON}\b",
    # The noun and its refusal: "redistribution is prohibited", "no redistribution".
    rf"\b{_SPREADING}\b(?:\W+\w+){{0,8}}?\W+{_REFUSED}\b",
    rf"\b(?:no|without|prohibit\w*|forbid\w*|disallow\w*)\W+(?:{_OF_ALL}\W+){{0,4}}"
    r"(?:re-?distribut\w+|distribution)\b",
    # Kept within: "internal use only", "proprietary", "all rights reserved".
    r"\b(?:internal|collaboration|private)\b(?:\W+\w+){0,2}\W+use\W+only\b",
    r"\bfor\W+(?:collaboration|internal)\W+(?:members|use)\b(?:\W+\w+){0,2}\W+only\b",
    r"\bonly\W+for\W+(?:internal|collaboration|private)\b",
    r"\b(?:data|files?|release|dataset)\b(?:\W+\w+){0,4}\W+(?:is|are|remains?)\W+(?:\w+\W+)?"
    r"(?:proprietary|confidential)\b",
    r"\bproprietary\W+(?:data|period|licen[cs]e|information)\b",
    r"\bconfidential\b",
    r"\ball\W+rights\W+reserved\b",
)
_FORBIDS = tuple(re.compile(phrase, re.IGNORECASE) for phrase in _PHRASES)

_WITHDRAWN = re.compile(
    r"\bnot\W+(?:\w+\W+){0,2}?(?:proprietary|confidential|prohibited|forbidden|restricted)\b"
    r"|\bno\W+longer\b|\b(?:proprietary\W+period)\b(?:\W+\w+){0,4}\W+(?:over|ended|expired|elapsed|passed)\b"
    r"|\bprohibit\w*\W+(?:neither|no)\b",
    re.IGNORECASE,
)
"""Words that turn such a phrase round: "is not prohibited", "no longer"."""

_ONLY_IF = re.compile(
    r"\b(?:unless|except|provided|as long as|only\W+(?:if|when|with|together|under)"
    r"|without\W+(?:this|these|the|its|their)\W+"
    r"(?:\w+\W+){0,3}?(?:terms|licen[cs]e|notice|text|readme|conditions|attribution|citation))",
    re.IGNORECASE,
)
"""A condition, which is no refusal: "may not be redistributed without this licence"."""

_CONDITION_MET = re.compile(
    r"\b(?:terms|licen[cs]e|notice|text|readme|conditions|attribution|citation|acknowledg\w+|copyright|credit)\b",
    re.IGNORECASE,
)

_SOFTWARE = re.compile(
    r"\bredistributions? (?:and use )?(?:of|in) (?:source|binary)\b|\bthe software\b", re.IGNORECASE
)
"""Licences of programs ("all rights reserved" opens BSD's): they grant what the phrase seems to deny."""


def forbidding_sentence(text: str) -> str | None:
    """The first sentence of a licence or README that forbids to pass the data on; None if none does.

    A restriction of use ("no claims on the source"), a duty ("these terms must be included in all copies")
    and a condition ("may not be redistributed without this notice") let data be passed on, with the text.
    """
    for sentence in sentences(text):
        if _SOFTWARE.search(text) and re.search(r"all\W+rights\W+reserved", sentence, re.IGNORECASE):
            continue
        for phrase in _FORBIDS:
            if phrase.search(sentence) and not _WITHDRAWN.search(sentence) and not _is_condition(sentence):
                return sentence
    return None


def _is_condition(sentence: str) -> bool:
    condition = _ONLY_IF.search(sentence)
    return condition is not None and _CONDITION_MET.search(sentence, condition.start()) is not None


def sentences(text: str) -> list[str]:
    """The sentences of a text that is laid out in lines, lists and paragraphs."""
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*[*+-]\s)|\n(?=#)", text):
        line = " ".join(paragraph.split())
        found += [
            part.strip()
            for part in re.split(r"(?<=[.!?])(?<![A-Z]\.)\s+(?=[A-Z\"'(\[*`])", line)
            if part.strip()
        ]
    return found

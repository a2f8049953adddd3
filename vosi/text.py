"""Text as XML can hold it: what comes from file headers and settings may have any character."""

from __future__ import annotations

import re

# XML 1.0 section 2.2, production Char.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text with U+FFFD in place of every character that XML 1.0 forbids, escaped or not."""
    return _NOT_XML.sub("\ufffd", text)


def xml_token(text: str) -> str:
    """The same as one line, as ``xs:token`` wants it: no white space but single blanks inside."""
    return " ".join(xml_text(text).split())

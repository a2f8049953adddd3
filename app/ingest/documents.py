"""What the texts beside the files of a release tell of it: title, licence, how to cite."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from app.ingest.rights import METADATA, PUBLIC, forbidding_sentence, sentences

LONGEST_DESCRIPTION = 4000
"""Characters of a description."""
_LONGEST_TERMS = 1500
_LONGEST_TITLE = 200
_LONGEST_FILE = 1 << 20
_MOST_FILES = 20

_NAMES = re.compile(
    r"(readme|licen[cs]e|copying|terms|disclaimer|notice|citation|about)([-_. ].*)?", re.IGNORECASE
)
_SUFFIXES = frozenset(("", ".txt", ".md", ".rst", ".cff", ".markdown"))

_LICENCES = (
    (r"CC[ -]?BY[ -]?NC[ -]?SA", "CC BY-NC-SA", "by-nc-sa"),
    (r"CC[ -]?BY[ -]?NC[ -]?ND", "CC BY-NC-ND", "by-nc-nd"),
    (r"CC[ -]?BY[ -]?NC", "CC BY-NC", "by-nc"),
    (r"CC[ -]?BY[ -]?SA", "CC BY-SA", "by-sa"),
    (r"CC[ -]?BY[ -]?ND", "CC BY-ND", "by-nd"),
    (r"CC[ -]?BY|Creative Commons Attribution", "CC BY", "by"),
    (r"CC[ -]?0|Creative Commons Zero", "CC0", "zero"),
)
_OTHER_LICENCES = (
    (
        r"\bBSD[ -]3[ -]Clause\b|\b3-clause BSD\b",
        "BSD-3-Clause",
        "https://opensource.org/license/bsd-3-clause",
    ),
    (r"\bMIT License\b", "MIT", "https://opensource.org/license/mit"),
    (r"\bApache License\b", "Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    (r"\bODC[ -]By\b|Open Data Commons Attribution", "ODC-By", "https://opendatacommons.org/licenses/by/"),
    (r"\bODbL\b|Open Database License", "ODbL", "https://opendatacommons.org/licenses/odbl/"),
    (r"\bGPL[ -]?v?3\b|GNU General Public License", "GPL", "https://www.gnu.org/licenses/gpl.html"),
    (r"\bpublic domain\b", "public domain", None),
)
_CC_URL = re.compile(
    r"https?://creativecommons\.org/(?:licenses/([a-z-]+)|publicdomain/(zero))/(\d\.\d)[^\s)\]>\"']*"
)

_TERMS = re.compile(
    r"\blicen[cs]e\b|\bterms of use\b|\bredistribut|\bnot (?:permitted|allowed)\b|\bpermission\b"
    r"|\bno scientific publications\b|\bonly meant\b|\bmay (?:only |not )?be used\b|\bproprietary\b"
    r"|\bpublicly available\b|\bopen data\b|\bfree(?:ly)? (?:to use|available)\b",
    re.IGNORECASE,
)
_TERMS_HEADING = re.compile(r"licen[cs]e|terms|conditions|usage|disclaimer|policy", re.IGNORECASE)
_CITE = re.compile(
    r"\bplease (?:cite|include|acknowledge|use|reference)\b|\bcite\b|\backnowledg\w+\b|\bcitation\b"
    r"|\battribution\b|\bmade use of\b|\breference\b.*\bpaper\b",
    re.IGNORECASE,
)
_CITE_HEADING = re.compile(r"cit(?:e|ing|ation)|acknowledg|attribution|reference", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>()\[\]\"'`|]+")
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s<>()\[\]\"'`|,;]+")
_NO_HOME = re.compile(
    r"creativecommons|opensource\.org|shields\.io|badge|\.(?:png|svg|jpg|gif)$", re.IGNORECASE
)
_UNDERLINE = re.compile(r"\s*([=\-~^*#\"'+])\1{2,}\s*")


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a release; None where its texts are silent."""

    title: str | None = None
    description: str | None = None
    licence: str | None = None
    licence_url: str | None = None
    citation: str | None = None
    reference_url: str | None = None
    rights: str = PUBLIC
    forbidden_by: str | None = None
    """The sentence for which the rows and files are not served."""


def read_documents(folder: Path, root: Path) -> Told:
    """What the README, licence and citation files of a folder tell.

    Parameters
    ----------
    folder
        Where the texts lie.
    root
        The release's root: a link that leads out of it is not read.
    """
    texts = {path.name: text for path in _documents(folder) if (text := _text(path, root))}
    return tell(texts)


def tell(texts: dict[str, str]) -> Told:
    """What texts tell, in the order of importance.

    Parameters
    ----------
    texts
        Name of the file -> its text.
    """
    if not texts:
        return Told()
    whole = "\n\n".join(texts.values())
    forbidden = forbidding_sentence(whole)
    names, url = _licences(whole)
    first = next((text for name, text in texts.items() if name.lower().startswith("readme")), "")
    return Told(
        title=_cff(texts, "title") or _title(first),
        description=_shortened(whole.strip(), LONGEST_DESCRIPTION),
        licence=_licence(names, texts),
        licence_url=url,
        citation=_citation(texts),
        reference_url=_reference(texts, whole),
        rights=METADATA if forbidden else PUBLIC,
        forbidden_by=forbidden,
    )


def _documents(folder: Path) -> list[Path]:
    try:
        names = sorted(
            path
            for path in folder.iterdir()
            if _NAMES.fullmatch(path.stem) and path.suffix.lower() in _SUFFIXES
        )
    except OSError:
        return []
    readme_first = sorted(names, key=lambda path: not path.name.lower().startswith("readme"))
    return readme_first[:_MOST_FILES]


def _text(path: Path, root: Path) -> str:
    try:
        real = path.resolve(strict=True)
        if not real.is_file() or not real.is_relative_to(root.resolve()):
            return ""
        with real.open("rb") as file:
            raw = file.read(_LONGEST_FILE)
    except (OSError, RuntimeError):
        return ""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter for letter in lines if letter.isprintable() or letter in "\n\t")


def _title(text: str) -> str | None:
    """The first heading, or the first line with words."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        plain = _plain(line.strip().lstrip("#").strip())
        if not plain or _UNDERLINE.fullmatch(line) or not any(letter.isalnum() for letter in plain):
            continue
        if number == 0 or not plain.startswith(("[![", "![")):
            return plain[:_LONGEST_TITLE]
    return None


def _plain(text: str) -> str:
    """Text without the marks of Markdown."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"`{1,2}|\*{2}|__", "", text).split())


def _licences(text: str) -> tuple[list[str], str | None]:
    """Names of the licences that a text mentions, and the URL of the first."""
    names: list[str] = []
    url: str | None = None
    for match in _CC_URL.finditer(text):
        code = match.group(1) or match.group(2)
        label = next((label for _, label, known in _LICENCES if known == code), None)
        if label:
            names.append(f"{label} {match.group(3)}")
            url = url or match.group(0).rstrip(".,;")
    for pattern, label, code in _LICENCES:
        for match in re.finditer(
            rf"\b(?:{pattern})\b(?:\s*(?:v(?:ersion)?\s*)?(\d\.\d))?", text, re.IGNORECASE
        ):
            name = f"{label} {match.group(1)}" if match.group(1) else label
            if not any(other.startswith(label) for other in names):
                names.append(name)
                path = "publicdomain/zero" if code == "zero" else f"licenses/{code}"
                version = match.group(1) or ("1.0" if code == "zero" else "4.0")
                url = url or f"https://creativecommons.org/{path}/{version}/"
        if names:
            break
    for pattern, name, address in _OTHER_LICENCES:
        if re.search(pattern, text, re.IGNORECASE):
            names.append(name)
            url = url or address
    return list(dict.fromkeys(names)), url


def _licence(names: list[str], texts: dict[str, str]) -> str | None:
    """The names of the licences, then the terms in the words of the release."""
    terms: list[str] = []
    for name, text in texts.items():
        if re.match(r"licen[cs]e|copying|terms", name, re.IGNORECASE):
            terms.append(" ".join(text.split()))
            continue
        section = _section(text, _TERMS_HEADING)
        terms += [section] if section else [s for s in _prose(text) if _TERMS.search(s)]
    said = " ".join(dict.fromkeys(terms))
    whole = ". ".join(part for part in ("; ".join(names), said) if part)
    return _shortened(whole, _LONGEST_TERMS) or None


def _citation(texts: dict[str, str]) -> str | None:
    for text in texts.values():
        asked = _asked_for(text)
        if asked:
            return _shortened(asked, _LONGEST_TERMS)
    for text in texts.values():
        section = _section(text, _CITE_HEADING)
        if section:
            return _shortened(section, _LONGEST_TERMS)
    title, doi = _cff(texts, "title"), _cff(texts, "doi")
    if title:
        return title if doi is None else f"{title}, https://doi.org/{doi}"
    found = [s for text in texts.values() for s in _prose(text) if _CITE.search(s)]
    return _shortened(" ".join(dict.fromkeys(found)), _LONGEST_TERMS) or None


def _asked_for(text: str) -> str | None:
    """The paragraph that follows "please include the following attribution:"."""
    match = re.search(
        r"(?:cite|citation|acknowledg\w+|attribution|reference)\w*[^.:\n]{0,80}:[ \t]*\n\s*\n?"
        r"((?:[ \t>]+\S.*\n?)+)",
        text,
        re.IGNORECASE,
    )
    return _plain(match.group(1).replace(">", " ")) or None if match else None


def _section(text: str, heading: re.Pattern[str]) -> str | None:
    """The prose under the first heading of that kind."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        marked = line.lstrip().startswith("#")
        underlined = (
            number + 1 < len(lines) and bool(_UNDERLINE.fullmatch(lines[number + 1])) and bool(line.strip())
        )
        if (marked or underlined) and heading.search(line) and len(line) < 80:
            body: list[str] = []
            for index in range(number + (1 if marked else 2), len(lines)):
                following = lines[index + 1] if index + 1 < len(lines) else ""
                if lines[index].lstrip().startswith("#") or (
                    lines[index].strip() and _UNDERLINE.fullmatch(following)
                ):
                    break
                body.append(lines[index])
            return _plain(" ".join(body)) or None
    return None


def _prose(text: str) -> list[str]:
    """The sentences of a text, without headings."""
    kept = [
        line
        for line in text.split("\n")
        if not line.lstrip().startswith("#") and not _UNDERLINE.fullmatch(line)
    ]
    return [_plain(sentence) for sentence in sentences("\n".join(kept))]


def _reference(texts: dict[str, str], whole: str) -> str | None:
    """The DOI of the data, or the first address that may be the release's home."""
    doi = _cff(texts, "doi")
    if doi:
        return f"https://doi.org/{doi}"
    zenodo = [match.rstrip(".") for match in _DOI.findall(whole) if match.startswith("10.5281/")]
    if zenodo:
        return f"https://doi.org/{zenodo[0]}"
    urls = [url.rstrip(".,;:*") for url in _URL.findall(whole)]
    home = [url for url in urls if not _NO_HOME.search(url)]
    if home:
        return str(home[0])
    other = _DOI.search(whole)
    return f"https://doi.org/{other.group(0).rstrip('.')}" if other else None


def _cff(texts: dict[str, str], key: str) -> str | None:
    """A line of CITATION.cff."""
    for name, text in texts.items():
        if name.lower().endswith(".cff"):
            match = re.search(rf"^{key}:\s*[\"']?(.+?)[\"']?\s*$", text, re.MULTILINE)
            if match:
                return str(match.group(1))
    return None


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return text[: most - 4].rsplit(" ", 1)[0].rstrip() + " ..."

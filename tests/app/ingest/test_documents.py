"""READMEs and licences."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.ingest.documents import LONGEST_DESCRIPTION, read_documents, tell


def test_a_release_without_texts_tells_nothing(tmp_path: Path) -> None:
    told = read_documents(tmp_path, tmp_path)
    assert (told.title, told.description, told.licence, told.citation) == (None, None, None, None)
    assert told.rights == "public"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# The Data\n\ntext", "The Data"),
        ("The Data\n========\n\ntext", "The Data"),
        ("\n\n  \n## [The](http://x.y) `Data`\n", "The Data"),
        ("=====\nThe Data\n=====\n", "The Data"),
        ("![logo](a.png)\n\n# The Data", "The Data"),
    ],
)
def test_the_title_is_the_first_heading(text: str, title: str) -> None:
    assert tell({"README.md": text}).title == title


@pytest.mark.parametrize(
    ("text", "licence", "url"),
    [
        (
            "Licence: [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/).",
            "CC BY 4.0",
            "https://creativecommons.org/licenses/by/4.0/",
        ),
        ("This is CC BY-NC-SA 4.0.", "CC BY-NC-SA 4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/"),
        ("Put under CC0 1.0", "CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("See the MIT License.", "MIT", "https://opensource.org/license/mit"),
        ("Creative Commons Attribution 4.0", "CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    ],
)
def test_licences_are_known_by_name_and_address(text: str, licence: str, url: str) -> None:
    told = tell({"README.md": f"# Data\n\n{text}"})
    assert str(told.licence).startswith(licence)
    assert told.licence_url == url


def test_terms_are_told_in_the_words_of_the_release() -> None:
    told = tell(
        {"README.md": "# Data\n\nGood data.\n\n## License\n\nOnly meant for\nstudents.\n\n## Contact\n\nme"}
    )
    assert told.licence == "Only meant for students."


def test_an_attribution_that_is_asked_for_is_the_citation() -> None:
    text = (
        "# D\n\nPlease include the following attribution:\n\n    This work used D\n    of 2018.\n\nMore text."
    )
    assert tell({"README.md": text}).citation == "This work used D of 2018."


def test_citation_files_are_read() -> None:
    text = 'cff-version: 1.2.0\ntitle: "The Data"\ndoi: 10.5281/zenodo.1421098\n'
    told = tell({"CITATION.cff": text})
    assert told.title == "The Data"
    assert told.reference_url == "https://doi.org/10.5281/zenodo.1421098"
    assert told.citation == "The Data, https://doi.org/10.5281/zenodo.1421098"


def test_the_home_page_is_no_licence_and_no_badge() -> None:
    text = "# D\n\n![b](https://img.shields.io/x.svg) [CC](https://creativecommons.org/licenses/by/4.0/) https://a.b/c."
    assert tell({"README.md": text}).reference_url == "https://a.b/c"


def test_descriptions_are_bounded() -> None:
    told = tell({"README.md": "# D\n\n" + "word " * 10_000})
    assert len(str(told.description)) <= LONGEST_DESCRIPTION


def test_a_ban_withholds_the_rows() -> None:
    told = tell({"README.md": "# D\n\nThe files may not be redistributed."})
    assert told.rights == "metadata"
    assert told.forbidden_by == "The files may not be redistributed."


def test_links_out_of_the_release_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("# Secret")
    root = tmp_path / "release"
    root.mkdir()
    (root / "README.md").symlink_to(secret)
    assert read_documents(root, root).title is None


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"# D\xe9j\xe0 vu\x00\x1b[31m\n")
    (tmp_path / "LICENSE").mkdir()
    assert read_documents(tmp_path, tmp_path).title == "Déjà vu[31m"

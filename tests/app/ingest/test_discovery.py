"""Which releases lie below a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.ingest.discovery import Store, discover, slug
from app.ingest.errors import IngestError
from app.ingest.report import Findings
from tests.app.ingest.making import hdu_index, index_rows, obs_index, observation, store


def found(path: Path, collection: str | None = None) -> dict[str, Store]:
    return {store.name: store for store in discover(path, collection, Findings())}


def places(stores: dict[str, Store], top: Path) -> dict[str, str]:
    return {name: store.root.relative_to(top).as_posix() for name, store in stores.items()}


def test_a_folder_with_an_index_is_a_release(tmp_path: Path) -> None:
    root = store(tmp_path / "dl3-dr1", 1, 2)
    assert places(found(root), tmp_path) == {"dl3-dr1": "dl3-dr1"}


def test_a_folder_of_releases_gives_each(tmp_path: Path) -> None:
    for name in ("one", "two"):
        store(tmp_path / name, 1)
    observation(tmp_path / "three" / "deep" / "a.fits")
    assert places(found(tmp_path), tmp_path) == {"one": "one", "two": "two", "three": "three"}


def test_an_index_in_a_subfolder_belongs_to_the_folder_that_holds_its_files(tmp_path: Path) -> None:
    observation(tmp_path / "cta" / "data" / "a.fits")
    hdu_index(tmp_path / "cta" / "index" / "gps" / "hdu-index.fits.gz", index_rows(1, "a.fits", "../../data"))
    other = store(tmp_path / "other", 1)
    assert places(found(tmp_path), tmp_path) == {"cta": "cta", "other": "other"}
    assert places(found(other), tmp_path) == {"other": "other"}


def test_an_index_does_not_reach_into_another_release(tmp_path: Path) -> None:
    store(tmp_path / "good", 1)
    hdu_index(tmp_path / "evil" / "hdu-index.fits.gz", index_rows(1, "run_1.fits.gz", "../good/data"))
    assert places(found(tmp_path), tmp_path) == {"good": "good", "evil": "evil"}


def test_indices_of_one_store_are_one_release(tmp_path: Path) -> None:
    for part, obs_id in (("gps", 1), ("egal", 2)):
        observation(tmp_path / "cta" / "data" / f"{obs_id}.fits", obs_id)
        rows = index_rows(obs_id, f"{obs_id}.fits", "../../data")
        hdu_index(tmp_path / "cta" / "index" / part / "hdu-index.fits.gz", rows)
    (only,) = found(tmp_path / "cta").values()
    assert (only.name, len(only.indices)) == ("cta", 2)


def test_indices_that_contradict_each_other_are_two_releases(tmp_path: Path) -> None:
    # HAWC: the same observation and event type, once for each of two energy estimators.
    for kind in ("NN", "GP"):
        observation(tmp_path / "hawc" / f"{kind}.fits", 1)
        hdu_index(tmp_path / "hawc" / f"hdu-index-table-{kind}-Crab.fits.gz", index_rows(1, f"{kind}.fits"))
        obs_index(tmp_path / "hawc" / f"obs-index-table-{kind}-Crab.fits.gz", [{"OBS_ID": 1}])
    stores = found(tmp_path)
    assert sorted(stores) == ["hawc-table-gp-crab", "hawc-table-nn-crab"]
    assert all(len(made.indices[0].files) == 2 for made in stores.values())


def test_an_index_that_repeats_a_part_of_the_one_above_is_no_release(tmp_path: Path) -> None:
    root = store(tmp_path / "dr1", 1, 2)
    hdu_index(root / "crab" / "hdu-index.fits.gz", index_rows(1, "run_1.fits.gz", "../data"))
    assert places(found(tmp_path), tmp_path) == {"dr1": "dr1"}


def test_event_lists_beside_each_other_are_one_release(tmp_path: Path) -> None:
    root = tmp_path / "bare"
    for name in ("a.fits", "b+c [d], e.fits", "deep/c.fit", "deep/d.fits.gz"):
        observation(root / name)
    (only,) = found(root).values()
    assert [only.relative(file) for file in only.loose] == [
        "a.fits",
        "b+c [d], e.fits",
        "deep/c.fit",
        "deep/d.fits.gz",
    ]


def test_a_readme_makes_subfolders_one_release(tmp_path: Path) -> None:
    root = tmp_path / "years"
    for year in ("2019", "2020"):
        observation(root / year / "a.fits")
    assert sorted(found(root)) == ["2019", "2020"]
    (root / "README.md").write_text("# Years")
    assert sorted(found(root)) == ["years"]


def test_a_folder_around_the_files_is_no_name(tmp_path: Path) -> None:
    observation(tmp_path / "fermi" / "data" / "a.fits")
    assert sorted(found(tmp_path / "fermi")) == ["fermi"]


def test_a_single_file_is_a_release(tmp_path: Path) -> None:
    path = observation(tmp_path / "events.fits.gz")
    (only,) = found(path).values()
    assert (only.name, only.root, only.loose) == ("events", tmp_path, (path,))


def test_namesakes_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("hess/data", "magic/data"):
        store(tmp_path / name, 1)
    assert sorted(found(tmp_path)) == ["hess-data", "magic-data"]


def test_a_name_is_for_one_release(tmp_path: Path) -> None:
    for name in ("one", "two"):
        store(tmp_path / name, 1)
    assert sorted(found(tmp_path / "one", "mine")) == ["mine"]
    with pytest.raises(IngestError, match=r"2 releases \(one, two\)"):
        found(tmp_path, "mine")


def test_a_name_makes_folders_without_an_index_one_release(tmp_path: Path) -> None:
    for year in ("2019", "2020"):
        observation(tmp_path / year / "a.fits")
    assert sorted(found(tmp_path, "mine")) == ["mine"]


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "é", "x" * 65, "a/b"])
def test_names_that_cannot_be_folders_are_refused(tmp_path: Path, name: str) -> None:
    observation(tmp_path / "a.fits")
    with pytest.raises(IngestError, match="cannot be the name"):
        found(tmp_path, name)


def test_paths_with_nothing_in_them_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="no file or folder"):
        found(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(IngestError, match="no FITS files"):
        found(tmp_path)


def test_links_are_followed_inside_and_once(tmp_path: Path) -> None:
    root = tmp_path / "bare"
    observation(root / "data" / "a.fits")
    (root / "again").symlink_to(root / "data")
    (root / "data" / "loop").symlink_to(root)
    (root / "self").symlink_to("self")
    (only,) = found(root).values()
    assert [only.relative(file) for file in only.loose] == ["data/a.fits"]


def test_links_to_elsewhere_are_not_followed(tmp_path: Path) -> None:
    observation(tmp_path / "elsewhere" / "b.fits")
    root = tmp_path / "bare"
    observation(root / "a.fits")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "b.fits").symlink_to(tmp_path / "elsewhere" / "b.fits")
    findings = Findings()
    (only,) = discover(root, None, findings)
    assert [only.relative(file) for file in only.loose] == ["a.fits"]
    told = {Path(rejection.file).name: rejection.reason for rejection in findings.rejected}
    assert "is not followed" in told["out"]
    assert "outside the release" in told["b.fits"]


@pytest.mark.parametrize(
    ("name", "collection"),
    [
        ("HESS DR1", "HESS-DR1"),
        ("données", "donnees"),
        ("..", "collection"),
        ("a/b", "a-b"),
        ("x" * 99, "x" * 64),
    ],
)
def test_names_of_folders_become_names_of_collections(name: str, collection: str) -> None:
    assert slug(name) == collection

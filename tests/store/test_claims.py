"""A place that is no folder is refused in one sentence, early, with the option that names another."""

import errno
from pathlib import Path

import pytest

from helpers.store.claims import UnwritableStore, check_folder, explained
from helpers.store.store import Store

PROC = Path("/proc/self")
WAYS = {
    "sweep": lambda store: store.claims.sweep(),
    "claim": lambda store: store.claims.on("part").__enter__(),
    "write": lambda store: store.write("finding/part", {}),
}


@pytest.fixture
def file(tmp_path):
    (tmp_path / "file").write_text("mine")
    return tmp_path / "file"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("deeper", ["", "store", "store/deep"])
def test_a_file_in_place_of_the_folder_is_said(way, deeper, file):
    with pytest.raises(UnwritableStore) as refused:
        WAYS[way](Store(file / deeper))
    said = str(refused.value)
    assert f"{file} is a file" in said and said.endswith("name another one with --folder.")
    assert file.read_text() == "mine"


@pytest.mark.skipif(not PROC.is_dir(), reason="no /proc here")
@pytest.mark.parametrize("way", WAYS)
def test_a_place_where_no_folder_can_be_is_said(way):
    with pytest.raises(UnwritableStore, match="can be no folder to write in.*with --folder"):
        WAYS[way](Store(PROC / "foo"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.ENOTDIR, errno.ENOENT])
def test_the_remedy_names_the_option_that_the_caller_has(code, tmp_path):
    with pytest.raises(UnwritableStore, match=r"with --output") as refused:
        with explained(tmp_path, option="--output"):
            raise OSError(code, "why")
    assert "--folder" not in str(refused.value) and str(tmp_path) in str(refused.value)


def test_a_folder_that_is_there_or_can_be_made_passes_and_is_not_made(tmp_path):
    check_folder(tmp_path)
    check_folder(tmp_path / "new" / "deep")
    assert not list(tmp_path.iterdir())


def test_other_errors_pass_unchanged(tmp_path):
    with pytest.raises(OSError, match="why"):
        with explained(tmp_path):
            raise OSError(errno.EIO, "why")

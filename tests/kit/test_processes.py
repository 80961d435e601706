"""What is asked of folders and files before a server of ours goes into them."""

import os
import stat
from pathlib import Path

import pytest

from app.kit import processes
from app.kit.processes import Identity

SOMEBODY = Identity(uid=65534, gid=65534)


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A wheel's folder with a program and the libraries beside it."""
    installation = tmp_path / "packages" / "engine" / "inst"
    (installation / "bin").mkdir(parents=True)
    (installation / "bin" / "server").write_text("program")
    libraries = tmp_path / "packages" / "engine.libs"
    libraries.mkdir()
    (libraries / "libz.so").write_text("library")
    return installation


@pytest.fixture
def within(tmp_path: Path) -> Path:
    folder = tmp_path / "public"
    folder.mkdir()
    return folder


class TestOpenToOthers:
    def test_one_closed_folder_above_is_enough(self, tmp_path: Path) -> None:
        inner = tmp_path / "inner"
        inner.mkdir(mode=0o755)
        tmp_path.chmod(0o700)

        assert not processes.open_to_others(inner)

    def test_the_root_of_the_disk_is_open(self) -> None:
        assert processes.open_to_others(Path("/"))


class TestSeenFromInside:
    def test_by_its_name_for_oneself(self, tmp_path: Path) -> None:
        assert processes.seen_from_inside(tmp_path, None) == str(tmp_path)

    def test_without_its_parents_for_somebody_else(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)

        seen = processes.seen_from_inside(tmp_path / "data", SOMEBODY)

        assert seen in {"/proc/self/cwd", None}


class TestPublicCopy:
    def test_holds_programs_and_libraries(self, installation: Path, within: Path) -> None:
        copy = processes.public_copy(installation, within=within)

        assert (copy / "bin" / "server").read_text() == "program"
        assert (copy.parent.parent / "engine.libs" / "libz.so").read_text() == "library"
        assert stat.S_IMODE(copy.parent.parent.stat().st_mode) == 0o755

    def test_is_made_once(self, installation: Path, within: Path) -> None:
        first = processes.public_copy(installation, within=within)

        assert processes.public_copy(installation, within=within) == first
        assert len(list(within.iterdir())) == 1

    def test_is_made_again_when_files_are_gone(self, installation: Path, within: Path) -> None:
        (processes.public_copy(installation, within=within) / "bin" / "server").unlink()

        again = processes.public_copy(installation, within=within)

        assert (again / "bin" / "server").exists()
        assert len(list(within.iterdir())) == 1

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_a_strangers_folder_is_not_used(self, installation: Path, within: Path) -> None:
        first = processes.public_copy(installation, within=within)
        os.chown(first.parent.parent, SOMEBODY.uid, SOMEBODY.gid)

        again = processes.public_copy(installation, within=within)

        assert again != first
        assert again.parent.parent.stat().st_uid == 0


class TestPrivateFiles:
    def test_only_this_user_may_read(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("old, and open to all")

        processes.write_private(file, "new")

        assert file.read_text() == "new"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["secret"]

    def test_a_secret_goes_through_a_pipe(self) -> None:
        with os.fdopen(processes.as_standard_input("secret", None)) as source:
            assert source.read() == "secret"

"""Control groups: where they are found, what they limit, that nothing of them stays."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from grader.sandbox import Limits
from grader.sandbox.cgroup_places import Place, find_places
from grader.sandbox.cgroups import Group, Groups
from grader.sandbox.limits import MIB
from tests.sandbox_helpers import TIGHT, needs_bubblewrap, run_all, shown

pytest_plugins = ["tests.sandbox_fixtures"]


def tree(tmp_path: Path, groups: str, mounts: str) -> Path:
    """A /proc/self with these files; `@` is the place of the control groups."""
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(groups)
    (proc / "mountinfo").write_text(mounts.replace("@", str(tmp_path / "cg")))
    return proc


def group(folder: Path, controllers: str = "", handed_on: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").write_text("")
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(handed_on)
    return folder


V2 = "30 25 0:26 / @ rw,nosuid - cgroup2 cgroup2 rw\n"


def test_version_2_takes_the_nearest_group_that_hands_the_controllers_on(tmp_path):
    proc = tree(tmp_path, "0::/user/app/mine\n", V2)
    group(tmp_path / "cg", "cpu memory pids", "memory pids")
    group(tmp_path / "cg/user/app", "memory pids", "memory pids")
    group(tmp_path / "cg/user/app/mine", "memory pids")
    assert find_places(proc) == [Place(tmp_path / "cg/user/app", 2, ("memory", "pids"))]


def test_version_2_in_a_group_given_to_us_moves_down_and_hands_the_controllers_on(tmp_path):
    proc = tree(tmp_path, "0::/scope\n", V2)
    mine = group(tmp_path / "cg/scope", "memory pids")
    (mine / "cgroup.procs").write_text("17\n")
    assert find_places(proc) == [Place(mine, 2, ("memory", "pids"))]
    assert (mine / "grader-main" / "cgroup.procs").read_text() == "17"
    assert (mine / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_version_2_that_is_shared_with_processes_outside_of_the_container_is_left_alone(tmp_path):
    proc = tree(tmp_path, "0::/\n", V2)
    mine = group(tmp_path / "cg", "memory pids")
    (mine / "cgroup.procs").write_text("0\n17\n")  # the kernel's 0: a process of another namespace
    assert find_places(proc) == []
    assert not (mine / "grader-main").exists()


def test_version_2_without_controllers_gives_nothing(tmp_path):
    proc = tree(tmp_path, "0::/\n", V2)
    group(tmp_path / "cg", "cpu")
    assert find_places(proc) == []


def test_version_1_has_one_place_for_each_controller(tmp_path):
    mounts = "".join(
        f"3{i} 25 0:2{i} / @/{c} rw - cgroup cgroup rw,{c}\n" for i, c in enumerate(("memory", "pids", "cpu"))
    )
    proc = tree(tmp_path, "4:memory:/a\n8:pids:/\n1:cpu:/\n0::/\n", mounts)
    (tmp_path / "cg/memory/a").mkdir(parents=True)
    (tmp_path / "cg/pids").mkdir(parents=True)
    found = find_places(proc)
    assert found == [Place(tmp_path / "cg/memory/a", 1, ("memory",)), Place(tmp_path / "cg/pids", 1, ("pids",))]


def test_a_mount_that_shows_only_a_part_of_the_tree_is_understood(tmp_path):
    proc = tree(tmp_path, "0::/docker/x/mine\n", "30 25 0:26 /docker/x @ rw - cgroup2 cgroup2 rw\n")
    group(tmp_path / "cg", "memory pids", "memory pids")
    group(tmp_path / "cg/mine")
    assert find_places(proc) == [Place(tmp_path / "cg", 2, ("memory", "pids"))]


def test_without_control_groups_there_are_no_places(tmp_path):
    assert find_places(tmp_path) == []


@pytest.mark.parametrize(
    ("version", "files"),
    [
        (1, {"memory.limit_in_bytes": 1056 * MIB, "memory.memsw.limit_in_bytes": 1056 * MIB, "pids.max": 13}),
        (2, {"memory.max": 1056 * MIB, "memory.swap.max": 0, "pids.max": 13}),
    ],
)
def test_a_group_gets_the_limits_of_its_submission(tmp_path, monkeypatch, version, files):
    real = Path.mkdir

    def mkdir(self, *args, **kwargs):
        real(self, *args, **kwargs)
        for name in files:
            (self / name).touch()  # as the kernel does

    monkeypatch.setattr(Path, "mkdir", mkdir)
    (folder,) = Groups([Place(tmp_path, version, ("memory", "pids"))]).make(TIGHT).folders
    assert {name: int((folder / name).read_text()) for name in files} == files


@pytest.fixture(scope="module")
def groups():
    found = Groups.find()
    if "memory" not in found.words or "pids" not in found.words:
        pytest.skip("no control groups can be made here")
    return found


def test_a_group_of_a_grader_that_was_killed_is_removed_and_a_living_ones_is_not(groups):
    parent = groups.places[0].folder
    dead, alive = parent / "grader-4194999-0", parent / "grader-1-0"
    for folder in (dead, alive):
        folder.mkdir()
    try:
        Groups.find()
        assert not dead.exists()
        assert alive.exists()
    finally:
        Group([dead, alive]).close()


CHILDREN = """
import os, time
go, pids = os.pipe(), []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        try:
            held = bytearray(200 << 20)
            held[::4096] = b"x" * len(held[::4096])
            time.sleep(1)
        finally:
            os._exit(0)
    pids.append(pid)
sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9 for pid in pids)
"""


@needs_bubblewrap
def test_memory_is_limited_for_all_processes_of_a_submission_together(groups, sandbox):
    with sandbox.kernel(
        limits=replace(TIGHT, cell_seconds=20)
    ) as kernel:  # 8 times 200 MiB where 512, 32 of files and 512 of copies are allowed
        result = kernel.run(CHILDREN)
        assert result.status == "died" or int(shown(result)) > 0


@needs_bubblewrap
def test_a_neighbour_has_its_own_group(groups, sandbox):
    with sandbox.kernel(limits=TIGHT) as greedy, sandbox.kernel(limits=TIGHT) as other:
        greedy.run(CHILDREN)
        run_all(other, "held = bytearray(300 << 20)")


@needs_bubblewrap
def test_nothing_of_a_group_stays(groups, sandbox):
    def there() -> set[Path]:
        return {folder for place in groups.places for folder in place.folder.glob(f"grader-{os.getpid()}-*")}

    before = there()
    with sandbox.kernel(limits=Limits()) as kernel:
        run_all(kernel, "1")
        assert len(there() - before) == len(groups.places)
    assert there() == before

"""The filter of system calls: what it refuses, what it lets through, on which machines."""

import struct

import pytest

from grader.sandbox.inside import seccomp
from tests.sandbox_helpers import needs_bubblewrap, value

pytest_plugins = ["tests.sandbox_fixtures"]
ALLOWED, EPERM, ENOSYS, EAFNOSUPPORT = 0x7FFF0000, 0x50001, 0x50026, 0x50061


def outcome(machine: str, number: int, argument: int = 0, architecture: int | None = None) -> int:
    """What the program answers: an interpreter for the handful of instructions that it uses."""
    code = seccomp.program(machine)
    assert code is not None
    program = [struct.unpack_from("=HBBI", code, 8 * i) for i in range(len(code) // 8)]
    data = {0: number, 4: architecture or seccomp.ARCHITECTURES[machine][1], 16: argument}
    at, held = 0, 0
    while True:
        kind, true, false, constant = program[at]
        if kind == seccomp.RETURN:
            return int(constant)
        if kind == seccomp.LOAD:
            held = data[constant]
        else:
            test = {seccomp.EQUAL: held == constant, seccomp.ABOVE: held >= constant, seccomp.ANY_BIT: held & constant}
            at += true if test[kind] else false
        at += 1


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_program_refuses_its_list_and_nothing_else(machine):
    column = seccomp.ARCHITECTURES[machine][0]
    refused = {entry[column] for entry in seccomp.REFUSED.values()} - {None}
    special = {seccomp.CLONE3[column], seccomp.SOCKET[column]}
    for number in set(range(600)) - special:
        assert outcome(machine, number) == (EPERM if number in refused else ALLOWED), number
    assert outcome(machine, seccomp.CLONE3[column]) == ENOSYS


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_processes_and_threads_may_be_made_and_namespaces_not(machine):
    clone = seccomp.CLONE[seccomp.ARCHITECTURES[machine][0]]
    threads, fork = 0x3D0F00, 0x1200011
    assert outcome(machine, clone, threads) == outcome(machine, clone, fork) == ALLOWED
    for flag in (0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x2000000):
        assert outcome(machine, clone, fork | flag) == EPERM


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_sockets_are_of_the_own_network_namespace(machine):
    socket = seccomp.SOCKET[seccomp.ARCHITECTURES[machine][0]]
    allowed = {family for family in range(64) if outcome(machine, socket, family) == ALLOWED}
    assert allowed == {1, 2, 10, 16}
    assert outcome(machine, socket, 40) == EAFNOSUPPORT  # vsock reaches the host of a virtual machine


def test_other_interfaces_of_the_same_machine_are_closed():
    assert outcome("x86_64", 0x40000000 + 101) == ENOSYS
    assert outcome("x86_64", 26, architecture=0x40000003) == ENOSYS  # 32 bit, where 26 is ptrace
    assert outcome("aarch64", 26, architecture=0x40000028) == ENOSYS


def test_a_machine_whose_numbers_are_not_known_has_no_filter():
    assert seccomp.program("riscv64") is None


def test_no_call_is_listed_twice():
    for column in (0, 1):
        numbers = [entry[column] for entry in seccomp.REFUSED.values() if entry[column] is not None]
        assert len(numbers) == len(set(numbers))


@needs_bubblewrap
def test_a_submission_runs_behind_the_filter(inmate):
    if seccomp.program(__import__("os").uname().machine) is None:
        pytest.skip("no filter for this machine")
    assert value(inmate, "libc.prctl(21, 0, 0, 0, 0)") == "2"
    assert value(inmate, "outcome(lambda: socket.socket(40, socket.SOCK_STREAM))") == "'OSError'"
    assert value(inmate, "outcome(lambda: os.memfd_create('x'))") == "'PermissionError'"
    assert value(inmate, "refused(libc.shmget, 0x7f3a, 4096, 0o1666)") == "'EPERM'"
    assert value(inmate, "refused(libc.ptrace, 0, 0, 0, 0)") == "'EPERM'"
    assert value(inmate, "subprocess.run(['sh', '-c', 'exit 3']).returncode") == "3"

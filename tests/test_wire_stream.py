"""Frames on a socket: whole, in order, in time."""

import socket
import struct
import threading
import time

import pytest
import torch

from grader.wire import (
    Reader,
    WireClosedError,
    WireError,
    recv,
    recv_frame,
    send,
    send_descriptors,
    send_frame,
    send_frames,
)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def soon() -> float:
    return time.monotonic() + 0.05


def test_a_value_goes_through_a_socket(pair):
    send(pair[0], {"x": torch.ones(3)})
    assert torch.equal(recv(pair[1])["x"], torch.ones(3))


WAYS = [recv_frame, lambda sock, *deadline, **limit: Reader(sock).frame(*deadline, **limit)]


@pytest.mark.parametrize("read", WAYS, ids=["one", "reader"])
@pytest.mark.parametrize("part", [b"", b"\x00\x00", b"\x00\x00\x00\x05ab"])
def test_half_a_frame_ends_at_the_deadline(pair, part, read):
    pair[0].sendall(part)
    with pytest.raises(TimeoutError):
        read(pair[1], soon())


@pytest.mark.parametrize("read", WAYS, ids=["one", "reader"])
@pytest.mark.parametrize("part", [b"", b"\x00\x00", b"\x00\x00\x00\x05ab"])
def test_the_end_of_the_stream_is_told_from_a_late_one(pair, part, read):
    pair[0].sendall(part)
    pair[0].close()
    with pytest.raises(WireClosedError):
        read(pair[1], soon())


@pytest.mark.parametrize("read", WAYS, ids=["one", "reader"])
def test_a_frame_over_the_limit_is_refused_by_its_length_alone(pair, read):
    pair[0].sendall(struct.pack(">I", 1001))
    with pytest.raises(WireError, match="1001"):
        read(pair[1], soon(), limit=1000)


def test_a_reader_who_does_not_read_cannot_hold_the_writer_up(pair):
    with pytest.raises(TimeoutError):
        send_frame(pair[0], b"x" * 2**22, soon())


def test_sending_to_a_closed_socket_is_told(pair):
    pair[1].close()
    with pytest.raises(WireClosedError):
        send(pair[0], 1)
    with pytest.raises(WireClosedError):
        send_descriptors(pair[0], 1, [0], None)


def test_a_reader_who_leaves_between_frame_and_descriptor_is_told(pair, monkeypatch):
    def gone(*args):
        raise BrokenPipeError

    monkeypatch.setattr(socket, "send_fds", gone)
    with pytest.raises(WireClosedError):
        send_descriptors(pair[0], 1, [0], None)


def test_a_descriptor_follows_its_frame(pair):
    send_descriptors(pair[0], "order", [pair[0].fileno()], None)
    assert recv(pair[1]) == "order"
    data, descriptors, _, _ = socket.recv_fds(pair[1], 1, 1)
    assert len(data) == len(descriptors) == 1
    with socket.socket(fileno=descriptors[0]) as again:
        again.sendall(b"x")
    assert pair[1].recv(1) == b"x"


@pytest.mark.parametrize("size", [0, 5, 2**16 - 4, 2**16, 300_000])
def test_a_reader_takes_frame_after_frame_however_they_come(pair, size):
    sent = [b"first", b"x" * size, b"", b"last"]
    sender = threading.Thread(target=send_frames, args=(pair[0], sent))
    sender.start()
    reader = Reader(pair[1])
    assert [reader.frame(soon()) for _ in sent] == sent
    assert not reader.pending()
    sender.join()


def test_a_reader_tells_what_has_come_and_was_not_asked_for(pair):
    send_frames(pair[0], [b"one", b"two"])
    reader = Reader(pair[1])
    assert reader.pending()
    assert reader.frame(soon()) == b"one"
    assert reader.pending()  # though the socket is empty
    assert reader.frame(soon()) == b"two"
    assert not reader.pending()

"""IDX files: what is written is read, and whatever is wrong with a file is named."""

import gzip
import hashlib
import http.client
import struct
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import idx
from diffkit.errors import DataError
from tests import properties  # noqa: F401  # no time limit

CODES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5) * 4
LABELS = np.array([7, 0, 9], dtype=np.uint8)


def packed(values, code=0x08):
    shape = values.shape
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + values.astype(CODES[code]).tobytes()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(packed(IMAGES)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(packed(LABELS))
    return tmp_path


@pytest.mark.parametrize("code", CODES)
def test_every_number_type_is_read_in_its_byte_order(code, tmp_path):
    values = np.array([[1, 2, 100], [-3 if code != 0x08 else 3, 0, 5]])
    (tmp_path / "x").write_bytes(packed(values, code))
    found = idx.read_idx(tmp_path / "x")
    assert found.tolist() == values.tolist()
    assert found.dtype == torch.from_numpy(np.zeros(1, CODES[code][1:])).dtype


def test_big_numbers_are_big_endian(tmp_path):
    (tmp_path / "x").write_bytes(bytes([0, 0, 0x0C, 1, 0, 0, 0, 1, 0, 0, 1, 2]))
    assert idx.read_idx(tmp_path / "x").tolist() == [258]


def test_a_folder_of_plain_and_packed_files_is_read(folder):
    images, labels = idx.load(folder, "test")
    assert images.shape == (3, 1, 4, 5)
    assert images.dtype == torch.float32
    assert torch.equal(((images[:, 0] + 1) * 127.5).round().to(torch.uint8), torch.from_numpy(IMAGES))
    assert labels.tolist() == [7, 0, 9]
    assert labels.dtype == torch.int64


def test_pixels_run_from_minus_one_to_one(folder):
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(packed(np.array([[[0, 255]]] * 3, dtype=np.uint8)))
    assert idx.load(folder, "test").images[0].flatten().tolist() == [-1, 1]


def test_names_with_a_dot_are_found_too(folder):
    (folder / "t10k-labels-idx1-ubyte").rename(folder / "t10k-labels.idx1-ubyte")
    assert idx.load(folder, "test").labels.tolist() == [7, 0, 9]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_a_cut_file_is_refused_at_every_length(pack, tmp_path):
    content = pack(packed(IMAGES))
    for size in range(len(content)):
        (tmp_path / "x").write_bytes(content[:size])
        with pytest.raises(DataError, match=r"cut|no IDX file"):
            idx.read_idx(tmp_path / "x")


def test_a_file_with_bytes_left_over_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(packed(IMAGES) + b"\0")
    with pytest.raises(DataError, match="too long"):
        idx.read_idx(tmp_path / "x")


@pytest.mark.parametrize("head", [b"\0\1\x08\1", b"\0\0\x0a\1", b"\0\0\x08\0", b"PK\3\4", b"<htm"])
def test_a_file_of_another_format_is_refused(head, tmp_path):
    (tmp_path / "x").write_bytes(head + b"\0" * 20)
    with pytest.raises(DataError, match="no IDX file"):
        idx.read_idx(tmp_path / "x")


def test_a_damaged_packed_file_is_refused(tmp_path):
    content = bytearray(gzip.compress(packed(IMAGES)))
    content[-6] ^= 1  # in the checksum that gzip keeps
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        idx.read_idx(tmp_path / "x")


@given(st.binary(max_size=60))
def test_any_bytes_give_an_array_of_that_size_or_an_error_of_ours(raw):
    for head in (b"", b"\0\0\x08\1", b"\0\0\x08\2\0\0\0", b"\x1f\x8b"):
        try:
            values = idx._parse(idx._unpacked(head + raw, "x"), "x")
        except DataError:
            continue
        assert values.numel() * values.element_size() <= len(head + raw)


def test_a_checksum_that_does_not_fit_is_named(folder):
    path = folder / "t10k-labels-idx1-ubyte"
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(idx.read_idx(path, sha256=right.upper())) == 3
    with pytest.raises(DataError, match="SHA-256"):
        idx.read_idx(path, sha256="0" * 64)


def test_missing_files_are_named(folder):
    with pytest.raises(DataError, match="train-images"):
        idx.load(folder, "train")
    with pytest.raises(DataError, match="cannot read"):
        idx.read_idx(folder / "nothing")
    with pytest.raises(DataError, match="cannot read"):
        idx.read_idx(folder)


def test_files_that_do_not_belong_together_are_refused(folder):
    (folder / "t10k-labels-idx1-ubyte").write_bytes(packed(LABELS[:2]))
    with pytest.raises(DataError, match="3 images, but 2 labels"):
        idx.load(folder, "test")
    (folder / "t10k-labels-idx1-ubyte").write_bytes(packed(IMAGES))
    with pytest.raises(DataError, match="swapped"):
        idx.load(folder, "test")
    with pytest.raises(DataError, match="train or test"):
        idx.load(folder, "validation")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A place with four files, as a file:// address: the download's own code runs, without a network."""
    place, sums = tmp_path / "place", {}
    place.mkdir()
    for part in idx.STEMS.values():
        for stem, values in zip(part, (IMAGES, LABELS), strict=True):
            content = gzip.compress(packed(values), mtime=0)
            (place / f"{stem}.gz").write_bytes(content)
            sums[stem] = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(idx.SHA256, "mnist", sums)
    return place


def test_a_set_is_downloaded_checked_and_not_fetched_twice(served, tmp_path, capsys):
    goal = idx.download("mnist", tmp_path / "new" / "folder", url=served.as_uri())
    for part in ("train", "test"):
        assert idx.load(goal, part).labels.tolist() == [7, 0, 9]
    assert "100%" in capsys.readouterr().err
    for path in served.iterdir():
        path.unlink()
    idx.download("mnist", goal, url=served.as_uri())
    assert capsys.readouterr().err == ""


def test_a_download_that_does_not_fit_its_checksum_is_not_kept(served, tmp_path):
    path = served / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="SHA-256"):
        idx.download("mnist", tmp_path / "goal", url=served.as_uri())
    assert list((tmp_path / "goal").iterdir()) == []


def test_offline_says_what_to_do(tmp_path, monkeypatch):
    def offline(*args, **kw):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(DataError, match=r"no route.*by hand"):
        idx.download("fashion-mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_leaves_nothing(tmp_path, monkeypatch):
    class Broken:
        headers = {"Content-Length": "100"}  # noqa: RUF012

        def read(self, size):
            raise ConnectionResetError("reset by peer")

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return None

    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kw: Broken())
    with pytest.raises(DataError, match="reset by peer"):
        idx.download("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_no_http_says_what_to_do(tmp_path, monkeypatch):
    def garbled(*args, **kw):
        raise http.client.BadStatusLine("SSH-2.0")

    monkeypatch.setattr(urllib.request, "urlopen", garbled)
    with pytest.raises(DataError, match=r"SSH.*by hand"):
        idx.fetch("http://localhost/x", tmp_path / "x", "0" * 64)


def test_wrong_names_and_places_are_named(tmp_path):
    with pytest.raises(DataError, match="choose mnist"):
        idx.download("cifar", tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot make the folder"):
        idx.download("mnist", tmp_path / "file" / "folder")
    with pytest.raises(DataError, match="cannot download"):
        idx.fetch("no address", tmp_path / "x", "0" * 64)


def test_every_known_file_has_a_checksum():
    for sums in idx.SHA256.values():
        assert set(sums) == {stem for part in idx.STEMS.values() for stem in part}
        assert all(len(value) == 64 for value in sums.values())
    assert set(idx.SHA256) == set(idx.URLS)

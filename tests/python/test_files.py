"""Tensors of files, the device "disk:<path>", against what Python reads and writes itself."""

import os
import pickle
import struct

import numpy as np
import pytest
from rosso import Device, Tensor, TinyJit, dtypes
from rosso.nn.state import gguf_load, safe_load, safe_save


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "numbers"
    file.write_bytes(bytes(range(64)))
    return file


def on(path) -> str:
    return f"disk:{path}"


def test_a_file_is_read_in_place(path):
    t = Tensor.empty(8, 8, device=on(path), dtype=dtypes.uint8)
    assert t.device == f"DISK:{path}"
    assert Device.canonicalize(on(path)) == t.device
    assert t.tolist() == np.arange(64).reshape(8, 8).tolist()
    assert t[1].tolist() == list(range(8, 16))
    assert t.reshape(64)[3:5].to("host").tolist() == [3, 4]
    with open(path, "r+b") as file:
        file.write(b"\x63")
    assert t[0, 0].item() == 99


def test_a_path_is_a_file_of_its_length(path):
    t = Tensor(path)
    assert (t.shape, t.dtype, t.device) == ((64,), dtypes.uint8, f"DISK:{path}")
    halves = Tensor(path, dtype=dtypes.int16)
    assert halves.tolist() == list(struct.unpack("<32h", path.read_bytes()))
    assert Tensor(path, device="host").device == "host"
    with pytest.raises(FileNotFoundError):
        Tensor(path.with_name("missing"))


@pytest.mark.parametrize("kind", ["<u2", "<i4", "<f4", "<i8", "<f8"])
def test_bitcasts_look_at_the_same_bytes(path, kind):
    t = Tensor(path)
    wanted = np.dtype(kind)
    found = t[8:40].bitcast(wanted.name)
    np.testing.assert_array_equal(found.numpy(), np.frombuffer(path.read_bytes()[8:40], wanted))
    odd = t[1 : 1 + 4 * wanted.itemsize].bitcast(wanted.name)
    expected = np.frombuffer(path.read_bytes()[1 : 1 + 4 * wanted.itemsize], wanted)
    np.testing.assert_array_equal(odd.numpy(), expected)
    np.testing.assert_array_equal(odd.to("host").numpy(), expected)


def test_what_was_moved_there_is_in_the_file(tmp_path):
    path = tmp_path / "new"
    t = (Tensor([1.0, 2.0]) * 3).to(on(path))
    assert path.read_bytes() == struct.pack("<2f", 3, 6)
    assert t.tolist() == [3, 6]
    brain = Tensor([1.5, -2.0], dtype=dtypes.bfloat16).to(on(tmp_path / "bf16"))
    assert brain.tolist() == [1.5, -2.0]
    assert (tmp_path / "bf16").read_bytes() == b"\xc0\x3f\x00\xc0"


def test_files_are_written_in_place(path):
    t = Tensor(path)
    t[2:4] = [200, 201]
    t[4] = Tensor([9], dtype=dtypes.uint8).reshape(())
    t[8:16].bitcast(dtypes.int64).assign([12345])
    t[16:24].bitcast(dtypes.float32).assign(np.array([1.5, 2.5], np.float32))
    expected = bytearray(range(64))
    expected[2:5] = 200, 201, 9
    expected[8:16] = struct.pack("<q", 12345)
    expected[16:24] = struct.pack("<2f", 1.5, 2.5)
    assert path.read_bytes() == expected
    t[1:4].assign(t[2:5].to("host"))  # the two overlap
    assert list(path.read_bytes()[:5]) == [0, 200, 201, 9, 9]
    with pytest.raises(RuntimeError, match="dtype"):
        t.assign(Tensor([0.5]).expand(64))


def test_files_are_made_and_grow(tmp_path):
    path = tmp_path / "grows"
    Tensor.empty(4, device=on(path), dtype=dtypes.int32)
    assert path.read_bytes() == bytes(16)
    Tensor.empty(6, device=on(path), dtype=dtypes.int32).assign(Tensor.full((6,), 7))
    assert path.read_bytes() == struct.pack("<6i", *[7] * 6)
    assert Tensor([1, 2]).empty_like(device=on(path)).tolist() == [7, 7]
    assert Tensor.empty(0, device=on(tmp_path / "none")).tolist() == []


def test_values_that_were_taken_stay(path):
    t = Tensor(path)
    taken = t[:16].to("host")
    lazy = taken + 1
    copy = t.clone()
    kept = Tensor.zeros(16, dtype=dtypes.uint8).contiguous()
    kept.assign(taken)
    t[0:16] = Tensor.full((16,), 5, dtype=dtypes.uint8)
    assert t[:16].tolist() == [5] * 16
    assert taken.tolist() == kept.tolist() == copy[:16].tolist() == list(range(16))
    assert lazy.tolist() == list(range(1, 17))


def test_values_that_were_taken_can_be_written(path):
    taken = Tensor(path).to("host")
    taken[0] = 77
    assert taken[:2].tolist() == [77, 1]
    assert path.read_bytes() == bytes(range(64))


def test_nothing_writes_through_what_a_file_shows(path):
    array = Tensor(path).numpy()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    assert not Tensor(b"abc").numpy().flags.writeable


def test_views_in_another_order_want_a_copy(path):
    t = Tensor(path).reshape(8, 8)
    for view in (t.T, t[:, ::2], t[:, 1:3]):
        with pytest.raises(RuntimeError, match="non-contiguous view is not supported"):
            view.tolist()
    expected = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(t.T.to("host").numpy(), expected.T)
    np.testing.assert_array_equal(t[:, ::2].to(None).numpy(), expected[:, ::2])
    with pytest.raises(RuntimeError, match="non-contiguous view is not supported"):
        t[:, 0] = 1


def test_nothing_is_computed_in_a_file(path):
    t = Tensor(path)
    for compute in (lambda: t + 1, lambda: t.cast(dtypes.float32), lambda: t.cat(t)):
        with pytest.raises(NotImplementedError, match="move the tensor with to"):
            compute()
    step = TinyJit(lambda x: (t[:4].assign(x), x)[1].realize())
    step(Tensor([1, 2, 3, 4], dtype=dtypes.uint8))
    with pytest.raises(NotImplementedError, match="recorded function"):
        step(Tensor([1, 2, 3, 4], dtype=dtypes.uint8))


def test_files_that_cannot_be_used_say_why(tmp_path):
    for where, what in ((tmp_path, "directory"), (tmp_path / "no" / "x", "No such file")):
        with pytest.raises(ValueError, match=f"{where}: open: .*{what}"):
            Tensor.empty(4, device=on(where))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write to every file")
def test_files_to_read_only(path):
    path.chmod(0o444)
    t = Tensor(path)
    assert t[3].item() == 3
    with pytest.raises(ValueError, match="can only be read"):
        t[0] = 1
    with pytest.raises(ValueError, match="64 bytes, wanted 65"):
        Tensor.empty(65, dtype=dtypes.uint8, device=on(path))


def test_pickles_carry_the_bytes(path):
    t = pickle.loads(pickle.dumps(Tensor(path)[:4]))
    assert (t.device, t.tolist()) == ("host", [0, 1, 2, 3])


def test_shared_memory_has_a_name():
    from multiprocessing import shared_memory

    segment = shared_memory.SharedMemory(create=True, size=16)
    try:
        t = Tensor([1, 2, 3, 4]).to(f"disk:shm:{segment.name}")
        assert bytes(segment.buf[:16]) == struct.pack("<4i", 1, 2, 3, 4)
        assert t.to("host").tolist() == [1, 2, 3, 4]
    finally:
        segment.close()
        segment.unlink()


def test_archives_on_disk(tmp_path):
    path = tmp_path / "w.safetensors"
    weights = {"a": np.arange(5, dtype=np.int16), "b": np.linspace(0, 1, 7, dtype=np.float32)}
    safe_save({name: Tensor(array) for name, array in weights.items()}, path)
    loaded = safe_load(Tensor.empty(path.stat().st_size, dtype=dtypes.uint8, device=on(path)))
    for name, array in weights.items():
        np.testing.assert_array_equal((loaded[name] + 0).numpy(), array)
    header = struct.pack("<4sIQQQ1sIQIQ", b"GGUF", 3, 1, 0, 1, b"x", 1, 4, 0, 0)
    header += bytes(-len(header) % 32) + struct.pack("<4f", 1, 2, 3, 4)
    (tmp_path / "w.gguf").write_bytes(header)
    assert gguf_load(Tensor(tmp_path / "w.gguf"))[1]["x"].tolist() == [1, 2, 3, 4]

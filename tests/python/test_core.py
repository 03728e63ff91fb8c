"""Tensors from and to Python, NumPy, buffers, DLPack and pickle."""

from __future__ import annotations

import copy
import gc
import mmap
import pickle
import struct
import sys
import weakref

import numpy as np
import pytest
import rosso
from rosso import Device, Tensor, Variable, dtypes
from rosso.helpers import ContextVar

ml_dtypes = pytest.importorskip("ml_dtypes")

NUMPY_TYPES = "? b B h H i I q Q e f d".split()


# --- in ---


def test_numbers_are_weak_and_lists_are_not():
    assert Tensor(3).dtype is dtypes.weakint
    assert Tensor(3.5).dtype is dtypes.weakfloat
    assert Tensor(True).dtype is dtypes.bool
    assert Tensor(None).dtype is dtypes.weakfloat
    assert Tensor([3]).dtype is dtypes.int32
    assert Tensor([3, 4.5]).dtype is dtypes.float32
    assert Tensor([True, False]).dtype is dtypes.bool
    assert Tensor([]).dtype is dtypes.float32
    assert Tensor(3, dtype="int8").dtype is dtypes.int8


def test_default_types_can_be_set():
    with rosso.Context(DEFAULT_FLOAT=dtypes.float16, DEFAULT_INT="int64"):
        assert Tensor([1.5]).dtype is dtypes.float16
        assert Tensor([1]).dtype is dtypes.int64
    assert Tensor([1.5]).dtype is dtypes.float32
    with rosso.Context(DEFAULT_FLOAT=dtypes.bfloat16):
        assert Tensor(None).numpy().tolist() == 0.0
    with pytest.raises(ValueError):
        dtypes.default_float = dtypes.int32


def test_a_setting_is_made_once():
    ContextVar("MADE_ONCE", 1)
    with pytest.raises(RuntimeError, match="the setting MADE_ONCE exists already"):
        ContextVar("MADE_ONCE", 2)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3), (1, 2, 3, 4)])
def test_nested_lists(shape):
    a = np.arange(int(np.prod(shape))).reshape(shape)
    t = Tensor(a.tolist(), dtype=dtypes.int32)
    assert t.shape == shape[: shape.index(0) + 1] if 0 in shape else t.shape == shape
    assert t.tolist() == a.tolist()


@pytest.mark.parametrize("bad", [[[1, 2], [3]], [[1], 2], [1, [2]], [[[1]], [[1, 2]]]])
def test_lists_of_different_lengths_are_refused(bad):
    with pytest.raises(ValueError, match="inhomogeneous"):
        Tensor(bad)


@pytest.mark.parametrize("bad", [object(), "text", {1: 2}])
def test_other_objects_are_refused(bad):
    with pytest.raises(RuntimeError):
        Tensor(bad)


@pytest.mark.parametrize("letter", NUMPY_TYPES)
def test_arrays_of_every_type(letter):
    a = np.array([[0, 1, 2], [3, 100, 5]]).astype(letter)
    t = Tensor(a)
    assert t.numpy().dtype == a.dtype
    np.testing.assert_array_equal(t.numpy(), a)
    assert Tensor(a[1]).shape == (3,)
    assert Tensor(a[1, 1]).shape == ()  # a NumPy scalar
    np.testing.assert_array_equal(Tensor(a.T).numpy(), a.T)
    np.testing.assert_array_equal(Tensor(a[:, ::-2]).numpy(), a[:, ::-2])
    np.testing.assert_array_equal(Tensor(a.astype(a.dtype.newbyteorder())).numpy(), a)


def test_an_array_is_used_in_place():
    a = np.arange(1024, dtype=np.float32)
    t = Tensor(a)
    assert np.shares_memory(t.numpy(), a)
    a[0] = 7
    assert t[0].item() == 7


def test_a_lent_array_lives_as_long_as_its_tensor_and_is_not_written():
    a = np.arange(1024, dtype=np.float32)
    alive = weakref.ref(a)
    t = Tensor(a)
    before = a.copy()
    t.assign(Tensor.zeros(1024))
    np.testing.assert_array_equal(a, before)
    t = Tensor(a)
    del a
    gc.collect()
    assert alive() is not None
    assert t[5].item() == 5
    del t
    gc.collect()
    assert alive() is None


def test_bfloat16_and_fp8_arrays():
    values = [1.5, -2.25, 300.0, 0.0]
    t = Tensor(np.array(values, ml_dtypes.bfloat16))
    assert t.dtype is dtypes.bfloat16
    assert t.tolist() == values
    assert t.numpy().dtype == np.float32
    wide = Tensor([1.0, 1.00390625, 3.14159], dtype=dtypes.bfloat16)
    expected = np.array([1.0, 1.00390625, 3.14159], ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(wide.numpy(), expected)


def test_bytes_and_files(tmp_path):
    assert Tensor(b"\xaa\xbb").tolist() == [0xAA, 0xBB]
    assert Tensor(struct.pack("2f", 0.5, 2.0), dtype=dtypes.float32).tolist() == [0.5, 2.0]
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(100)))
    assert Tensor(path)[10:13].tolist() == [10, 11, 12]
    assert Tensor(path, dtype=dtypes.int16).shape == (50,)
    path.write_bytes(b"")
    assert Tensor(path).shape == (0,)


def test_numbers_wrap_and_round_as_their_type_does():
    assert Tensor([255, 256, -1], dtype=dtypes.uint8).tolist() == [255, 0, 255]
    assert Tensor([2**31], dtype=dtypes.int32).tolist() == [-(2**31)]
    assert Tensor([70000.0, 1e-9], dtype=dtypes.float16).tolist() == [float("inf"), 0.0]
    assert Tensor([2**64 - 1], dtype=dtypes.uint64).tolist() == [2**64 - 1]


# --- out ---


def test_item_and_numbers():
    assert Tensor(42).item() == 42
    assert Tensor([[2.5]]).item() == 2.5
    assert int(Tensor([3])) == 3
    assert float(Tensor(2.5)) == 2.5
    with pytest.raises(ValueError):
        Tensor([1, 2]).item()
    with pytest.raises(TypeError):
        bool(Tensor([1]))


def test_data_is_a_view_with_shape_and_format():
    a = np.arange(6, dtype=np.int16).reshape(2, 3)
    view = Tensor(a).data()
    assert (view.shape, view.format, view.itemsize) == ((2, 3), "h", 2)
    assert view.tolist() == a.tolist()
    assert Tensor([], dtype=dtypes.int32).data().shape == (0,)


def test_numpy_keeps_what_it_has_when_the_tensor_is_written():
    t = Tensor([1.0, 2.0, 3.0]).clone()
    a = t.numpy()
    a[0] = 5  # writable, and the tensor's memory
    assert t.tolist() == [5.0, 2.0, 3.0]
    t.assign(Tensor([7.0, 8.0, 9.0]))
    np.testing.assert_array_equal(a, [5, 2, 3])
    assert t.tolist() == [7.0, 8.0, 9.0]


def test_array_protocol():
    t = Tensor([[1, 2], [3, 4]])
    np.testing.assert_array_equal(np.asarray(t), [[1, 2], [3, 4]])
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.concatenate([t, t]), [[1, 2], [3, 4]] * 2)


@pytest.mark.parametrize("letter", NUMPY_TYPES)
def test_dlpack_with_numpy(letter):
    a = np.array([[0, 1, 2], [3, 100, 5]]).astype(letter)
    back = np.from_dlpack(Tensor(a))
    assert back.dtype == a.dtype
    np.testing.assert_array_equal(back, a)
    np.testing.assert_array_equal(Tensor.from_dlpack(a).numpy(), a)
    np.testing.assert_array_equal(Tensor.from_dlpack(a.T).numpy(), a.T)
    np.testing.assert_array_equal(Tensor.from_dlpack(a[:, ::2]).numpy(), a[:, ::2])


def test_dlpack_shares_memory():
    a = np.arange(64, dtype=np.float32)
    assert np.shares_memory(np.from_dlpack(Tensor(a)), a)
    assert np.shares_memory(Tensor.from_dlpack(a).numpy(), a)


def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool):
        x = torch.arange(6).reshape(2, 3).to(dtype)
        t = Tensor.from_dlpack(x)
        assert t.shape == (2, 3)
        assert torch.equal(torch.from_dlpack(t), x)
        assert torch.equal(torch.from_dlpack(Tensor.from_dlpack(x.T)), x.T)


def test_a_capsule_that_nobody_takes_is_freed():
    t = Tensor([1, 2, 3])
    for _ in range(100):
        t.__dlpack__()
    used = t.__dlpack__()
    Tensor.from_dlpack(used)
    with pytest.raises(ValueError):
        Tensor.from_dlpack(used)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    for t in (Tensor([[1, 2], [3, 4]]), Tensor(3), Tensor(2.5), Tensor([1.5], dtype="bfloat16")):
        back = pickle.loads(pickle.dumps(t, protocol))
        assert (back.shape, back.dtype, back.tolist()) == (t.shape, t.dtype, t.tolist())
    lazy = Tensor([1, 2]) + 1
    assert pickle.loads(pickle.dumps(lazy, protocol)).tolist() == [2, 3]
    assert pickle.loads(pickle.dumps(dtypes.float16, protocol)) is dtypes.float16
    bound = pickle.loads(pickle.dumps(Variable("i", 1, 9).bind(4), protocol))
    assert (int(bound), bound.vmax) == (4, 9)


def test_pickle_out_of_band_copies_nothing():
    t = Tensor(np.arange(100_000, dtype=np.float32))
    buffers: list[pickle.PickleBuffer] = []
    text = pickle.dumps(t, protocol=5, buffer_callback=buffers.append)
    assert len(text) < 1000
    np.testing.assert_array_equal(pickle.loads(text, buffers=buffers).numpy(), t.numpy())


# --- the handle ---


def test_repr_says_shape_type_device_and_state():
    assert repr(Tensor([[1, 2]])) == "<Tensor (1, 2) int host, realised>"
    lazy = Tensor([1.0, 2.0]) * 2
    assert repr(lazy) == "<Tensor (2,) float host, lazy>"
    lazy.realize()
    assert repr(lazy) == "<Tensor (2,) float host, realised>"


def test_shape_and_sizes():
    t = Tensor.zeros(2, 3, dtype=dtypes.int16)
    assert (t.shape, t.ndim, t.numel(), t.nbytes(), t.element_size()) == ((2, 3), 2, 6, 12, 2)
    assert (t.size(), t.size(1), t.size(-2), len(t)) == ((2, 3), 3, 2, 2)
    with pytest.raises(IndexError):
        t.size(2)
    with pytest.raises(TypeError):
        len(Tensor(3))
    with pytest.raises(TypeError):
        iter(Tensor(3))
    assert [row.tolist() for row in Tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]


def test_copies_are_apart():
    t = Tensor([1, 2, 3])
    for other in (t.clone(), copy.deepcopy(t), Tensor(t.numpy().copy())):
        other.assign(Tensor([7, 8, 9]))
        assert t.tolist() == [1, 2, 3]
    lazy = Tensor([1, 2, 3]) + 1
    other = lazy.clone()
    lazy.realize()
    other += 1
    assert (lazy.tolist(), other.tolist()) == ([2, 3, 4], [3, 4, 5])


def test_assign_reaches_the_memory_that_views_look_at():
    t = Tensor.zeros(3, 4).clone()
    t[1].assign(Tensor.ones(4))
    assert t.tolist() == [[0] * 4, [1] * 4, [0] * 4]
    t.assign(2.0)
    assert t[0].tolist() == [2.0] * 4
    with pytest.raises(RuntimeError):
        t.assign(Tensor([1, 2, 3, 4]))  # int32
    with pytest.raises(ValueError):
        t.assign(Tensor.ones(5))
    before = t + 1
    t += 5
    assert before.tolist() == [[3.0] * 4] * 3
    assert t.tolist() == [[7.0] * 4] * 3


def test_replace_and_hash():
    t = Tensor([1, 2])
    seen = {t: 1}
    t.replace(Tensor([3.5, 4.5]))
    assert (t.dtype, t.tolist(), seen[t]) == (dtypes.float32, [3.5, 4.5], 1)
    with pytest.raises(ValueError):
        t.replace(Tensor([1]))


@pytest.mark.parametrize("name", ["backward", "gradient", "shard", "shard_", "custom_kernel"])
def test_what_is_not_supported_says_so(name):
    with pytest.raises(NotImplementedError, match=name):
        getattr(Tensor([1.0]), name)()


def test_devices():
    assert Device.DEFAULT == "host"
    assert Tensor([1], device="CPU").device == "host"
    assert Device.canonicalize("HOST:0") == "host"
    assert Tensor([1], device=("host",)).device == "host"
    with pytest.raises(ValueError):
        Tensor([1], device="toaster")
    with pytest.raises(NotImplementedError):
        Tensor([1], device=("host", "emu"))
    with pytest.raises(NotImplementedError):
        Tensor([1], device="CPU:1")
    with pytest.raises(NotImplementedError, match="'NULL': every device here computes"):
        Tensor([1], device="NULL")


def test_a_realised_result_is_not_computed_again():
    t = (Tensor([1.0, 2.0]) * 3).realize()
    assert t.kernels() == []
    assert np.shares_memory(t.numpy(), t.numpy())


def test_from_blob():
    a = np.arange(16, dtype=np.float32)
    t = Tensor.from_blob(a.ctypes.data, (4, 4))
    np.testing.assert_array_equal(t.numpy(), a.reshape(4, 4))


def test_a_mapped_file_is_lent(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(bytes(4096) + b"\x01" * 4096)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        t = Tensor(np.frombuffer(mapped, dtype=np.uint8))
        assert t[4095:4098].tolist() == [0, 1, 1]
        del t
        gc.collect()


def test_errors_name_the_call_and_come_at_once():
    with pytest.raises(ValueError, match="reshape"):
        Tensor([1, 2, 3]).reshape(2, 2)
    assert issubclass(rosso.DeviceError, RuntimeError)


def test_numpy_is_not_imported_by_the_package():
    import subprocess

    code = "import rosso, sys; rosso.Tensor([1, 2]).tolist(); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_devices_say_what_they_are():
    host, emulated = Device["cpu"], Device["emu"]
    assert (str(host), host.renderer.target.device) == ("host", "host")
    assert "threads" in host.description
    assert emulated.renderer.target.arch.startswith("gfx")
    assert dtypes.float16 in emulated.renderer.supported_dtypes()
    with pytest.raises(ValueError, match="expected host, emu or amd"):
        Device["tpu"]


def test_variables_wider_than_programs_have_them():
    wide = Variable("wide", 0, 2**40, dtype=dtypes.int64)
    t = Tensor(wide.bind(2**35))
    assert (t.dtype, t.clone().item()) == (dtypes.int64, 2**35)
    with pytest.raises(NotImplementedError, match="variables of 32 bits"):
        Tensor(wide)

"""Weights by name, and safetensors files beside those of the format's own library."""

from __future__ import annotations

import json
from collections import OrderedDict, namedtuple
from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosso import Tensor, dtypes, nn
from rosso.nn.state import (
    TensorIO,
    get_parameters,
    get_state_dict,
    load_state_dict,
    safe_load,
    safe_load_metadata,
    safe_save,
)

safetensors = pytest.importorskip("safetensors.numpy")


class Net:
    def __init__(self) -> None:
        self.first = nn.Linear(3, 4)
        self.rest = [nn.Linear(4, 4, bias=False), {"last": nn.LayerNorm(4)}]
        self.depth = 2


def test_names_follow_attributes_positions_and_keys():
    names = ["first.weight", "first.bias", "rest.0.weight"]
    names += ["rest.1.last.weight", "rest.1.last.bias"]
    assert list(get_state_dict(Net())) == names
    assert len(get_parameters(Net())) == 5
    pair = namedtuple("Pair", "a b")(Tensor([1]), OrderedDict(c=Tensor([2])))
    assert list(get_state_dict(pair, "x.")) == ["x.a", "x.b.c"]
    assert get_state_dict(3) == {}


def test_classes_and_enumerations_hold_no_weights():
    class Kind(IntEnum):
        PLAIN = 1

    net = Net()
    net.kind, net.layer_class = Kind.PLAIN, nn.Linear
    assert len(get_state_dict(net)) == 5


def test_load_state_dict():
    net, other = Net(), Net()
    state = get_state_dict(other)
    loaded = load_state_dict(net, state, verbose=False)
    assert len(loaded) == 5
    for name, t in get_state_dict(net).items():
        np.testing.assert_array_equal(t.numpy(), state[name].numpy())

    load_state_dict(net, state, consume=True, verbose=False)
    assert state == {}
    with pytest.raises(KeyError):
        load_state_dict(net, {}, verbose=False)
    assert load_state_dict(net, {}, strict=False, verbose=False) == []
    with pytest.raises(ValueError, match="first.weight"):
        load_state_dict(net, get_state_dict(Net()) | {"first.weight": Tensor.zeros(2)}, False)


def test_one_element_loads_into_none():
    scalar = {"x": Tensor.zeros(()).clone()}
    load_state_dict(scalar, {"x": Tensor([3.0])}, verbose=False)
    assert scalar["x"].shape == ()
    assert scalar["x"].item() == 3


def values(random: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "floats": random.normal(size=(3, 5)).astype(np.float32),
        "halves": random.normal(size=(7,)).astype(np.float16),
        "ints": random.integers(-9, 9, (2, 2, 2)),
        "bytes": random.integers(0, 255, (3,)).astype(np.uint8),
        "bools": random.random((5,)) < 0.5,
        "nothing": np.zeros((0, 3), np.float32),
        "scalar": np.array(2.5),
    }


def test_files_of_the_library_are_read(tmp_path):
    arrays = values(np.random.default_rng(1))
    path = tmp_path / "theirs.safetensors"
    safetensors.save_file(arrays, path, metadata={"made": "here"})
    tensors = safe_load(path)
    assert tensors.keys() == arrays.keys()
    for name, a in arrays.items():
        assert tensors[name].shape == a.shape
        np.testing.assert_array_equal(tensors[name].numpy(), a)
    _, begin, header = safe_load_metadata(str(path))
    assert begin > 8
    assert header["__metadata__"] == {"made": "here"}


def test_the_library_reads_our_files(tmp_path):
    arrays = values(np.random.default_rng(2))
    path = tmp_path / "ours.safetensors"
    safe_save({name: Tensor(a) for name, a in arrays.items()}, path, {"made": "here"})
    for name, a in safetensors.load_file(path).items():
        assert a.dtype == arrays[name].dtype
        np.testing.assert_array_equal(a, arrays[name])


def test_a_file_can_be_written_over_by_what_was_read_from_it(tmp_path):
    path = tmp_path / "state.safetensors"
    safe_save({"x": Tensor([1.0, 2.0])}, path)
    tensors = safe_load(path)
    safe_save({"x": tensors["x"] + 1, "y": tensors["x"]}, path)
    again = safe_load(path)
    assert (again["x"].tolist(), again["y"].tolist()) == ([2.0, 3.0], [1.0, 2.0])


def test_bfloat16_survives(tmp_path):
    path = tmp_path / "half.safetensors"
    safe_save({"x": Tensor([1.5, -2.0], dtype=dtypes.bfloat16)}, path)
    assert safe_load(path)["x"].dtype is dtypes.bfloat16
    assert safe_load(path)["x"].tolist() == [1.5, -2.0]


def test_loading_reads_nothing(tmp_path):
    path = tmp_path / "large.safetensors"
    safe_save({"x": Tensor(np.zeros(1 << 22, np.float32))}, path)
    before = resident_bytes()
    x = safe_load(path)["x"]
    assert resident_bytes() - before < 1 << 22
    assert x[-1].item() == 0


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


@pytest.mark.parametrize(
    "content",
    [b"", b"\x05", b"\xff" * 16, (2).to_bytes(8, "little") + b"{]", b"\x02" + bytes(7) + b"{"],
)
def test_broken_files_are_refused(tmp_path, content):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        safe_load(path)


def with_header(folder, header: bytes):
    path = folder / "header.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(32))
    return path


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"7",
        b'{"x":7}',
        b'{"x":{"dtype":"F32","shape":[1]}}',
        b'{"x":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}}',
        b'{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}',
        b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}',
        b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[0]}}',
        b'{"x":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}',
        b"[" * 100_000,
        b'{"\xff":7}',
    ],
)
def test_headers_that_say_something_else_are_refused(tmp_path, header):
    with pytest.raises(ValueError, match="header"):
        safe_load(with_header(tmp_path, header))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
)


@given(
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "I8", "F8_E5M2", "Z"]) | JSON,
            "shape": st.lists(st.integers(-1, 4), max_size=3) | JSON,
            "data_offsets": st.lists(st.integers(-1, 40), min_size=2, max_size=2) | JSON,
        }
    )
    | JSON
)
def test_whatever_a_header_says_is_loaded_or_refused(tmp_path_factory, entry):
    path = with_header(tmp_path_factory.mktemp("any"), json.dumps({"x": entry}).encode())
    try:
        t = safe_load(path)["x"]
    except (ValueError, NotImplementedError):
        return
    assert list(t.shape) == entry["shape"]
    assert t.numpy().size * t.dtype.itemsize <= 32


def test_a_tensor_beyond_the_file_is_refused(tmp_path):
    header = b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
    path = tmp_path / "short.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(12))
    with pytest.raises(ValueError, match="x"):
        safe_load(path)


def test_weak_tensors_have_no_file_format(tmp_path):
    with pytest.raises(ValueError):
        safe_save({"x": Tensor(3)}, tmp_path / "weak.safetensors")


def test_tensor_as_a_file():
    file = TensorIO(Tensor(b"hello world"))
    assert (file.read(5), file.read(1), file.read()) == (b"hello", b" ", b"world")
    assert file.seek(-5, 2) == 6
    assert file.read(100) == b"world"
    with pytest.raises(ValueError):
        TensorIO(Tensor([1.0]))

"""Weights in archives: files of zip and tar as tensors, and PyTorch's checkpoints.

A checkpoint is a zip of raw storages and a pickle that says how tensors lie in them. Only what a
checkpoint of tensors needs is unpickled; anything else in it is refused, not executed.
Source: torch.serialization of PyTorch 2.
"""

from __future__ import annotations

import collections
import io
import math
import pathlib
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Sequence
from typing import Any

from rosso import _rosso
from rosso.dtype import DType, dtypes
from rosso.nn.state import TensorIO, content_of
from rosso.tensor import Tensor


def _lent(part: memoryview, shape: Sequence[int], dtype: DType) -> Tensor:
    return Tensor._wrap(_rosso.Tensor.from_buffer(part, shape, dtype, "host", False))


def zip_extract(fn: Tensor | str | pathlib.Path) -> dict[str, Tensor]:
    """The files of a zip archive as bytes by name; those not compressed over its memory.

    Errors: zipfile.BadZipFile for other files, NotImplementedError for rare compressions.
    """
    t = content_of(fn)
    content = t.data()
    files = {}
    with zipfile.ZipFile(TensorIO(t)) as archive:
        for entry in archive.infolist():
            if entry.compress_type == zipfile.ZIP_STORED:
                # The local header has lengths of its own, of the name and of what follows it.
                header = entry.header_offset
                begin = header + 30 + sum(struct.unpack("<HH", content[header + 26 : header + 30]))
                part = content[begin : begin + entry.file_size]
                files[entry.filename] = _lent(part, (len(part),), dtypes.uint8)
            elif entry.compress_type == zipfile.ZIP_DEFLATED:
                files[entry.filename] = Tensor(archive.read(entry))
            else:
                raise NotImplementedError(f"{entry.filename}: compression {entry.compress_type}")
    return files


def tar_extract(fn: Tensor | str | pathlib.Path) -> dict[str, Tensor]:
    """The regular files of a tar archive as bytes by name, over its memory.

    Errors: tarfile.ReadError for other files.
    """
    t = content_of(fn)
    content = t.data()
    with tarfile.open(fileobj=TensorIO(t), mode="r") as archive:
        parts = {
            entry.name: content[entry.offset_data : entry.offset_data + entry.size]
            for entry in archive
            if entry.isreg()
        }
    return {name: _lent(part, (len(part),), dtypes.uint8) for name, part in parts.items()}


_STORAGES = {
    "DoubleStorage": dtypes.float64,
    "FloatStorage": dtypes.float32,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "LongStorage": dtypes.int64,
    "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16,
    "CharStorage": dtypes.int8,
    "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool,
}


class _Unpickler(pickle.Unpickler):
    """Of a checkpoint: builds tensors over its storages and dictionaries of them."""

    def __init__(self, text: bytes, storages: dict[str, memoryview]) -> None:
        super().__init__(io.BytesIO(text))
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): self.rebuild,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *rest: tensor,
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a checkpoint of tensors")

    def persistent_load(self, pid: Any) -> tuple[memoryview, DType]:
        kind, dtype, key, *_ = pid
        if kind != "storage" or key not in self.storages:
            raise pickle.UnpicklingError(f"there is no storage {pid}")
        return self.storages[key], dtype

    @staticmethod
    def rebuild(
        storage: tuple[memoryview, DType],
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *rest: Any,
    ) -> Tensor:
        content, dtype = storage
        begin = offset * dtype.itemsize
        part = content[begin : begin + math.prod(shape) * dtype.itemsize]
        # As it lies in memory: the axis with the widest stride first.
        order = sorted(range(len(shape)), key=lambda axis: (-strides[axis], axis))
        expected = 1
        for axis in reversed(order):
            if shape[axis] != 1:
                if strides[axis] != expected and 0 not in shape:
                    raise NotImplementedError(f"a tensor {shape} with strides {strides}")
                expected *= shape[axis]
        t = _lent(part, [shape[axis] for axis in order], dtype)
        back = sorted(range(len(order)), key=order.__getitem__)
        return t if order == sorted(order) else t.permute(back)


def torch_load(fn: Tensor | str | pathlib.Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint that `torch.save` wrote, over its memory, without PyTorch.

    Errors: pickle.UnpicklingError where it holds anything but tensors in containers,
    NotImplementedError for files of PyTorch before 1.6, which are no zip archives.
    """
    t = content_of(fn)
    if not zipfile.is_zipfile(TensorIO(t)):
        raise NotImplementedError(f"{fn}: no zip archive; save it again with PyTorch 1.6 or later")
    files = zip_extract(t)
    description = next(name for name in files if name.split("/")[-1] == "data.pkl")
    folder = description.removesuffix("data.pkl") + "data/"
    storages = {
        name.removeprefix(folder): file.data()
        for name, file in files.items()
        if name.startswith(folder)
    }
    return _Unpickler(bytes(files[description].data()), storages).load()

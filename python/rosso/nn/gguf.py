"""The tensors and the metadata of GGUF files, and blocks of their formats as numbers."""

from __future__ import annotations

import contextlib
import os
import pathlib
import struct
from collections.abc import Iterator
from typing import Any

from rosso import _rosso
from rosso.tensor import Tensor


def gguf_load(path: str | pathlib.Path | Tensor) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The metadata and the tensors of a GGUF file (v2, v3, also split files: give the first part).

    Tensors look at the mapped file and cost no memory of their own until a program uses them.
    Quantised ones stay in blocks wherever a layer reads them (`x.linear(w)`, `w.embedding(ids)`);
    `numpy()` gives their values. Those of IQ1, IQ2 and IQ3, indices into tables, become codes in
    memory of their own. Shapes are [rows, columns]. A tensor of bytes is the content of a file: all
    of a file on disk is mapped like a path, of others a copy is kept.

    Raises ValueError where the file is not whole, NotImplementedError for unknown formats.
    """
    if isinstance(path, Tensor):
        file = path._t.file_path
        if file is not None and path.nbytes() == os.path.getsize(file):
            return gguf_load(file)
        with _file_of(memoryview(path.data())) as name:
            return gguf_load(name)
    name = str(path)
    tensors = {key: Tensor._wrap(t) for key, t in _rosso.gguf_tensors(name).items()}
    return _rosso.gguf_metadata(name), tensors


@contextlib.contextmanager
def _file_of(*parts: bytes | memoryview) -> Iterator[str]:
    """The path of a file in memory; what has mapped it keeps it."""
    file = os.memfd_create("gguf")
    try:
        for part in parts:
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(file, rest) :]
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)


def ggml_data_to_tensor(t: Tensor, n: int, ggml_type: int) -> Tensor:
    """[n]: the values of blocks of a format of GGUF, by its number, that lie in a tensor of bytes.

    Errors: NotImplementedError for unknown formats, ValueError where the blocks are not whole.

    >>> ggml_data_to_tensor(Tensor([0, 60, 1] + [0] * 31, dtype="uint8"), 32, 8).tolist()[0]
    1.0
    """
    header = struct.pack("<4sIQQQ1sIQIQ", b"GGUF", 3, 1, 0, 1, b"x", 1, n, ggml_type, 0)
    header += bytes(-len(header) % 32)
    with _file_of(header, memoryview(t.contiguous().data())) as name:
        return Tensor._wrap(_rosso.gguf_tensors(name)["x"])

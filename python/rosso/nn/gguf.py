"""The tensors and the metadata of GGUF files."""

from __future__ import annotations

import pathlib
from typing import Any

from rosso import _rosso
from rosso.tensor import Tensor


def gguf_load(path: str | pathlib.Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The metadata and the tensors of a GGUF file (v2, v3, also split files: give the first part).

    Tensors look at the mapped file and cost no memory of their own until a program uses them.
    Quantised ones stay in blocks wherever a layer reads them (`x.linear(w)`, `w.embedding(ids)`);
    `numpy()` gives their values. Shapes are [rows, columns].

    Raises ValueError where the file is not whole, NotImplementedError for unknown formats.
    """
    name = str(path)
    tensors = {key: Tensor._wrap(t) for key, t in _rosso.gguf_tensors(name).items()}
    return _rosso.gguf_metadata(name), tensors

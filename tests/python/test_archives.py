"""Archives and PyTorch's checkpoints beside what their own libraries read."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from rosso import Tensor, dtypes
from rosso.nn.state import tar_extract, torch_load, zip_extract

FILES = {"a.txt": b"hello", "folder/b": bytes(range(200)) * 50, "empty": b""}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip(tmp_path, compression):
    path = tmp_path / "files.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    found = zip_extract(path)
    assert {name: bytes(t.tolist()) for name, t in found.items()} == FILES


def test_tar(tmp_path):
    path = tmp_path / "files.tar"
    with tarfile.open(path, "w") as archive:
        for name, content in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        archive.addfile(tarfile.TarInfo("folder"))
    found = tar_extract(Tensor(path))
    assert {name: bytes(t.tolist()) for name, t in found.items() if name != "folder"} == FILES


def test_broken_archives(tmp_path):
    path = tmp_path / "broken"
    path.write_bytes(b"this is no archive" * 100)
    with pytest.raises(zipfile.BadZipFile):
        zip_extract(path)
    with pytest.raises(tarfile.ReadError):
        tar_extract(path)
    with pytest.raises(NotImplementedError):
        torch_load(path)


def test_checkpoints(tmp_path):
    torch = pytest.importorskip("torch")
    base = torch.randn(4, 6)
    saved = {
        "plain": base,
        "view": base[1:3],
        "transposed": base.T.contiguous().T,
        "parameter": torch.nn.Parameter(torch.randn(3)),
        "half": torch.randn(5).half(),
        "bfloat": torch.randn(5).bfloat16(),
        "ints": torch.arange(7),
        "bools": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5),
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "nothing": torch.zeros(0, 3),
    }
    path = tmp_path / "model.pt"
    torch.save(saved, path)
    loaded = torch_load(path)
    assert loaded.keys() == saved.keys()
    for name, x in saved.items():
        assert loaded[name].shape == tuple(x.shape)
        np.testing.assert_array_equal(loaded[name].numpy(), x.detach().float().numpy())
    assert loaded["bfloat"].dtype is dtypes.bfloat16


def test_a_checkpoint_does_not_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    path = tmp_path / "evil.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil/data.pkl", pickle.dumps({"x": Evil()}))
    with pytest.raises(pickle.UnpicklingError, match="print"):
        torch_load(path)

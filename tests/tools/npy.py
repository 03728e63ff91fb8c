"""NumPy files without NumPy."""

import ast
import struct


def read_npy(path):
    """Shape and f32 values of a version 1.0 file, read by the rules of numpy.lib.format."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (length,) = struct.unpack_from("<H", data, 8)
    assert (10 + length) % 64 == 0
    header = ast.literal_eval(data[10 : 10 + length].decode())
    assert header["descr"] == "<f4" and header["fortran_order"] is False, header
    count = (len(data) - 10 - length) // 4
    return header["shape"], struct.unpack_from(f"<{count}f", data, 10 + length)

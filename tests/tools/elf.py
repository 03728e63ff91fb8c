"""AMDHSA code objects, read without any of our code: ELF64 by its specification, and the metadata
note by that of MessagePack."""

import struct


def unpack(data, at=0):
    """One MessagePack value -> (value, where it ends)."""
    kind = data[at]
    at += 1
    if kind < 0x80:
        return kind, at
    if kind < 0xC0 and kind < 0x90:
        return _map(data, at, kind & 0xF)
    if kind < 0xA0:
        return _array(data, at, kind & 0xF)
    if kind < 0xC0:
        return data[at : at + (kind & 0x1F)].decode(), at + (kind & 0x1F)
    if kind in (0xC2, 0xC3):
        return kind == 0xC3, at
    if kind in (0xCC, 0xCD, 0xCE, 0xCF):
        size = 1 << (kind - 0xCC)
        return int.from_bytes(data[at : at + size], "big"), at + size
    if kind in (0xD9, 0xDA, 0xDB):
        size = 1 << (kind - 0xD9)
        length = int.from_bytes(data[at : at + size], "big")
        at += size
        return data[at : at + length].decode(), at + length
    if kind in (0xDC, 0xDE):
        (count,) = struct.unpack_from(">H", data, at)
        return (_array if kind == 0xDC else _map)(data, at + 2, count)
    raise ValueError(f"MessagePack type {kind:#x}")


def _array(data, at, count):
    values = []
    for _ in range(count):
        value, at = unpack(data, at)
        values.append(value)
    return values, at


def _map(data, at, count):
    values = {}
    for _ in range(count):
        key, at = unpack(data, at)
        values[key], at = unpack(data, at)
    return values, at


class CodeObject:
    """`symbols`: name -> bytes; `metadata`: the note's value; the ELF header's fields."""

    def __init__(self, path):
        data = path.read_bytes()
        if data[:7] != b"\x7fELF\x02\x01\x01":
            raise ValueError("no little-endian ELF64")
        self.os_abi, self.abi_version = data[7], data[8]
        header = struct.unpack_from("<HHIQQQIHHHHHH", data, 16)
        self.type, self.machine, self.flags = header[0], header[1], header[6]
        program_at, section_at = header[4], header[5]
        self.metadata = None
        for i in range(header[9]):
            kind, _, offset, _, _, size, _, _ = struct.unpack_from(
                "<IIQQQQQQ", data, program_at + 56 * i
            )
            if kind == 4:  # PT_NOTE
                self._read_notes(data[offset : offset + size])
        sections = [
            struct.unpack_from("<IIQQQQIIQQ", data, section_at + 64 * i) for i in range(header[11])
        ]
        self.symbols = {}
        self.section_names = []
        names = sections[header[12]]
        for section in sections:
            self.section_names.append(_text(data, names[4] + section[0]))
            if section[1] != 11:  # SHT_DYNSYM
                continue
            strings = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], 24):
                name, _, _, index, value, size = struct.unpack_from("<IBBHQQ", data, at)
                if 0 < index < len(sections):
                    home = sections[index]
                    begin = home[4] + value - home[3]
                    self.symbols[_text(data, strings + name)] = data[begin : begin + size]

    def _read_notes(self, notes):
        at = 0
        while at < len(notes):
            name_size, size, kind = struct.unpack_from("<III", notes, at)
            name = notes[at + 12 : at + 12 + name_size].rstrip(b"\0")
            at += 12 + (name_size + 3) // 4 * 4
            if name == b"AMDGPU" and kind == 32:  # NT_AMDGPU_METADATA
                self.metadata, _ = unpack(notes[at : at + size])
            at += (size + 3) // 4 * 4


def _text(data, at):
    return data[at : data.index(b"\0", at)].decode()

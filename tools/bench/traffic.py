"""What one token costs at least, from a GGUF's table of tensors: bytes read, operations done."""

import struct
from math import prod

# Metadata types of GGUF by number: fixed-size ones by their bytes, then string and array.
FIXED = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


class Reader:
    def __init__(self, file):
        self.file = file

    def number(self, code):
        return struct.unpack("<" + code, self.file.read(struct.calcsize(code)))[0]

    def text(self):
        return self.file.read(self.number("Q")).decode()

    def skip(self, kind):
        if kind == STRING:
            self.file.seek(self.number("Q"), 1)
        elif kind == ARRAY:
            inner, count = self.number("I"), self.number("Q")
            if inner in FIXED:
                self.file.seek(FIXED[inner] * count, 1)
            else:
                for _ in range(count):
                    self.skip(inner)
        else:
            self.file.seek(FIXED[kind], 1)


def tensors(path):
    """{name: (elements, bytes, rank)}; bytes include the padding up to the next tensor."""
    with open(path, "rb") as file:
        reader = Reader(file)
        if file.read(4) != b"GGUF" or reader.number("I") not in (2, 3):
            raise ValueError(f"{path}: not a GGUF of version 2 or 3")
        count, pairs = reader.number("Q"), reader.number("Q")
        for _ in range(pairs):
            reader.text()
            reader.skip(reader.number("I"))
        infos = []
        for _ in range(count):
            name = reader.text()
            shape = [reader.number("Q") for _ in range(reader.number("I"))]
            reader.number("I")
            infos.append((reader.number("Q"), name, shape))
        begin = file.tell()
        end = file.seek(0, 2)
    infos.sort()
    ends = [offset for offset, _, _ in infos[1:]] + [end - begin]
    return {
        name: (prod(shape), following - offset, len(shape))
        for (offset, name, shape), following in zip(infos, ends)
    }


def cost(path):
    """(bytes of matrices that one decoded token reads, int8 operations of one prefilled token).

    A decoded token reads every matrix once; of the embedding it reads a row, unless the embedding
    is the output matrix too. A prompt needs the output for its last token only.
    """
    table = tensors(path)
    matrices = {name: entry for name, entry in table.items() if entry[2] == 2}
    layers = {name: entry for name, entry in matrices.items() if name.startswith("blk.")}
    output = matrices.get("output.weight", matrices["token_embd.weight"])
    read = sum(size for _, size, _ in layers.values()) + output[1]
    return read, 2 * sum(elements for elements, _, _ in layers.values())

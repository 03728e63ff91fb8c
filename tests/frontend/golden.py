"""Compute golden.txt with NumPy: inputs of the frontend's tests and what ops must make of them.

Run as `python3 golden.py > golden.txt`; needs NumPy only. A line is a name, a shape and the values.
"""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray

generator = np.random.default_rng(7)


def floats(*shape: int, low: float = -3.0, high: float = 3.0) -> Array:
    """Draw numbers that are exact in f32."""
    return generator.uniform(low, high, shape).astype(np.float32).astype(np.float64)


def softmax(a: Array, axis: int = -1) -> Array:
    """Exponentials that sum to one."""
    powers = np.exp(a - a.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def sigmoid(a: Array) -> Array:
    """The logistic function."""
    return 1 / (1 + np.exp(-a))


def softplus(a: Array) -> Array:
    """A smooth relu."""
    return np.log1p(np.exp(a))


def attention(q: Array, k: Array, v: Array, hidden: Array | None = None) -> Array:
    """Attend head by head; several query heads share a kv head."""
    share = q.shape[0] // k.shape[0]
    heads = []
    for head in range(q.shape[0]):
        scores = q[head] @ k[head // share].T / math.sqrt(q.shape[-1])
        if hidden is not None:
            scores = np.where(hidden, -np.inf, scores)
        heads.append(softmax(scores) @ v[head // share])
    return np.stack(heads)


def rope(a: Array, angles: Array, *, interleaved: bool) -> Array:
    """Turn pairs of the last axis, as complex numbers."""
    pairs = angles.shape[-1]
    out = a.copy()
    first, second = (
        (slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2))
        if interleaved
        else (slice(0, pairs), slice(pairs, 2 * pairs))
    )
    turned = (a[..., first] + 1j * a[..., second]) * np.exp(1j * angles)
    out[..., first], out[..., second] = turned.real, turned.imag
    return out


x, y, p = floats(2, 3, 4), floats(3, 4), floats(3, 4, low=0.1, high=4.0)
i = np.array([-7, -3, 0, 5, 9, -128])
j = np.array([3, -2, 4, -2, 4, 127])
ids = np.array([[2, 0], [1, 2]])
q, k, v = floats(4, 3, 8), floats(2, 5, 8), floats(2, 5, 6)
angles = floats(3, 3)
w, bias = floats(5, 4), floats(5)
ties = np.array([[1.0, 3.0, 2.0, 3.0], [0.0, 0.0, -1.0, 0.0]])
halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, -2.6])
late = np.arange(5)[None, :] > np.arange(3)[:, None] + 2  # the last query is the newest token
square = np.arange(5)[None, :] > np.arange(3)[:, None]
uneven = (np.arange(5)[None, :] + np.arange(3)[:, None]) % 2 == 0

golden: dict[str, Array] = {
    "in.x": x,
    "in.y": y,
    "in.p": p,
    "in.i": i,
    "in.j": j,
    "in.ids": ids,
    "in.q": q,
    "in.k": k,
    "in.v": v,
    "in.angles": angles,
    "in.w": w,
    "in.bias": bias,
    "in.ties": ties,
    "in.halves": halves,
    "add": x + y,
    "sub": x - y,
    "mul": x * y,
    "div": x / y,
    "floorDiv": np.floor_divide(x, y),
    "mod": np.mod(x, y),
    "fmod": np.fmod(x, y),
    "pow": np.power(p, y),
    "pow3": x**3,
    "powHalf": np.sqrt(p),
    "powMinus2": x**-2.0,
    "maximum": np.maximum(x, y),
    "minimum": np.minimum(x, y),
    "lt": x < y,
    "le": x <= y,
    "gt": x > y,
    "ge": x >= y,
    "where": np.where(x > 0, x, y),
    "clip": np.clip(x, -1, 1.5),
    "abs": abs(x),
    "sign": np.sign(x),
    "neg": -x,
    "square": x * x,
    "sqrt": np.sqrt(p),
    "rsqrt": p**-0.5,
    "reciprocal": 1 / x,
    "exp": np.exp(x),
    "exp2": np.exp2(x),
    "log": np.log(p),
    "log2": np.log2(p),
    "log10": np.log10(p),
    "sin": np.sin(x),
    "cos": np.cos(x),
    "tan": np.tan(x),
    "floor": np.floor(x),
    "ceil": np.ceil(x),
    "trunc": np.trunc(x),
    "round": np.round(halves),
    "lerp": x + (y - x) * 0.25,
    "logaddexp": np.logaddexp(x, y),
    "copysign": np.copysign(x, y),
    "sigmoid": sigmoid(x),
    "tanh": np.tanh(x),
    "sinh": np.sinh(x),
    "cosh": np.cosh(x),
    "erf": np.vectorize(math.erf)(x),
    "relu": np.maximum(x, 0),
    "relu6": np.clip(4 * x, 0, 6),
    "leakyRelu": np.where(x < 0, 0.01 * x, x),
    "elu": np.where(x > 0, x, np.expm1(x)),
    "celu": np.where(x > 0, x, 2 * np.expm1(x / 2)),
    "selu": 1.0507 * np.where(x >= 0, x, 1.67326 * np.expm1(x)),
    "silu": x * sigmoid(x),
    "gelu": 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "quickGelu": x * sigmoid(1.702 * x),
    "softplus": softplus(x),
    "softplus2": softplus(2 * x) / 2,
    "mish": x * np.tanh(softplus(x)),
    "softsign": x / (1 + abs(x)),
    "hardswish": x * np.clip(x + 3, 0, 6) / 6,
    "hardsigmoid": np.clip(x / 6 + 0.5, 0, 1),
    "logsigmoid": -softplus(-x),
    "iFloorDiv": i // j,
    "iMod": i % j,
    "iFmod": np.fmod(i, j),
    "iTruncDiv": np.fix(i / j),
    "iDiv": i / j,
    "iAnd": i & j,
    "iOr": i | j,
    "iXor": i ^ j,
    "iNot": ~i,
    "iShl": i << 3,
    "iShr": i >> 2,
    "iPow": i**3,
    "iAbs": abs(i),
    "iSign": np.sign(i),
    "i8Add": (i + j + 100 + 128) % 256 - 128,
    "u8Mul": (i * j) % 256,
    "permute": x.transpose(2, 0, 1),
    "transpose": x.swapaxes(0, 1),
    "flip": x[::-1, :, ::-1],
    "pad": np.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=7.0),
    "shrink": x[0:1, 1:3, 2:4],
    "slice": x[:, 1:, :],
    "sliceStep": x[..., 1:4:2],
    "sliceBack": x[..., ::-1][..., :3],
    "select": x[:, -1],
    "cat": np.concatenate([x[0], y, x[1]], 1),
    "stack": np.stack([x[0], y], 1),
    "repeat": np.tile(y, (2, 1, 3)),
    "repeatInterleave": np.repeat(x, 2, 1),
    "expand": np.broadcast_to(y[:, None, :], (3, 2, 4)),
    "tril": np.tril(x),
    "triu": np.triu(x, 1),
    "triuBelow": np.triu(x, -1),
    "eye": np.eye(2, 3),
    "arange": np.arange(10, -3, -4),
    "linspace": np.linspace(-1, 2, 5),
    "oneHot": np.eye(4)[ids],
    "take": x.swapaxes(0, 1)[ids],
    "indexSelect": x[..., [3, 3, 0]],
    "gather0": np.take_along_axis(y, np.array([[2, 0, 1, 1]]), 0),
    "gather1": np.take_along_axis(x, np.array([[[2, 0, 1, 1]], [[0, 0, 2, 1]]]), 1),
    "topkValues": -np.sort(-x)[..., :2],
    "topkIndices": np.argsort(-x, kind="stable")[..., :2],
    "topkTies": np.argsort(-ties, kind="stable")[..., :3],
    "smallest": np.sort(x, 1)[:, :2],
    "sort": np.sort(x, 1),
    "sum": x.sum(),
    "sum1": x.sum(1),
    "sum02": x.sum((0, 2), keepdims=True),
    "prod": x.prod(-1),
    "max": x.max(1),
    "min": x.min((0, 1)),
    "mean": x.mean(),
    "mean2": x.mean(2),
    "var": x.var(1, ddof=1),
    "var0": x.var(ddof=0),
    "std": x.std(-1, ddof=1),
    "any": (x > 2).any(1),
    "all": (x > -2).all(2),
    "argmax": x.argmax(),
    "argmax1": x.argmax(1),
    "argmin2": x.argmin(2),
    "argmaxTies": ties.argmax(1),
    "argminTies": ties.argmin(1),
    "logsumexp": np.log(np.exp(x).sum(1)),
    "softmax": softmax(x),
    "softmax1": softmax(x, 1),
    "logSoftmax": np.log(softmax(x)),
    "cumsum": x.cumsum(2),
    "cumsum0": i.cumsum(0),
    "iSum": i.sum(),
    "iMean": i.mean(),
    "iMax": i.max(),
    "iMin": i.min(),
    "matmul": x @ y.T,
    "matmulBatch": x @ x.swapaxes(1, 2),
    "matmulVector": x @ y[0],
    "vectorMatmul": y[:, 0] @ x,
    "dot": y[0] @ y[1],
    "iMatmul": np.outer(i, j),
    "linear": x @ w.T,
    "linearBias": x @ w.T + bias,
    "layernorm": (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5),
    "rmsnorm": x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6),
    "attention": attention(q, k, v),
    "attentionIsCausal": attention(q, k, v, square),
    "attentionCausal": attention(q, k, v, late),
    "attentionMask": attention(q, k, v, uneven),
    "rope": rope(q, angles, interleaved=False),
    "ropePairs": rope(q, angles, interleaved=True),
    "ropeAngles": np.array([0, 5, 1000])[:, None] * 10000.0 ** (-2 * np.arange(4) / 8),
}

index = np.array([2, 0, 2])
grid = np.meshgrid([1, 2, 3], [4, 5], indexing="ij"), np.meshgrid([1, 2, 3], [4, 5])
mask = x > 0.5
counts = np.zeros((3, 4))
np.add.at(counts, index, x[0])


def put(target: Array, where: tuple, value: Array | float) -> Array:
    """Assign to a copy."""
    written = target.copy()
    written[where] = value
    return written


golden |= {
    "arangeReal": np.arange(0.5, 2.75, 0.5),
    "meshgridIj": grid[0][1],
    "meshgridXy": grid[1][1],
    "shrinkTo": x[:, :2, :3],
    "rollAll": np.roll(x, 5),
    "rollTwo": np.roll(x, (1, -3), (0, 2)),
    "unfold": np.lib.stride_tricks.sliding_window_view(x, 2, 2)[:, :, ::2],
    "diag": np.diag(y[0]),
    "diagonal": y.diagonal(1),
    "diagonalBelow": x.diagonal(-2, 2, 1),
    "unbind": x[:, 2],
    "padCut": np.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values=-1.0)[:, :-2],
    "padReflect": np.pad(y, ((2, 1), (0, 3)), mode="reflect"),
    "padReplicate": np.pad(y, ((2, 0), (1, 3)), mode="edge"),
    "padCircular": np.pad(y, ((3, 1), (0, 4)), mode="wrap"),
    "padTo": np.pad(y, ((0, 2), (0, 0))),
    "rearrange": x.reshape(2, 3, 2, 2).transpose(2, 3, 0, 1).reshape(4, 2, 1, 3),
    "rearrangeRest": x.reshape(2, 12).T,
    "itemMixed": x[1, None, ::-2, 1:-1],
    "itemEmpty": x[:, 2:1],
    "itemTensor": x[:, index],
    "itemTensors": x[np.array([[0], [1]]), :, index],
    "itemTogether": x[:, index, np.array([3, -1, 0])],
    "setSlice": put(x, (slice(None), slice(None, None, -2)), y[:2]),
    "setNumber": put(x, (1, ..., 2), 9.0),
    "setTensor": put(x, (slice(None), index), y),
    "setTensors": put(x, (np.array([0, 1, 0]), slice(None), index), y.T[:3, :3]),
    "scatter": put(y, (index, np.arange(3)), x[0, 0, :3]),
    "scatterSum": y + counts,
    "scatterMeanAlone": np.where(
        (counts == 0), y, np.stack([x[0, 1], y[1], (x[0, 0] + x[0, 2]) / 2])
    ),
    "scatterMax": np.stack([np.maximum(y[0], x[0, 1]), y[1], np.maximum(y[2], x[0, ::2].max(0))]),
    "nonzeroSized": np.concatenate([np.argwhere(mask), np.full((30, 3), 7)])[:9],
    "maskedSized": np.concatenate([x[mask], np.full(30, -1)])[:9],
    "argsortDown": np.argsort(-ties, kind="stable"),
    "argsortUp": np.argsort(ties, kind="stable"),
    "sortDown": -np.sort(-x, 0),
}

image, filters = floats(2, 4, 5, 6), floats(6, 2, 3, 2)
classes = np.array([1, 3, 0])


def windows(a: Array, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Array:
    """[..., spatial...] -> [..., places..., kernel...]."""
    axes = tuple(range(a.ndim - len(kernel), a.ndim))
    slid = np.lib.stride_tricks.sliding_window_view(a, kernel, axes)
    return slid[(..., *(slice(None, None, s) for s in stride), *(slice(None),) * len(kernel))]


def convolved(a: Array, weight: Array, groups: int) -> Array:
    """Convolve with the stride (2, 1) and a border of 1 on the last axis."""
    patches = windows(np.pad(a, ((0, 0), (0, 0), (0, 0), (1, 1))), weight.shape[2:], (2, 1))
    grouped = patches.reshape(a.shape[0], groups, -1, *patches.shape[2:])
    shared = weight.reshape(groups, -1, *weight.shape[1:])
    return np.einsum("ngcyxij,gfcij->ngfyx", grouped, shared).reshape(
        a.shape[0], weight.shape[0], *patches.shape[2:4]
    )


def spread(a: Array, weight: Array, stride: int) -> Array:
    """Add the kernel, times every element, at the element's place."""
    rows = (a.shape[2] - 1) * stride + weight.shape[2]
    columns = (a.shape[3] - 1) * stride + weight.shape[3]
    out = np.zeros((a.shape[0], weight.shape[1], rows, columns))
    for at in np.ndindex(a.shape[2], a.shape[3]):
        patch = np.einsum("nc,cfij->nfij", a[:, :, at[0], at[1]], weight)
        top, left = at[0] * stride, at[1] * stride
        out[:, :, top : top + weight.shape[2], left : left + weight.shape[3]] += patch
    return out


def nll(logits: Array) -> Array:
    """Minus the log-probabilities of the classes."""
    return -np.log(softmax(logits))[np.arange(3), classes]


pooled = windows(image, (2, 3), (2, 3))
flat = image.reshape(2, 4, -1)
places = np.arange(30).reshape(5, 6)

golden |= {
    "in.image": image,
    "in.filters": filters,
    "in.classes": classes,
    "asin": np.arcsin(x / 3),
    "acos": np.arccos(x / 3),
    "atan": np.arctan(x),
    "asinh": np.arcsinh(x),
    "acosh": np.arccosh(p + 1),
    "atanh": np.arctanh(x / 4),
    "geluErf": 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "powTensor": np.abs(i) ** 3,
    "powNegativeBase": x ** np.where(y[0] > 0, 3.0, -2.0),
    "isclose": np.isclose(x, x + 1e-3 * (x > 0)),
    "bitcastBytes": np.array([0x3F800000, 0xC0000000], "<u4").view("<u1"),
    "normalize": x / np.linalg.norm(x, axis=1, keepdims=True),
    "softmaxTwo": softmax(x.reshape(2, 12)).reshape(2, 3, 4),
    "cumprod": np.cumprod(x, 1),
    "cummax": np.maximum.accumulate(ties, 1),
    "cummaxPlaces": [[0, 1, 1, 1], [0, 0, 0, 0]],
    "cumminPlaces": [[0, 0, 0, 0], [0, 0, 2, 2]],
    "logcumsumexp": np.logaddexp.accumulate(x, 2),
    "einsum": np.einsum("abc,dc->bda", x, y),
    "einsumTrace": np.einsum("ii", y[:, :3]),
    "einsumThree": np.einsum("abc,dc,d->ab", x, y, y[:, 0]),
    "window": np.lib.stride_tricks.sliding_window_view(image, 3, 2)[:, :, ::2, :, ::2],
    "conv": convolved(image, filters, 2),
    "convDepthwise": convolved(image, filters[:4, :1], 4),
    "convTranspose": spread(image, filters[:4], 2),
    "avgPool": pooled.mean((-2, -1)),
    "maxPool": pooled.max((-2, -1)),
    "maxPoolPlaces": np.take_along_axis(
        np.broadcast_to(windows(places, (2, 3), (2, 3)), pooled.shape).reshape(2, 4, 2, 2, 6),
        pooled.reshape(2, 4, 2, 2, 6).argmax(-1)[..., None],
        -1,
    )[..., 0],
    "nearest": np.repeat(y, 2, 1),
    "linearCorners": np.stack([np.interp(np.linspace(0, 3, 7), np.arange(4), row) for row in y]),
    "binaryCrossentropy": -np.log(np.where(x > 0, sigmoid(x), 1 - sigmoid(x))).mean(),
    "crossEntropy": nll(y).mean(),
    "crossEntropySmooth": (0.8 * nll(y) - 0.2 * np.log(softmax(y)).mean(1)).sum(),
    "sparseIgnored": nll(y)[[0, 1]].mean(),
    "nllWeighted": (nll(y) * p[0][classes]).sum() / p[0][classes].sum(),
    "batchnorm": (x - y[:, :1]) * p[:, :1] * y[:, 1:2] + y[:, 2:3],
    "newtonSchulz": 1.5 * (y / np.linalg.norm(y)) - 0.5 * y @ y.T @ y / np.linalg.norm(y) ** 3,
    "singularValues": np.linalg.svd(y)[1],
    "qrDiagonal": np.abs(np.diag(np.linalg.qr(y)[1])),
}

if __name__ == "__main__":
    for name, value in golden.items():
        array = np.asarray(value, dtype=np.float64)
        shape = "x".join(map(str, array.shape)) or "scalar"
        print(name, shape, *(f"{number:.17g}" for number in array.ravel()))

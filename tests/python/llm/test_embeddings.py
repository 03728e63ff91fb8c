"""Vectors of texts by the engine, next to a decoder in NumPy's doubles that reads the same file."""

import math
import random
from pathlib import Path

import pytest
from live import Live

np = pytest.importorskip("numpy")
try:
    from rosso.llm.core import LlmCore
    from rosso.nn.gguf import gguf_load
except ImportError:
    pytest.skip("the C++ engine is not built", allow_module_level=True)

DEMO = Path(__file__).resolve().parents[3] / "models" / "demo" / "rosso-demo.gguf"


class Plain:
    """Qwen2 as its paper has it: RMSNorm, rotary pairs of halves, grouped heads, SwiGLU."""

    def __init__(self, path):
        metadata, tensors = gguf_load(path)
        self._weights = {name: t.numpy().astype(np.float64) for name, t in tensors.items()}
        size = {name: metadata[f"qwen2.{name}"] for name in (
            "block_count", "attention.head_count", "attention.head_count_kv",
            "attention.layer_norm_rms_epsilon", "rope.freq_base")}  # fmt: skip
        self._layers, self._heads, self._groups, self._epsilon, self._base = size.values()

    def hidden(self, tokens):
        """[T, D]: behind the last norm."""
        w = self._weights
        x = w["token_embd.weight"][tokens]
        for layer in range(self._layers):
            name = f"blk.{layer}."
            x = x + self._attention(self._norm(x, name + "attn_norm"), name)
            h = self._norm(x, name + "ffn_norm")
            gate = h @ w[name + "ffn_gate.weight"].T
            up = h @ w[name + "ffn_up.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ w[name + "ffn_down.weight"].T
        return self._norm(x, "output_norm")

    def _norm(self, x, name):
        scale = np.sqrt((x * x).mean(-1, keepdims=True) + self._epsilon)
        return x / scale * self._weights[name + ".weight"]

    def _attention(self, x, name):
        w = self._weights

        def heads(what, count):
            y = x @ w[f"{name}attn_{what}.weight"].T + w[f"{name}attn_{what}.bias"]
            return y.reshape(len(x), count, -1).transpose(1, 0, 2)

        def turned(y):
            half = y.shape[-1] // 2
            angles = np.arange(len(x))[:, None] * self._base ** (-np.arange(half) / half)
            a, b = y[..., :half], y[..., half:]
            cos, sin = np.cos(angles), np.sin(angles)
            return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

        q = turned(heads("q", self._heads))
        k = turned(heads("k", self._groups)).repeat(self._heads // self._groups, 0)
        v = heads("v", self._groups).repeat(self._heads // self._groups, 0)
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (p / p.sum(-1, keepdims=True)) @ v
        return mixed.transpose(1, 0, 2).reshape(len(x), -1) @ w[name + "attn_output.weight"].T


@pytest.fixture(scope="module")
def core():
    return LlmCore(str(DEMO), slots=2, chunk=64, exact=True, embeddings=True)


def test_vectors_are_those_of_a_plain_decoder(core):
    plain, dice = Plain(str(DEMO)), random.Random(5)
    for length in (1, 7, 64, 65, 300):  # chunks are of 64
        tokens = [dice.randrange(1000) for _ in range(length)]
        wanted = plain.hidden(tokens).mean(0)
        wanted /= np.linalg.norm(wanted)
        core.rewind(1, 0)
        found = np.array(core.embed(1, tokens))
        # Keys and values are f16 in the cache: eleven bits each, over four layers.
        assert np.abs(found - wanted).max() < 2e-3
        assert found @ wanted > 0.99999


def test_the_server_embeds_while_it_talks(core):
    with Live(core) as live:
        texts = ["What is 3 + 4?", "a much longer text " * 30]
        answer = live.post("/v1/embeddings", {"input": texts}).json()
        read = sum(len(core.tokenizer.encode(text)) for text in texts)
        assert answer["usage"] == {"prompt_tokens": read, "total_tokens": read}
        vectors = [each["embedding"] for each in answer["data"]]
        assert [len(vector) for vector in vectors] == [core.model.embedding_length] * 2
        assert live.post("/api/embed", {"input": texts}).json()["embeddings"] == vectors
        assert "embedding" in live.post("/api/show", {}).json()["capabilities"]
        reply = live.chat("What is 3 + 4?", temperature=0).json()
        assert reply["choices"][0]["message"]["content"] == "3 + 4 = 7."
        many = ["word " * 5000]
        refused = live.post("/v1/embeddings", {"input": many})
        assert refused.status_code == 400 and "maximum context length" in refused.text


def test_without_the_flag_the_server_says_so():
    with Live(LlmCore(str(DEMO), slots=1)) as live:
        refused = live.post("/v1/embeddings", {"input": "a"})
        assert refused.status_code == 400 and "rosso serve --embeddings" in refused.text
        assert "embedding" not in live.post("/api/show", {}).json()["capabilities"]

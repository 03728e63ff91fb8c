"""Train the demo model and write it as a GGUF file.

Usage: python train.py OUTPUT.gguf --state STATE_DIRECTORY [--minutes 90]

The state directory keeps the tokenizer and a checkpoint; with these, a stopped training goes on
where it was. The learning rate follows the processor's time, so training ends when it should on a
machine of any speed, also on a busy one.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from pathlib import Path

import torch
from corpus import document, random_turns
from gguf_writer import write_gguf
from model import Parameters, Shape, forward, initial_parameters, quantized
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from vocabulary import tokenizer_metadata, train_tokenizer

SEED = 7
TOKENS_PER_STEP = 4096
ROW_LENGTHS, ROW_LENGTH_WEIGHTS = [256, 512, 1024], [0.8, 0.15, 0.05]
LONG_DOCUMENT_TURNS = 45
PEAK_LEARNING_RATE = 2e-3
WARM_UP_STEPS = 60
QUANTIZE_FROM = 0.6  # the share of the time after which every other step rounds the weights
CHECKPOINT_SECONDS = 180


def make_tokenizer(path: Path, size: int) -> Tokenizer:
    """Load the tokenizer, or train it on a sample of the corpus."""
    if not path.exists():
        rng = random.Random(SEED)
        texts = ["".join(t for t, _ in document(rng, random_turns(rng))) for _ in range(20000)]
        train_tokenizer(texts, size).save(str(path))
    return Tokenizer.from_file(str(path))


class Batches:
    """Packs fresh documents into rows of tokens, so that no document sees another."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        """Begin a stream of batches that the seed determines."""
        self.tokenizer = tokenizer
        self.rng = random.Random(seed)

    def row(self, length: int) -> tuple[list[int], list[float], list[int]]:
        """Make a row: its ids, the weight of each, and the index of each one's document."""
        ids: list[int] = []
        weights: list[float] = []
        owners: list[int] = []
        owner = 0
        turns = LONG_DOCUMENT_TURNS if length > ROW_LENGTHS[0] else random_turns(self.rng)
        while len(ids) < length:
            for text, weight in document(self.rng, turns):
                piece = self.tokenizer.encode(text).ids
                ids += piece
                weights += [weight] * len(piece)
                owners += [owner] * len(piece)
            owner += 1
            turns = random_turns(self.rng)
        return ids[:length], weights[:length], owners[:length]

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Make the ids, the weights and the attention mask of one step."""
        length = self.rng.choices(ROW_LENGTHS, ROW_LENGTH_WEIGHTS)[0]
        rows = [self.row(length) for _ in range(TOKENS_PER_STEP // length)]
        ids, weights, owners = (torch.tensor(column) for column in zip(*rows, strict=True))
        mask = (owners[:, :, None] == owners[:, None, :]).tril()
        weights[:, 1:] *= owners[:, 1:] == owners[:, :-1]
        return ids, weights, mask[:, None]


def weighted_loss(logits: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """Average the loss of predicting each next token by the tokens' weights."""
    losses = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none"
    )
    weights = weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def make_optimizer(parameters: Parameters) -> torch.optim.AdamW:
    """Make an optimizer that decays the matrices only."""
    matrices = [tensor for tensor in parameters.values() if tensor.ndim == 2]
    vectors = [tensor for tensor in parameters.values() if tensor.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_LEARNING_RATE, betas=(0.9, 0.98), fused=True)


def learning_rate(step: int, progress: float) -> float:
    """Warm up by steps, then follow a cosine over the share of the time that is spent."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return PEAK_LEARNING_RATE * min(1.0, (step + 1) / WARM_UP_STEPS) * max(cosine, 0.01)


def export(path: Path, parameters: Parameters, shape: Shape, tokenizer: Tokenizer) -> None:
    """Write the model as a GGUF file."""
    metadata = {
        "general.architecture": "qwen2",
        "general.name": "Rosso Demo",
        "general.file_type": 0,
        "general.quantization_version": 2,
        "qwen2.block_count": shape.layers,
        "qwen2.context_length": shape.context,
        "qwen2.embedding_length": shape.width,
        "qwen2.feed_forward_length": shape.feed_forward,
        "qwen2.attention.head_count": shape.heads,
        "qwen2.attention.head_count_kv": shape.kv_heads,
        "qwen2.attention.layer_norm_rms_epsilon": shape.norm_epsilon,
        "qwen2.rope.freq_base": shape.rope_base,
        "qwen2.vocab_size": shape.vocabulary,
        **tokenizer_metadata(tokenizer),
    }
    write_gguf(path, metadata, {k: tensor.detach().numpy() for k, tensor in parameters.items()})


def train(output: Path, state: Path, minutes: float, autocast: bool) -> None:
    """Train for so many minutes of every core used, saving checkpoint and GGUF file on the way."""
    shape = Shape()
    state.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(state / "tokenizer.json", shape.vocabulary)
    torch.manual_seed(SEED)
    parameters = initial_parameters(shape)
    optimizer = make_optimizer(parameters)
    checkpoint = state / "checkpoint.pt"
    step, spent, average = 0, 0.0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        for name, tensor in parameters.items():
            tensor.data.copy_(saved["parameters"][name])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["spent"]
    batches = Batches(tokenizer, SEED + step)

    def save() -> None:
        torch.save(
            {
                "parameters": parameters,
                "optimizer": optimizer.state_dict(),
                "step": step,
                "spent": spent,
            },
            checkpoint,
        )
        export(output, parameters, shape, tokenizer)

    saved_at = spent
    save()
    while spent < minutes * 60:
        began = time.process_time()
        progress = spent / (minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, progress)
        ids, weights, mask = batches.batch()
        rounding = progress >= QUANTIZE_FROM and step % 2 == 1
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            logits = forward(quantized(parameters) if rounding else parameters, shape, ids, mask)
        loss = weighted_loss(logits, ids, weights)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        average = loss.item() if average == 0.0 else 0.98 * average + 0.02 * loss.item()
        step += 1
        spent += (time.process_time() - began) / torch.get_num_threads()
        if step % 50 == 0:
            print(f"step {step}  {spent / 60:.1f} min  loss {average:.4f}", flush=True)
        if spent - saved_at > CHECKPOINT_SECONDS:
            save()
            saved_at = spent
    save()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="the GGUF file to write")
    parser.add_argument("--state", type=Path, required=True, help="where to keep checkpoints")
    parser.add_argument("--minutes", type=float, default=90.0, help="to train, of every core used")
    parser.add_argument("--bf16", action="store_true", help="multiply matrices in bfloat16")
    arguments = parser.parse_args()
    train(arguments.output, arguments.state, arguments.minutes, arguments.bf16)


if __name__ == "__main__":
    main()

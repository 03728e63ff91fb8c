"""The models of docs/models against PyTorch written another way, on random weights in safetensors.

Weights travel as users' do: PyTorch's state dict is saved as a safetensors file and loaded by name.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from rosso import Tensor, nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch.nn import functional  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs/models"))
import gpt2  # noqa: E402
import resnet18  # noqa: E402
import vit  # noqa: E402

TOLERANCE = 2e-4  # sums of some thousand f32 products in another order


def randomized(model, tmp_path):
    """Gives every weight random numbers by a safetensors file -> them as torch tensors."""
    from rosso.nn.state import get_state_dict, load_state_dict, safe_load, safe_save

    rng = np.random.default_rng(5)
    weights = {}
    for name, t in get_state_dict(model).items():
        numbers = rng.normal(0, 0.05, t.shape)
        if "var" in name or (name.endswith("weight") and len(t.shape) == 1):
            numbers = 1 + numbers
        weights[name] = np.abs(numbers) if "var" in name else numbers
    arrays = {name: np.asarray(value, dtype=np.float32) for name, value in weights.items()}
    path = tmp_path / "model.safetensors"
    safe_save({name: Tensor(value) for name, value in arrays.items()}, str(path))
    load_state_dict(model, safe_load(str(path)), verbose=False)
    return {name: torch.from_numpy(value) for name, value in arrays.items()}


def close(found, wanted):
    wanted = wanted.detach().numpy()
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found.numpy() / scale, wanted / scale, atol=TOLERANCE)


def test_resnet18(tmp_path):
    model = resnet18.ResNet18(classes=10)
    w = randomized(model, tmp_path)

    def conv(x, name, stride, padding):
        return functional.conv2d(x, w[name + ".weight"], stride=stride, padding=padding)

    def norm(x, name):
        return functional.batch_norm(
            x,
            w[name + ".running_mean"],
            w[name + ".running_var"],
            w[name + ".weight"],
            w[name + ".bias"],
        )

    image = np.random.default_rng(1).normal(size=(2, 3, 64, 64)).astype(np.float32)
    x = torch.from_numpy(image)
    x = functional.max_pool2d(functional.relu(norm(conv(x, "conv1", 2, 3), "bn1")), 3, 2, 1)
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            name, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = functional.relu(norm(conv(x, name + ".conv1", stride, 1), name + ".bn1"))
            y = norm(conv(y, name + ".conv2", 1, 1), name + ".bn2")
            if f"{name}.downsample.0.weight" in w:
                x = norm(conv(x, name + ".downsample.0", stride, 0), name + ".downsample.1")
            x = functional.relu(y + x)
    close(model(Tensor(image)), functional.linear(x.mean((2, 3)), w["fc.weight"], w["fc.bias"]))


def test_vit(tmp_path):
    model = vit.ViT(image=32, patch=8, width=48, layers=2, heads=3, classes=7)
    w = randomized(model, tmp_path)
    image = np.random.default_rng(2).normal(size=(2, 3, 32, 32)).astype(np.float32)

    x = functional.conv2d(
        torch.from_numpy(image), w["conv_proj.weight"], w["conv_proj.bias"], stride=8
    )
    x = torch.cat([w["class_token"].expand(2, -1, -1), x.flatten(2).transpose(1, 2)], 1)
    x = x + w["encoder.pos_embedding"]
    for i in range(2):
        name = f"encoder.layers.encoder_layer_{i}."
        attention = torch.nn.MultiheadAttention(48, 3, batch_first=True)
        attention.load_state_dict(
            {
                key.removeprefix(name + "self_attention."): value
                for key, value in w.items()
                if key.startswith(name + "self_attention.")
            }
        )

        def norm(x, key):
            return functional.layer_norm(x, (48,), w[key + ".weight"], w[key + ".bias"], 1e-6)

        y = norm(x, name + "ln_1")
        x = x + attention(y, y, y)[0]
        y = functional.linear(
            norm(x, name + "ln_2"), w[name + "mlp.0.weight"], w[name + "mlp.0.bias"]
        )
        x = x + functional.linear(
            functional.gelu(y), w[name + "mlp.3.weight"], w[name + "mlp.3.bias"]
        )
    x = norm(x, "encoder.ln")[:, 0]
    close(model(Tensor(image)), functional.linear(x, w["heads.head.weight"], w["heads.head.bias"]))


def test_gpt2(tmp_path):
    model = gpt2.GPT2(vocabulary=97, context=32, width=48, layers=2, heads=4)
    w = randomized(model, tmp_path)
    ids = np.random.default_rng(3).integers(0, 97, 19)

    def norm(x, name):
        return functional.layer_norm(x, (48,), w[name + ".weight"], w[name + ".bias"])

    x = w["wte.weight"][torch.from_numpy(ids)] + w["wpe.weight"][:19]
    hidden = torch.ones(19, 19).triu(1).bool()
    for i in range(2):
        name = f"h.{i}."
        qkv = norm(x, name + "ln_1") @ w[name + "attn.c_attn.weight"] + w[name + "attn.c_attn.bias"]
        q, k, v = (part.reshape(19, 4, 12).transpose(0, 1) for part in qkv.split(48, -1))
        scores = (q @ k.transpose(1, 2) / 12**0.5).masked_fill(hidden, -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(0, 1).reshape(19, 48)
        x = x + mixed @ w[name + "attn.c_proj.weight"] + w[name + "attn.c_proj.bias"]
        y = norm(x, name + "ln_2") @ w[name + "mlp.c_fc.weight"] + w[name + "mlp.c_fc.bias"]
        y = functional.gelu(y, approximate="tanh")
        x = x + y @ w[name + "mlp.c_proj.weight"] + w[name + "mlp.c_proj.bias"]
    close(model(Tensor(ids.astype(np.int32))), norm(x, "ln_f") @ w["wte.weight"].T)


def test_layers_are_the_only_weights():
    assert sum(t.numel() for t in nn.state.get_parameters(resnet18.ResNet18())) > 11_000_000

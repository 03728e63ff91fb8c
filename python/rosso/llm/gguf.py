"""GGUF files, where programs written for tinygrad look for them."""

from rosso.nn.gguf import ggml_data_to_tensor, gguf_load

__all__ = ["ggml_data_to_tensor", "gguf_load"]

"""Tiny models of transformers with random weights, built from configs."""

import copy
from functools import cache

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

transformers.logging.set_verbosity_error()

COMMON = {
    "hidden_size": 64,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 50,
    "max_position_embeddings": 4096,
    "pad_token_id": 0,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5e5,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 512,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 1.5e5,
    "factor": 32.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "truncate": False,
    "original_max_position_embeddings": 128,
}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "partial_rotary_factor": 0.5,
    "short_factor": [1.0, 1.05, 1.1, 1.2],
    "long_factor": [1.0, 2.0, 8.0, 30.0],
    "original_max_position_embeddings": 256,
}
GEMMA = {
    "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
}
CONFIGS = {
    "llama": {"rope_parameters": LLAMA3},
    "qwen2": {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    "gemma3_text": {
        "rope_parameters": GEMMA,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 16,
    },
    "phi3": {"rope_parameters": LONGROPE, "original_max_position_embeddings": 256},
    "gpt_oss": {
        "rope_parameters": YARN,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 16,
    },
}


def config(name, **changes):
    keys = COMMON | CONFIGS.get(name, {}) | changes
    return AutoConfig.for_model(name, **copy.deepcopy(keys))


def model(name, **changes):
    """A model in float32 that nobody else has."""
    torch.manual_seed(7)
    return AutoModelForCausalLM.from_config(config(name, **changes)).eval()


@cache
def tokens(length, batch=2):
    return torch.randint(1, 50, (batch, length), generator=torch.manual_seed(3))


@torch.no_grad()
def logits(model, ids, **more):
    return model(ids, use_cache=False, **more).logits

"""transformers' own functions; tables ready, in the dtype of the arrays."""

import numpy as np
import torch
import transformers
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.cohere import modeling_cohere
from transformers.models.llama import modeling_llama
from transformers.models.phi3 import modeling_phi3

from peers import FRESH, MADE

torch.set_num_threads(1)
torch.set_grad_enabled(False)
transformers.logging.set_verbosity_error()


def function(case):
    """The function of a model whose rows are rotated like those of the case."""
    if case.layout == "interleaved":
        return modeling_cohere.apply_rotary_pos_emb
    if case.rotary_dim < case.shapes[0][-1]:
        return modeling_phi3.apply_rotary_pos_emb
    return modeling_llama.apply_rotary_pos_emb


def operands(case):
    """Tensors in memory that torch has allocated, and tables of all channels."""
    dtype = getattr(torch, case.dtype)
    join = (
        (lambda t: np.repeat(t, 2, -1))
        if case.layout == "interleaved"
        else lambda t: np.concatenate((t, t), -1)
    )
    cos, sin = (torch.from_numpy(join(t)[None]).to(dtype) for t in case.tables())
    xs = [tensor(x, dtype) for x in case.arrays()]
    # Every function takes two tensors: where there are only keys, no queries.
    q = xs[0] if len(xs) == 2 else xs[0][:, :0]
    return q, xs[-1], cos, sin, 1 if case.seq_axis == -2 else 2


def tensor(x, dtype):
    bits = torch.from_numpy(x.view(np.uint16) if x.itemsize == 2 else x)
    return bits.view(dtype).clone()


def to_numpy(t):
    return t.float().numpy()


def rotations(case, change=lambda f: f):
    rotate, args = change(function(case)), operands(case)
    kept = slice(2 - len(case.shapes), None)
    yield FRESH, lambda: rotate(*args)[kept]


def config(**parameters):
    return LlamaConfig(
        hidden_size=4096,
        num_attention_heads=32,
        max_position_embeddings=4096,
        rope_parameters={"rope_theta": 5e5, **parameters},
    )


def tables(length):
    """The module of the model: it fills all 128 channels, every value twice."""
    module = modeling_llama.LlamaRotaryEmbedding(config(rope_type="default"))
    x, p = torch.empty(0), torch.arange(length)[None]
    yield FRESH, lambda: [t[0, :, :64] for t in module(x, p)]


SCHEMES = {
    "linear": {"factor": 3.7},
    "dynamic": {"factor": 2.5},
    "yarn": {"factor": 40.0, "original_max_position_embeddings": 4096},
    "longrope": {
        "factor": 1.0,
        "short_factor": [1.0 + k / 8 for k in range(64)],
        "long_factor": [1.0 + k / 8 for k in range(64)],
        "original_max_position_embeddings": 4096,
    },
    "llama3": {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
    "proportional": {"factor": 8.0, "partial_rotary_factor": 1.0},
}


def frequencies():
    default = modeling_llama.LlamaRotaryEmbedding.compute_default_rope_parameters
    plain = config(rope_type="default")
    yield "default", MADE, lambda: default(plain)[0]
    for name, parameters in SCHEMES.items():
        made = config(rope_type=name, **parameters)
        run = ROPE_INIT_FUNCTIONS[name]
        yield name, MADE, lambda run=run, c=made: run(c, torch.device("cpu"), 8192)[0]

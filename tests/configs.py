"""Configs that several test modules start from, and how their outcomes are judged."""

import json
import unicodedata

PLAIN = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "max_position_embeddings": 32768,
    "rope_theta": 10000.0,
}
ONLY_IN_FILES = {"duplicate-key-factor-4-then-8", "utf-8-bom"}


def example(keys):
    """The source of an example: a whole text, or keys over those of a plain config."""
    if isinstance(keys, str):
        return keys.encode()
    both = PLAIN | dict(keys)
    return {k: v for k, v in both.items() if v is not None or k == "rope_scaling"}


def content(case):
    """Bytes of the file of a hostile case."""
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    if "parts" in case:
        return "".join(text * count for text, count in case["parts"]).encode()
    return case["text"].encode("utf-8", "surrogatepass")


def as_mapping(case):
    """The same as a dict, or None where it is none."""
    if case["id"] in ONLY_IN_FILES:
        return None
    try:
        value = json.loads(content(case).decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_inside(path, accepted):
    return any(
        path == a or (a != "$" and path.startswith((f"{a}.", f"{a}[")))
        for a in accepted
    )


def is_printable(text):
    bad = {"Cc", "Cf", "Cs"}
    return len(text) <= 2000 and not any(unicodedata.category(c) in bad for c in text)

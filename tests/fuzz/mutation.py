"""Configs that nobody wrote: real ones with a few values and keys exchanged."""

import copy
import json
import math

from records import DATA, HERE, lines

from ropeinterp.config import names
from ropeinterp.schemes import SCHEMES

WORDS = [
    *SCHEMES,
    "su",
    "mrope",
    "Yarn",
    "full_attention",
    "sliding_attention",
    "llama",
]
NUMBERS = [0, 1, -1, 2, 4, 63, 64, 8192, 32678, 131072, 2**24, 2**31, 2**53, 10**30]
NUMBERS += [10**400, 0.0, -0.0, 0.25, 0.5, 1.0, 1e-300, 1e300, 32768.0, 5e5]
ODD = [math.nan, math.inf, -math.inf, True, False, None, "", "4", "\x1b[31m", "\ud800"]
ODD += ["\u202e", "x" * 300, [], {}, [[]], [1.0] * 64, [16, 24, 24], {"a": {}}, [None]]
OLD, NEW = "rope_scaling", "rope_parameters"
NESTED = [OLD, NEW, "text_config", "vision_config", "full_attention", "layer_types"]
KEYS = sorted({*names.of_top_level(), *NESTED, "rope_type", "type", "factor", "name"})


def places(value, holder=(), depth=0):
    """Objects and arrays of a tree with each of their keys."""
    if depth > 8 or not isinstance(value, (dict, list)):
        return
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        yield from places(value[key], (*holder, key), depth + 1)


def mutated(seed, choose, count):
    """Change a config a few times.

    `choose` picks one entry of a list: a strategy of hypothesis, or bytes of a fuzzer.
    """
    config = copy.deepcopy(seed)
    for _ in range(count):
        holder, key = choose([*places(config), (config, "rope_scaling")])
        choose(CHANGES)(holder, key, choose)
    return config


def _replace(holder, key, choose):
    holder[key] = copy.deepcopy(choose(choose([WORDS, NUMBERS, ODD])))


def _nudge(holder, key, choose):
    value = holder.get(key) if isinstance(holder, dict) else holder[key]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and abs(value) < 1e300:
        holder[key] = value * choose([2, 0.5, -1, 1.01, 1e10]) + choose([0, 1, -1])
    else:
        _replace(holder, key, choose)


def _remove(holder, key, choose):
    if isinstance(holder, list) or key in holder:
        del holder[key]


def _rename(holder, key, choose):
    if isinstance(holder, dict):
        name = choose(KEYS)
        holder[choose([name, name[1:], name.upper(), name + "\n"])] = holder.pop(key, 1)


def _add(holder, key, choose):
    if isinstance(holder, dict):
        _replace(holder, choose(KEYS), choose)
    else:
        holder.append(choose(NUMBERS))


def _wrap(holder, key, choose):
    value = copy.deepcopy(holder[key]) if isinstance(holder, list) else 1
    value = copy.deepcopy(holder.get(key)) if isinstance(holder, dict) else value
    holder[key] = choose([[value], {choose(KEYS): value}, [value] * 40])


CHANGES = [_replace, _nudge, _remove, _rename, _add, _wrap]


def written(config, choose):
    """Bytes of a config: usual ones, and those of careless writers."""
    text = json.dumps(config, indent=choose([None, 2, "\t"]))
    start = choose([0, 0, len(text) // 3, len(text) // 2])
    change = choose(["", "", "", ",", "\ufeff", '"factor": 2,', "}", "\x00", "//"])
    data = (text[:start] + change + text[start:]).encode("utf-8", "surrogatepass")
    return data if choose(range(20)) else data[:-1] + b"\xff"


def real():
    """Configs of published models: the copies, and the whole collection where it is."""
    configs = [record["config"] for record in lines(HERE / "core.jsonl")]
    for path in sorted((DATA / "configs").glob("*/*.json")):
        try:
            configs.append(json.loads(path.read_bytes()))
        except ValueError:  # two of them are no JSON
            continue
    return configs

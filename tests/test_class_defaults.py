"""Class defaults of every model type of the installed transformers, read and checked.

Nothing may be invented (a spec for a model without rotary module), nothing dropped (a
part with a rotary embedding), and no default is an error.
"""

import json

import pytest

import ropeinterp as ri
from ropeinterp.checks import check
from ropeinterp.config.models import composites, model_types, rows_of

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
MAPPING = transformers.models.auto.configuration_auto.CONFIG_MAPPING
MODELS = transformers.models.auto.modeling_auto.MODEL_MAPPING

# Defaults that transformers itself cannot build a model from (defect D11), and tables
# that no spec describes.
UNREADABLE = {"glm4v_text", "glm4v_moe_text", "glm_image_text", "hunyuan_vl_text"}
UNREADABLE |= {"glm46v", "glm4v", "glm4v_moe", "glmga", "glm_image", "hunyuan_vl"}
REFUSED = {name for name in model_types() if rows_of(name)[0].layers == "refused"}
# Heads that do not divide their hidden size: transformers builds them, too.
ODD = {"glm4_moe", "qwen3_omni_moe_text"}
# Their tables are made by functions, in no module.
BY_FUNCTION = {"codegen", "gptj", "roformer"}
WORDS = ("rotary", "rope", "inv_freq")


def default(name):
    """Class default, or None where transformers cannot build it."""
    try:
        return MAPPING[name]()
    except Exception:
        return None


def saved(config):
    """The config as its file says it."""
    return json.loads(json.dumps(config.to_dict(), default=str))


def read(name, config):
    try:
        return ri.read(saved(config))
    except ri.ConfigError:
        assert name in UNREADABLE | REFUSED or "Infinity" in json.dumps(saved(config))
        return None


def parts_of(config, path=()):
    """(path, model type) of every config inside of another one."""
    for key in getattr(type(config), "sub_configs", {}):
        part = getattr(config, key, None)
        if hasattr(part, "model_type"):
            yield ".".join((*path, key)), part
            yield from parts_of(part, (*path, key))


def read_parts(config):
    for name, part in config.parts.items():
        yield name
        yield from (f"{name}.{inner}" for inner in read_parts(part))


def rotates(config):
    """Whether a model of it has a rotary module; None if none can be built."""
    try:
        with torch.device("meta"):
            model = transformers.AutoModel.from_config(config)
    except Exception:
        return None
    names = {type(module).__name__.lower() for module in model.modules()}
    names |= {name for name, _ in model.named_buffers()}
    return any(word in name for name in names for word in WORDS)


@pytest.mark.parametrize("name", sorted(MAPPING))
def test_class_defaults(name):
    config = default(name)
    if config is None:
        pytest.skip("transformers cannot build it")
    errors = [f.message for f in check(saved(config)) if f.level == "error"]
    if name not in UNREADABLE | ODD:
        assert not errors
    result = read(name, config)
    if result is None:
        return
    known = set(read_parts(result))
    for path, part in parts_of(config):
        row = rows_of(part.model_type)[0]
        rotary = row.layers not in ("none", "refused") and part.model_type
        if rotary and row.model_type == part.model_type:
            assert path in known or part.model_type in composites(), path
    if (
        name not in BY_FUNCTION
        and any(result.layers.values())
        and type(config) in MODELS
    ):
        assert rotates(config) is not False

"""--fix writes what is certain, keeps every other byte, and leaves a clean file."""

import json
import os
import stat

import pytest
from configs import PLAIN, example
from hypothesis import given
from hypothesis import strategies as st
from records import HERE, case, published

import ropeinterp as ri
from ropeinterp.checks import RULES, check
from ropeinterp.checks.document import open_document
from ropeinterp.checks.driver import rules_of
from ropeinterp.checks.editing import edited
from ropeinterp.checks.finding import REMOVE, Edit
from ropeinterp.checks.fix import SCHEMAS, fix_file, fixed, replace
from ropeinterp.checks.spans import find, line_and_column
from ropeinterp.config.json_source import below

ALL = rules_of((), (), ())


def mend(source, unsafe=False, rules=ALL, schemas=False):
    data = source if isinstance(source, bytes) else json.dumps(source).encode()
    return fixed(open_document(data), rules, unsafe, schemas)


def strong(text):
    return [f for f in check(text.encode()) if f.level != "info"]


# ---- the text ------------------------------------------------------------------------

MANY = '{\n    "a": 1,\n    "b": {\n        "c": [1, 2]\n    },\n    "d": "x"\n}\n'


@pytest.mark.parametrize(
    ("text", "edit", "result"),
    [
        (MANY, Edit("$", "a", 2.5), MANY.replace('"a": 1', '"a": 2.5')),
        (MANY, Edit("$", "a", REMOVE), MANY.replace('    "a": 1,\n', "")),
        (MANY, Edit("$", "d", REMOVE), MANY.replace(',\n    "d": "x"', "")),
        (
            MANY,
            Edit("$.b", "e", 1),
            MANY.replace("[1, 2]", '[1, 2],\n        "e": 1'),
        ),
        (
            MANY,
            Edit("$", "e", {"f": None}),
            MANY.replace('"x"', '"x",\n    "e": {\n        "f": null\n    }'),
        ),
        (MANY, Edit("$.b", "c", REMOVE), MANY.replace('"c": [1, 2]', "")),
        ('{"a":1,"b":2}', Edit("$", "c", True), '{"a":1,"b":2,"c":true}'),
        ('{"a": 1}', Edit("$", "b", [1]), '{"a": 1, "b": [1]}'),
        ("{}", Edit("$", "a", 1), '{"a": 1}'),
        ('{"a": {}}', Edit("$.a", "b", 1), '{"a": {"b": 1}}'),
        ('{"a": 1, "a": 2}', Edit("$", "a", 3), '{"a": 1, "a": 3}'),
        ('{\r\n\t"a": 1\r\n}', Edit("$", "b", 2), '{\r\n\t"a": 1,\r\n\t"b": 2\r\n}'),
    ],
)
def test_an_edit_changes_its_key_alone(text, edit, result):
    assert edited(text, edit) == result
    json.loads(result)


def test_an_edit_without_its_object_is_refused():
    with pytest.raises(LookupError, match=r"\$\.b\.c"):
        edited(MANY, Edit("$.b.c", "d", 1))


KEYS = st.text('ab"\\é\n ', max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES), KEYS, VALUES | st.just(REMOVE), st.booleans())
def test_an_edit_of_the_text_is_an_edit_of_the_tree(tree, key, value, wide):
    text = json.dumps(tree, indent=2 if wide else None)
    wanted = dict(tree)
    if value is REMOVE:
        wanted.pop(key, None)
    else:
        wanted[key] = value
    assert json.loads(edited(text, Edit("$", key, value))) == wanted


@given(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1))
def test_a_place_holds_the_value_of_its_path(tree):
    text = json.dumps(tree, indent=1)
    for key, value in tree.items():
        place = find(text, f"$.{key}")
        assert place.exact
        assert json.loads(text[place.start : place.end]) == value
        line, column = line_and_column(text, place.start)
        assert text.split("\n")[line - 1][column - 1] == text[place.start]


# ---- the config ----------------------------------------------------------------------


def certain(rule):
    """Whether the bad example of a rule has exactly one answer."""
    findings = check(example(rule.bad), dialects=rule.dialects)
    fixes = [f.fix for f in findings if f.code == rule.code and f.fix]
    return any(fix.certain and (fix.edits or rule.code == "RI007") for fix in fixes)


@pytest.mark.parametrize(
    "rule", [r for r in RULES if certain(r)], ids=lambda rule: rule.code
)
def test_after_a_certain_fix_the_finding_is_gone(rule):
    source = example(rule.bad)
    data = source if isinstance(source, bytes) else json.dumps(source).encode()
    named = rule.code in SCHEMAS
    result = mend(data, schemas=named)
    assert result.refused == ""
    assert rule.code not in {f.code for f in check(result.after.encode())}
    assert mend(result.after.encode(), schemas=named).after == result.after


@pytest.mark.parametrize("unsafe", [False, True])
def test_mended_published_configs_are_no_worse_and_stay_as_they_are(unsafe):
    changed, refused = 0, []
    for kind in ("good", "questionable"):
        for file, text, _ in published(kind):
            result = mend(text, unsafe)
            refused += [(file, result.refused)] if result.refused else []
            assert_listed(result)
            if result.before == result.after:
                continue
            assert kind == "questionable", file
            changed += 1
            codes = {f.code for f in check(text) if f.level != "info"}
            assert {f.code for f in strong(result.after)} <= codes, file
            assert mend(result.after.encode(), unsafe).after == result.after, file
    assert len(refused) <= 1, refused
    assert changed > (10 if unsafe else 4)


def test_both_schemas_of_published_configs_mean_the_same():
    changed = 0
    for file, text, _ in published("good"):
        result = mend(text, schemas=True)
        assert result.refused == "", file
        assert_listed(result)
        if result.before != result.after:
            changed += 1
            assert same_layers(text, result.after), file
            assert mend(result.after.encode(), schemas=True).after == result.after
    assert changed > 30


def leaves(tree, path="$"):
    """Every value of a tree that is no object, by its path."""
    if not isinstance(tree, dict):
        return {path: json.dumps(tree)}
    here = {path: "{}"} if not tree else {}
    return here | {
        p: v for k in tree for p, v in leaves(tree[k], below(path, k)).items()
    }


def assert_listed(result):
    """Nothing differs between the two texts but what the list of changes names."""
    if result.before == result.after:
        assert not result.changes
        return
    before, after = (
        leaves(json.loads(t.lstrip("\ufeff"))) for t in (result.before, result.after)
    )
    differ = {p for p in {*before, *after} if before.get(p) != after.get(p)}
    named = {c.path for c in result.changes}
    inside = {
        p for p in differ for n in named if p == n or p.startswith((f"{n}.", f"{n}["))
    }
    assert differ == inside
    assert {c.code for c in result.changes} == {f.code for f in result.applied}


def same_layers(before, after):
    a, b = (ri.read(json.loads(text)) for text in (before, after))
    return a.layers == b.layers


def test_both_schemas_are_written_and_both_versions_read_them_alike():
    block = {"rope_type": "linear", "factor": 4.0}
    config = PLAIN | {"rope_theta": 5e5, "rope_scaling": block}
    assert mend(config).after == json.dumps(config)  # only by name
    after = json.loads(mend(config, schemas=True).after)
    assert after["rope_parameters"] == block | {"rope_theta": 5e5}
    assert after["rope_scaling"] == block | {"type": "linear"}
    old, new = (
        ri.read(after, dialect=d).spec for d in ("transformers-4", "transformers")
    )
    assert old == new == ri.read(config).spec


def test_an_unsafe_fix_is_not_taken_unasked():
    config = PLAIN | {"rope_theta": 5e5, "max_position_embeddings": 131072}
    assert mend(config).after == json.dumps(config)
    block = json.loads(mend(config, unsafe=True).after)["rope_scaling"]
    assert (block["rope_type"], block["factor"]) == ("llama3", 8.0)


def test_what_is_still_wrong_is_not_written_twice():
    config = PLAIN | {"rope_scaling": {"name": "dynamic", "factor": 8.0}}
    result = mend(config, schemas=True, rules=rules_of(("RI113",), (), ()))
    assert result.after == result.before
    assert result.refused.startswith("RI102 is open")


def test_rules_that_are_not_chosen_mend_nothing():
    config = PLAIN | {"rope_scaling": {"rope_type": "linear", "factor": "4"}}
    rules = rules_of((), ("RI201", "RI11"), ())
    result = mend(config, rules=rules)
    assert result.before == result.after
    assert result.applied == ()


def test_most_kinds_of_slips_can_be_mended():
    assert sum(map(certain, RULES)) >= 8


# ---- what was reported, in any order -------------------------------------------------

FAULTS = sorted((HERE.parents[1] / "docs/examples/faults").glob("*.json"))


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_plain_and_then_unsafe_is_unsafe_at_once(path):
    text = path.read_bytes()
    at_once = mend(text, unsafe=True).after
    assert mend(mend(text).after.encode(), unsafe=True).after == at_once


@pytest.mark.parametrize("kind", ["good", "questionable"])
def test_the_order_of_calls_decides_nothing_for_published_configs(kind):
    for file, text, _ in published(kind):
        at_once = mend(text, unsafe=True).after
        assert mend(mend(text).after.encode(), unsafe=True).after == at_once, file


def test_a_fix_never_hides_a_finding():
    for path in FAULTS:
        text = path.read_bytes()
        mended = {f.code for f in mend(text).applied}
        left = {f.code for f in strong(mend(text).after)}
        assert {f.code for f in check(text) if f.level != "info"} <= mended | left


def test_a_value_of_both_schemas_is_mended_in_both():
    linear = {"rope_type": "linear", "factor": "4"}
    config = PLAIN | {"rope_scaling": linear}
    config["rope_parameters"] = linear | {"rope_theta": 10000.0}
    result = mend(config)
    after = json.loads(result.after)
    assert after["rope_scaling"]["factor"] == after["rope_parameters"]["factor"] == 4
    assert [(c.code, c.path, c.before, c.after) for c in result.changes] == [
        ("RI201", "$.rope_scaling.factor", '"4"', "4"),
        ("RI201", "$.rope_parameters.factor", '"4"', "4"),
    ]


@pytest.mark.parametrize(
    "keys",
    [
        '"rope_thetaa": 1e6, "rope_thetaa": 1e6',
        '"rope_scaling": {"rope_type": "linear", "factor": "2.0", "factor": "2.0"}',
    ],
)
def test_a_key_that_is_there_twice_is_one_message(keys):
    sizes = '"hidden_size": 768, "num_attention_heads": 12'
    result = mend(b'{"model_type": "llama", %b, %b}' % (sizes.encode(), keys.encode()))
    assert result.after == result.before
    assert "is there twice" in result.refused


def test_a_file_that_would_become_too_large_is_one_message():
    linear = {"rope_type": "linear", "factor": 2.0}
    config = PLAIN | {"rope_scaling": linear, "x": ""}
    config["x"] = "a" * (2**20 - len(json.dumps(config)) - 20)
    result = mend(config, schemas=True)
    assert result.after == result.before
    assert "1048576" in result.refused.replace(",", "") or "large" in result.refused


@pytest.mark.parametrize(
    "name", ["k6_qwen25vl_text_qwen2", "k6_qwen3_omni_text_qwen3_moe"]
)
@pytest.mark.parametrize("unsafe", [False, True])
def test_what_transformers_builds_and_runs_is_left_alone(name, unsafe):
    result = mend(case(name), unsafe)
    assert result.after == result.before
    assert not strong(result.before)


# ---- the file ------------------------------------------------------------------------


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(PLAIN))
    file.chmod(0o640)
    result = fix_file(tmp_path, ALL, schemas=True)
    replace(tmp_path, result.after)
    assert file.read_text() == result.after != result.before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["config.json"]


def test_a_link_is_left_alone(tmp_path):
    file, link = tmp_path / "real.json", tmp_path / "config.json"
    file.write_text("{}")
    link.symlink_to(file)
    with pytest.raises(OSError, match="is a link"):
        replace(link, '{"a": 1}')
    assert file.read_text() == "{}"
    assert sorted(os.listdir(tmp_path)) == ["config.json", "real.json"]


def test_a_failing_write_leaves_the_file(tmp_path, monkeypatch):
    file = tmp_path / "config.json"
    file.write_text("{}")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        replace(file, '{"a": 1}')
    assert file.read_text() == "{}"
    assert os.listdir(tmp_path) == ["config.json"]

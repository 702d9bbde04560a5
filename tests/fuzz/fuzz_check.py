"""A target of atheris: bytes become a real config with a few changes, or a text.

.venv/bin/pip install atheris
.venv/bin/python tests/fuzz/fuzz_check.py -max_total_time=300
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))
with atheris.instrument_imports(include=["ropeinterp"]):
    from fuzz.mutation import mutated, real, written
    from fuzz.verdict import assert_harmless, assert_read_or_refused

SEEDS = real()
LONGEST = 10.0  # seconds of an instrumented run


def one_input(data):
    provider = atheris.FuzzedDataProvider(data)

    def choose(things):
        return things[provider.ConsumeIntInRange(0, len(things) - 1)]

    if provider.ConsumeProbability() < 0.1:
        assert_harmless(provider.ConsumeBytes(sys.maxsize), LONGEST)
        return
    config = mutated(choose(SEEDS), choose, provider.ConsumeIntInRange(1, 5))
    assert_harmless(config, LONGEST)
    assert_read_or_refused(config)
    assert_harmless(written(config, choose), LONGEST)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

"""Cosines and sines: the contract of the tables, for every instruction set."""

import csv
import hashlib
import re
from fractions import Fraction

import numpy as np
import oracle
import pytest
from conftest import REPOSITORY
from records import DATA

import ropeinterp as ri

MP = oracle.MP
KINDS = ("float64", "float32", "float16", "bfloat16")


def planes_of(core, dim, base):
    return core._frequencies("default", dim // 2, (dim, base), (), True)


def tables(core, kind, positions, planes, scale=1.0):
    """The cosines and sines of one kind; bfloat16 as bits."""
    if kind == "bfloat16":
        return core._cos_sin_bfloat16(positions, planes, scale)
    dtype = np.dtype(kind)
    signature = (None, None, None, dtype, dtype)
    return core.cos_sin(positions, planes, scale, signature=signature)


def patterns(core, kind, positions, planes, scale=1.0):
    """The same as unsigned patterns."""
    both = tables(core, kind, positions, planes, scale)
    return [x if kind == "bfloat16" else oracle.as_bits(x) for x in both]


# ---- reference tables: made with MPFR, correctly rounded ----------------------------


def rows_of(name):
    """Rows by (base, dim), so that each spec is made once."""
    groups = {}
    with (DATA / "numerics" / name).open(newline="") as file:
        for row in csv.DictReader(file):
            key = float(row["theta"]), int(row["d"])
            groups.setdefault(key, []).append(row)
    return groups


@pytest.mark.parametrize("name", ["reference.csv", "worst.csv"])
def test_reference_tables(core, largest, name):
    for (base, dim), rows in rows_of(name).items():
        planes = planes_of(core, dim, base)
        k = np.array([int(r["k"]) for r in rows])
        p = np.array([float(r["position"]) for r in rows])
        one_pair = np.moveaxis(planes[:, k], 1, 0)[:, :, None]  # (row, 7, 1)
        for kind, short in (("float32", "32"), ("float16", "16"), ("bfloat16", "bf")):
            got = patterns(core, kind, p, one_pair)
            for of, values in zip(("cos", "sin"), got, strict=True):
                want = [int(r[of + short], 16) for r in rows]
                assert values[:, 0].tolist() == want, (base, dim, kind, of)
        got = patterns(core, "float64", p, one_pair)
        for of, values in zip(("cos", "sin"), got, strict=True):
            rounded = np.array([int(r[of + "64"], 16) for r in rows], np.uint64)
            tail = np.array([int(r[of + "_tail"]) for r in rows]) / 2**16
            # Patterns of one sign count ulps; the tail says where the exact value is.
            away = (values[:, 0] - rounded).view(np.int64)
            sign = np.where(values[:, 0] >> 63, -1.0, 1.0)
            worst = float(np.abs(away - sign * tail).max())
            largest(f"table float64 {name}", worst, len(rows))
            assert worst <= 2.0


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_digests_of_whole_tables(core, kind):
    positions = np.arange(131072.0)
    with (DATA / "numerics" / "hashes.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["dtype"] == kind]
    assert len(rows) == 4
    for row in rows:
        assert int(row["positions"]) == len(positions)
        planes = planes_of(core, int(row["d"]), float(row["theta"]))
        for of, values in zip(
            ("cos", "sin"), tables(core, kind, positions, planes), strict=True
        ):
            digest = hashlib.sha256(np.ascontiguousarray(values)).hexdigest()
            assert digest == row[of + "_sha256"], (row["theta"], of)


# ---- against mpmath -----------------------------------------------------------------


def check(core, largest, name, cases, planes, scale=1.0, absolute=0.0):
    """Every (pair, position, exact frequency) by the contract of all four kinds."""
    k, p, frequencies = zip(*cases, strict=True)
    one_pair = np.moveaxis(planes[:, list(k)], 1, 0)[:, :, None]
    wide = tables(core, "float64", np.array(p), one_pair, scale)
    narrow = {
        kind: patterns(core, kind, np.array(p), one_pair, scale) for kind in KINDS[1:]
    }
    worst = 0.0
    for i, (position, w) in enumerate(zip(p, frequencies, strict=True)):
        exact = oracle.cos_sin(position, w, scale)
        for j in range(2):
            value = oracle.fraction(exact[j])
            error = abs(Fraction(float(wide[j][i, 0])) - value)
            error = max(error - Fraction(absolute), Fraction(0))
            worst = max(worst, float(error / oracle.ulp(value)))
            for kind in KINDS[1:]:
                want = oracle.bits(value, kind)
                assert int(narrow[kind][j][i, 0]) == want, (kind, j, k[i], position)
    largest(name, worst, 2 * len(cases))
    return worst


@pytest.mark.parametrize(
    ("dim", "base"), [(96, 12345.678), (80, 12345.678), (128, 5e5), (64, 1.5), (8, 1e9)]
)
def test_integers_nearest_to_zeros(core, largest, dim, base):
    """The hardest positions: continued fractions name them, for any base."""
    cases = [
        (k, float(p), w)
        for k, w in enumerate(oracle.default(dim, base))
        if k % 5 == 0
        for p in oracle.positions_near_zeros(w)[-9:]
    ]
    worst = check(core, largest, "table float64", cases, planes_of(core, dim, base))
    assert worst <= 2.0  # the contract; 0.80 measured


def test_random_integers(core, largest):
    rng = np.random.default_rng(11)
    series = oracle.default(128, 5e5)
    cases = []
    for bits in rng.integers(1, 32, 600):
        p = int(rng.integers(0, 2**bits)) * rng.choice([-1, 1])
        k = int(rng.integers(64))
        cases.append((k, float(p), series[k]))
    cases += [(k, float(2**31), series[k]) for k in range(64)]
    cases += [(k, -float(2**31), series[k]) for k in range(0, 64, 5)]
    worst = check(core, largest, "table float64", cases, planes_of(core, 128, 5e5))
    assert worst <= 2.0


def test_fractional_positions(core, largest):
    """float64 positions are exact numbers: 2 ulp and 2^-104 absolute to 2^31."""
    rng = np.random.default_rng(12)
    series = oracle.default(128, 1e4)
    cases = [(0, 0.5, series[0]), (3, -0.5, series[3]), (5, 2.0**31 - 0.5, series[5])]
    for _ in range(400):
        k = int(rng.integers(64))
        kind = rng.integers(4)
        p = [
            float(rng.uniform(-1, 1) * 2.0 ** rng.integers(1, 32)),
            float(rng.integers(2**24)) * 4096 / 10000,
            float(10.0 ** rng.uniform(-30, 0)),
            # The double next to a zero of the cosine.
            float((int(rng.integers(2**20)) + 0.5) * MP.pi / series[k]),
        ][kind]
        if abs(p) <= 2**31:
            cases.append((k, p, series[k]))
    worst = check(
        core,
        largest,
        "table float64, fractions",
        cases,
        planes_of(core, 128, 1e4),
        absolute=2.0**-104,
    )
    assert worst <= 2.0


@pytest.mark.parametrize("w", [3.0, 100.0, 1e6, 1e12])
def test_frequencies_of_many_turns_per_token(core, largest, w):
    """Given frequencies, or factors below 1: integers and fractions alike."""
    rng = np.random.default_rng(19)
    p = rng.uniform(-(2.0**31), 2.0**31, 60)
    planes = core._frequencies("given", 1, (), (w,), True)
    cases = [(0, x, oracle.real(w)) for x in [*p.tolist(), *np.round(p).tolist()]]
    assert check(core, largest, "table float64, fast pairs", cases, planes) <= 2.0


@pytest.mark.parametrize("fractional", [False, True])
def test_positions_to_2_53_are_within_an_absolute_bound(core, fractional):
    rng = np.random.default_rng(13)
    series, planes = oracle.default(64, 5e5), planes_of(core, 64, 5e5)
    p = [2.0**53, -(2.0**53), 2.0**31 + 1, 2.0**32, 2.0**53 - 1, 1.5 * 2.0**31]
    p += (rng.uniform(1, 2, 60) * 2.0 ** rng.integers(31, 53, 60)).tolist()
    p = [x if fractional else float(round(x)) for x in p]
    cos, sin = tables(core, "float64", np.array(p), planes)
    worst = 0.0
    for i, position in enumerate(p):
        for k in range(0, 32, 3):
            exact = oracle.cos_sin(position, series[k])
            for got, want in zip((cos[i, k], sin[i, k]), exact, strict=True):
                worst = max(
                    worst, float(abs(Fraction(float(got)) - oracle.fraction(want)))
                )
    assert worst <= 2.5e-16  # the contract beyond 2^31


@pytest.mark.parametrize("scale", [1.3688879454113936, 0.1, 1.7999, 3e-5, 1 / 3])
def test_attention_scaling_multiplies_before_the_last_rounding(core, largest, scale):
    rng = np.random.default_rng(14)
    series = oracle.default(64, 1e4)
    cases = [
        (k, float(rng.integers(2**20)), series[k]) for k in rng.integers(0, 32, 150)
    ]
    planes = planes_of(core, 64, 1e4)
    worst = check(core, largest, "table float64, scaled", cases, planes, scale)
    assert worst <= 2.0


# ---- exact properties ---------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_cosine_is_even_and_sine_is_odd_bit_for_bit(core, kind):
    rng = np.random.default_rng(15)
    p = np.concatenate(
        [
            rng.integers(0, 2**31, 2000).astype(float),
            rng.uniform(0, 2.0**31, 500),
            rng.uniform(2.0**31, 2.0**53, 500),
            [0.5, 1e-30, 5e-324, 2.0**53],
        ]
    )
    planes, (_, _, width) = planes_of(core, 64, 5e5), oracle.FORMATS[kind]
    cos, sin = patterns(core, kind, p, planes, 1.25)
    mirrored_cos, mirrored_sin = patterns(core, kind, -p, planes, 1.25)
    np.testing.assert_array_equal(cos, mirrored_cos)
    np.testing.assert_array_equal(sin ^ sin.dtype.type(1 << (width - 1)), mirrored_sin)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1.0, 1.1386294361119891, 0.1])
def test_position_zero_is_exact(core, kind, scale):
    planes = planes_of(core, 64, 1e4)
    for zero in (0.0, -0.0):
        cos, sin = patterns(core, kind, zero, planes, scale)
        assert (cos == oracle.bits(scale, kind)).all()
        assert (sin == 0).all()  # +0


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_narrow_stores_are_correctly_rounded(core, kind):
    """At position 0 the cosine is the scale: any double can be sent to the store."""
    digits, least, _ = oracle.FORMATS[kind]
    one = Fraction(2) ** (least - digits + 1)  # least subnormal number
    values = [Fraction(0), one / 2, one, one * 3 / 2, one * 5 / 2, Fraction(1, 2**900)]
    rng = np.random.default_rng(16)
    for e in (least - 1, least, least + 1, -3, 0, 1, 15):
        n = int(rng.integers(2 ** (digits - 1), 2**digits))
        unit = Fraction(2) ** (e - digits + 1)
        values += [n * unit, (n + Fraction(1, 2)) * unit, 2**digits * unit - unit / 2]
    doubles = []
    for value in map(float, values):
        doubles += [value, np.nextafter(value, 0), np.nextafter(value, np.inf)]
    doubles += rng.uniform(-2, 2, 500).tolist()
    doubles += (rng.uniform(-1, 1, 500) * 2.0 ** rng.integers(-40, 17, 500)).tolist()
    doubles = np.array(doubles + [-x for x in doubles])
    cos, _ = patterns(core, kind, 0.0, np.zeros((7, 1)), doubles)
    want = [oracle.bits(x, kind, bool(np.signbit(x))) for x in doubles.tolist()]
    assert cos[:, 0].tolist() == want


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_narrow_stores_of_special_values(core, kind):
    digits, _, width = oracle.FORMATS[kind]
    infinity = ((1 << (width - digits)) - 1) << (digits - 1)
    scales = np.array([np.inf, -np.inf, 1e300, -1e300, np.nan])
    cos, _ = patterns(core, kind, 0.0, np.zeros((7, 1)), scales)
    sign = 1 << (width - 1)
    assert cos[:4, 0].tolist() == [infinity, infinity | sign, infinity, infinity | sign]
    assert cos[4, 0] & (sign - 1) > infinity


def test_positions_that_no_table_has_give_nan(core):
    planes = planes_of(core, 8, 1e4)
    with np.errstate(all="raise"):
        for bad in (np.nan, np.inf, -np.inf):
            for values in tables(core, "float32", bad, planes):
                assert np.isnan(values).all()


# ---- the kernel's own numbers -------------------------------------------------------


def coefficients(letter):
    text = (REPOSITORY / "src/kernels/phase.h").read_text()
    found = dict(re.findall(rf"\b({letter}\d) = (-?0x[0-9a-f.]+p[+-]\d+)", text))
    return [float.fromhex(found[f"{letter}{i}"]) for i in range(1, 7)]


def horner(coefficient, y):
    total = MP.mpf(0)
    for c in reversed(coefficient):
        total = total * y + c
    return total


def test_polynomials_have_the_errors_that_the_source_states():
    """The relative errors 2^-56.5 and 2^-59.5 of src/kernels/phase.h."""
    sine, cosine = coefficients("S"), coefficients("C")
    end = MP.pi / 4 + MP.ldexp(1, -12)
    worst_sine = worst_cosine = MP.mpf(0)
    for i in range(1, 4001):
        r = end * i / 4000
        y = r * r
        s = r + r * y * horner(sine, y)
        c = 1 - y / 2 + y * y * horner(cosine, y)
        worst_sine = max(worst_sine, abs(s / MP.sin(r) - 1))
        worst_cosine = max(worst_cosine, abs(c / MP.cos(r) - 1))
    assert MP.log(worst_sine, 2) <= -56.45
    assert MP.log(worst_cosine, 2) <= -59.45


def test_two_pi_of_the_source():
    text = (REPOSITORY / "src/kernels/phase.h").read_text()
    high, low = (
        float.fromhex(re.search(rf"#define {name} (\S+)", text)[1])
        for name in ("TWO_PI", "TWO_PI_LOW")
    )
    two_pi = oracle.fraction(2 * MP.pi)
    assert high == oracle.nearest(two_pi)
    assert low == oracle.nearest(two_pi - Fraction(high))


def test_error_terms_survive_the_compiler(core):
    """1/8 + 2^-67 - 1/8 turns: with -ffast-math the sine would be 0."""
    planes = np.zeros((7, 1))
    planes[[0, 2, 3], 0] = 0.125, 2.0**-67, -0.125
    _, sin = tables(core, "float64", 1.0, planes)
    assert oracle.ulps(sin[0], oracle.fraction(2 * MP.pi) / 2**67) <= 1.0
    planes[:, 0] = 0.0625, 0.0, 0.0, -0.0625, 0.0, 2.0**-60, 0.0
    _, sin = tables(core, "float64", 1.5, planes)  # 2 - 1/2: the way for fractions
    assert oracle.ulps(-sin[0], oracle.fraction(2 * MP.pi) / 2**61) <= 1.0


def test_error_of_a_product_is_exact_with_and_without_fma(core):
    """The fraction's product with u has 106 bits; its low half must not be lost."""
    u, f = 1.0 + 2.0**-30, 0.375 + 2.0**-40
    product = Fraction(u) * Fraction(f)
    planes = np.zeros((7, 1))
    planes[[1, 5], 0] = -float(product), u  # position f: n = 0, so row 1 is not used
    cos, sin = tables(core, "float64", f, planes)
    want = oracle.cos_sin(product, 2 * MP.pi)
    assert oracle.ulps(sin[0], want[1]) <= 1.0
    assert oracle.ulps(cos[0], want[0]) <= 1.0


# ---- the same bits everywhere -------------------------------------------------------


def positions_of_all_kinds():
    rng = np.random.default_rng(17)
    return np.concatenate(
        [
            np.arange(-300.0, 3000.0),
            rng.integers(-(2**31), 2**31, 2000).astype(float),
            rng.uniform(-(2.0**31), 2.0**31, 2000),
            rng.uniform(-(2.0**53), 2.0**53, 2000),
            np.round(rng.uniform(-(2.0**53), 2.0**53, 2000)),
            10.0 ** rng.uniform(-30, 3, 500),
        ]
    )


def test_one_digest_over_all_instruction_sets(every_core):
    positions, digests = positions_of_all_kinds(), set()
    for core in every_core:
        digest = hashlib.sha256()
        for dim, base in ((128, 5e5), (2, 10.0), (46, 12345.678), (1200, 1e6)):
            planes = planes_of(core, dim, base)
            digest.update(planes)
            p = positions[:: 1 if dim < 1000 else 10]
            for kind in KINDS:
                for scale in (1.0, 1.1386294361119891):
                    for values in tables(core, kind, p, planes, scale):
                        digest.update(np.ascontiguousarray(values))
        digests.add(digest.hexdigest())
    assert len(digests) == 1


def test_a_position_has_the_same_bits_wherever_it_stands(core):
    """Blocks, tiles, tails and strides must not show in the result."""
    positions = positions_of_all_kinds()[::7]
    planes = planes_of(core, 1100, 1e6)
    cos, sin = tables(core, "float32", positions, planes)
    for i in (0, 1, 7, 500, len(positions) - 1):
        one_cos, one_sin = tables(core, "float32", positions[i], planes)
        np.testing.assert_array_equal(cos[i], one_cos)
        np.testing.assert_array_equal(sin[i], one_sin)
    for columns in (slice(0, 1), slice(3, 20), slice(509, 515), slice(None, None, 3)):
        some_cos, some_sin = tables(core, "float32", positions, planes[:, columns])
        np.testing.assert_array_equal(cos[:, columns], some_cos)
        np.testing.assert_array_equal(sin[:, columns], some_sin)


def one_by_one(core, positions, planes, scale):
    """The rows in an order in which no three follow each other in equal steps."""
    order = np.random.default_rng(20).permutation(len(positions))
    rows = tables(core, "float32", positions[order], planes, scale)
    back = np.argsort(order)
    return [np.ascontiguousarray(values[back]) for values in rows]


PROGRESSIONS = {
    "from zero": np.arange(700.0),
    "across zero": np.arange(-150.0, 150.0),
    "backwards": np.arange(5000.0, 4000.0, -1),
    "negative": -np.arange(1000.0, 1300.0),
    "near 2^31": 2.0**31 - np.arange(200.0),
    "past 2^31": 2.0**31 - 100 + np.arange(200.0),
    "long steps": np.arange(60.0) * 35_000_001,
    "one position": np.full(100, 12345.0),
    "zero only": np.zeros(50),
    "in pieces": np.concatenate([np.arange(30.0), np.arange(7.0), np.arange(90.0)]),
    "halves": np.arange(0, 50, 0.5),
    "with gaps": np.delete(np.arange(600.0), [3, 4, 100, 101, 333]),
}


@pytest.mark.parametrize("name", PROGRESSIONS)
@pytest.mark.parametrize("scale", [1.0, 1.1386294361119891, -1.0, 1e-300, 0.0])
def test_progressions_have_the_bits_of_single_rows(core, name, scale):
    """Equal steps go by sums of products; they must not show."""
    positions = PROGRESSIONS[name]
    for planes in (
        planes_of(core, 128, 5e5),
        planes_of(core, 150, 1e9),  # two chunks, slow pairs
        core._frequencies("given", 6, (), (0.0, 3.0, 1e6, 0.5, 1e-30, 1e-307), True),
    ):
        together = tables(core, "float32", positions, planes, scale)
        single = one_by_one(core, positions, planes, scale)
        for of, a, b in zip(("cos", "sin"), together, single, strict=True):
            np.testing.assert_array_equal(
                oracle.as_bits(np.ascontiguousarray(a)), oracle.as_bits(b), of
            )


@pytest.mark.slow
@pytest.mark.parametrize("base", [1e4, 5e5, 1e6, 1e7])
def test_every_progression_below_2_20_has_the_bits_of_single_rows(core, base):
    """Backwards in bits: rows of equal steps are far apart."""
    planes = planes_of(core, 128, base)
    order = np.argsort([int(f"{i:015b}"[::-1], 2) for i in range(2**15)], kind="stable")
    back = np.argsort(order)
    for start in range(0, 2**20, 2**15):
        p = np.arange(start, start + 2.0**15)
        single = tables(core, "float32", p[order], planes)
        for a, b in zip(tables(core, "float32", p, planes), single, strict=True):
            np.testing.assert_array_equal(oracle.as_bits(a), oracle.as_bits(b[back]))


def test_integers_take_the_same_bits_on_both_ways(core):
    """2^31 is the last integer of the short way; the long one must agree with it."""
    planes = planes_of(core, 128, 5e5)
    zeros = planes.copy()
    p = np.random.default_rng(18).integers(0, 2**31, 500).astype(float)
    # Half a token of frequency 0 sends a position to the long way and adds nothing.
    zeros[5:] = 0.0
    short = tables(core, "float64", p, planes)
    even = p - p % 2
    long = tables(core, "float64", even + 0.5, zeros)
    want = tables(core, "float64", even, planes)
    for a, b in zip(long, want, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(short[0]).all()


# ---- all positions below 2^20 -------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("base", [1e4, 5e5, 1e6, 1e7])
def test_every_position_below_2_20(base, capsys):
    """mpmath is asked only where the double lies within 4 ulp of a midpoint."""
    spec, series = ri.RopeSpec.default(128, base), oracle.default(128, base)
    misrounded = asked = values = 0
    for start in range(0, 2**20, 2**15):
        p = np.arange(start, start + 2**15)
        wide = spec.cos_sin(p, dtype=np.float64)
        rounded = spec.cos_sin(p, dtype=np.float32)
        for j in range(2):
            values += wide[j].size
            np.testing.assert_array_equal(wide[j].astype(np.float32), rounded[j])
            low = (oracle.as_bits(wide[j]) & 0x1FFFFFFF).astype(np.int64)
            for i, k in zip(*np.nonzero(np.abs(low - 2**28) <= 4), strict=True):
                asked += 1
                exact = oracle.cos_sin(int(p[i]), series[k])[j]
                want = oracle.bits(exact, "float32")
                misrounded += int(oracle.as_bits(rounded[j][i, k : k + 1])[0]) != want
    with capsys.disabled():
        print(f"\nbase {base:g}: {misrounded} misrounded of {values}, {asked} asked")
    # The contract: fewer than 1 in 1e8; 1 in 134 million was seen, at base 5e5.
    assert misrounded <= 1 + values // 10**8

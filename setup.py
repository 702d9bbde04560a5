"""Build of the one extension; everything else stands in pyproject.toml."""

import os
import platform
import sysconfig
from pathlib import Path

import numpy as np
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SRC = Path("src")
MSVC = platform.system() == "Windows" and "GCC" not in platform.python_compiler()
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# The same bits on every machine: no contraction of a*b+c into an FMA, ever. No debug
# information either, unless ROPEINTERP_CFLAGS asks for it: it is half of the wheel.
FLAGS = (
    ["/O2", "/fp:precise", "/std:c11"]
    if MSVC
    else ["-std=c11", "-O3", "-g0", "-ffp-contract=off", "-fvisibility=hidden"]
)
# One file per instruction set with its own flags. A file whose instruction set does
# not exist on the target machine compiles to nothing (guards in the file). All files of
# the folders of src/ are compiled; headers of other folders are included by folder.
X86 = sysconfig.get_platform().endswith(("x86_64", "amd64"))
ISA_FLAGS = {
    SRC / "kernels/avx2.c": "/arch:AVX2" if MSVC else "-mavx2 -mfma -mf16c",
    SRC / "kernels/avx512.c": "/arch:AVX512"
    if MSVC
    else "-mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c "
    "-mprefer-vector-width=512",
    SRC / "kernels/neon.c": "",
}


def isa_flags(flags):
    """Return the flags for the compiler; on macOS each for its slice of the file."""
    if platform.system() == "Darwin":
        return [word for flag in flags.split() for word in ("-Xarch_x86_64", flag)]
    return flags.split() if X86 else []


class BuildPerIsa(build_ext):
    """Compile each ISA file with its own flags and link it as an extra object."""

    def build_extension(self, ext):
        for path, flags in ISA_FLAGS.items():
            ext.extra_objects += self.compiler.compile(
                [str(path)],
                output_dir=self.build_temp,
                include_dirs=ext.include_dirs,
                extra_postargs=ext.extra_compile_args + isa_flags(flags),
                depends=ext.depends,
            )
        super().build_extension(ext)


# ROPEINTERP_CFLAGS adds flags for one build: -Werror in CI, sanitizers, coverage.
extra = os.environ.get("ROPEINTERP_CFLAGS", "").split()
macros = [
    ("NPY_NO_DEPRECATED_API", "NPY_2_1_API_VERSION"),
    ("NPY_TARGET_VERSION", "NPY_2_1_API_VERSION"),
]
if not FREE_THREADED:  # free-threaded builds do not load abi3 modules
    macros.append(("Py_LIMITED_API", "0x030b0000"))

setup(
    ext_modules=[
        Extension(
            "ropeinterp._core",
            sources=sorted(str(p) for p in SRC.glob("*/*.c") if p not in ISA_FLAGS),
            depends=sorted(str(p) for p in SRC.glob("*/*.[ch]")),
            include_dirs=[str(SRC), np.get_include()],
            define_macros=macros,
            extra_compile_args=FLAGS + extra,
            extra_link_args=extra + ([] if MSVC else ["-lm"]),
            py_limited_api=not FREE_THREADED,
        )
    ],
    cmdclass={"build_ext": BuildPerIsa},
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)

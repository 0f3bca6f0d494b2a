# SPDX-License-Identifier: MIT
"""otel.h in every language it promises, and what its objects may and may not contain."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "compile"
HEADER = (ROOT / "otel.h").read_text(encoding="utf-8")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "otel-h"
NANOPB = pathlib.Path(os.environ.get("NANOPB_DIR", CACHE / "nanopb"))

WARNINGS = """-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual
    -Wcast-align -Wredundant-decls -Wvla -Wdouble-promotion -Wformat=2 -Wwrite-strings -Wswitch-enum
    -Wunused -Werror""".split()
C_WARNINGS = ["-Wstrict-prototypes", "-Wmissing-prototypes"]
INCLUDES = [f"-I{ROOT}", "-isystem", str(NANOPB)]

C = {"gcc": ["c99", "gnu99", "c11", "c17", "c2x"], "clang": ["c99", "gnu99", "c11", "c17", "c2x"]}
CXX = {"g++": ["c++98", "c++11", "gnu++11", "c++14", "c++17", "c++20"],
       "clang++": ["c++98", "c++11", "gnu++11", "c++14", "c++17", "c++20"]}
LANGUAGES = [(compiler, standard) for table in (C, CXX) for compiler in table
             for standard in table[compiler]]
IMPLEMENTATION_LANGUAGES = [pair for pair in LANGUAGES if pair[1] != "c++98"]

ARM = ["arm-none-eabi-gcc", "-mthumb", "-mfloat-abi=soft"]
CORES = ["cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33"]


def run(command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)


def compile_source(compiler, standard, source, *options, output=os.devnull):
    own = [] if "++" in standard else C_WARNINGS
    language = "c++" if "++" in standard else "c"
    return run([*compiler.split(), f"-std={standard}", "-x", language, *WARNINGS, *own, *INCLUDES,
                *options, "-c", HERE / source, "-o", output])


def check(result):
    assert result.returncode == 0, result.stderr[:4000]
    assert result.stderr == ""


@pytest.mark.parametrize("compiler,standard", LANGUAGES)
def test_an_application_compiles(compiler, standard):
    check(compile_source(compiler, standard, "includer.c", "-Os"))


@pytest.mark.parametrize("compiler,standard", LANGUAGES)
def test_an_application_compiles_with_everything_disabled(compiler, standard):
    check(compile_source(compiler, standard, "includer.c", "-Os", "-DOTEL_DISABLED"))


@pytest.mark.parametrize("compiler,standard", IMPLEMENTATION_LANGUAGES)
def test_the_implementation_compiles(compiler, standard):
    check(compile_source(compiler, standard, "implementation.c", "-O2"))


@pytest.mark.parametrize("compiler,standard", [("gcc", "c99"), ("g++", "c++11"), ("clang", "c11")])
@pytest.mark.parametrize("config", ["least", "tiny", "huge"])
def test_the_implementation_compiles_in_every_configuration(compiler, standard, config):
    check(compile_source(compiler, standard, "implementation.c", "-Os", f"-I{ROOT}/tests/unit",
                         f'-DOTEL_CONFIG_FILE="config_{config}.h"'))


def objects_of(directory, includer, implementation, *options):
    """Two units of an application, the implementation, a port, and nanopb: the object files."""
    jobs = [("includer.c", includer, []), ("includer.c", includer, ["-DINCLUDER=uses_everything_too"]),
            ("implementation.c", implementation, []), ("program.c", ("gcc", "c99"), [])]
    for number, (source, (compiler, standard), own) in enumerate(jobs):
        check(compile_source(compiler, standard, source, "-O1", *own, *options,
                             output=directory / f"{number}.o"))
    for source in ("pb_common.c", "pb_encode.c"):
        result = run(["gcc", "-O1", *INCLUDES, *options, "-c", NANOPB / source,
                      "-o", directory / f"{source}.o"])
        assert result.returncode == 0, result.stderr
    return sorted(directory.glob("*.o"))


@pytest.mark.parametrize("includer,implementation", [
    (("gcc", "c99"), ("gcc", "c99")), (("g++", "c++98"), ("gcc", "c11")),
    (("gcc", "c17"), ("g++", "c++11")), (("clang++", "c++20"), ("clang++", "c++20")),
    (("clang", "c2x"), ("gcc", "c99"))])
def test_two_units_link_and_run(tmp_path, includer, implementation):
    objects = objects_of(tmp_path, includer, implementation)
    result = run(["g++", *objects, "-o", tmp_path / "program"])
    assert result.returncode == 0, result.stderr
    assert run([tmp_path / "program"]).returncode == 0


@pytest.mark.parametrize("option", ["PB_BUFFER_ONLY", "PB_NO_ERRMSG", "PB_FIELD_32BIT",
                                    "PB_ENABLE_MALLOC", "PB_VALIDATE_UTF8", "PB_NO_PACKED_STRUCTS"])
def test_every_option_of_nanopb_links_and_runs(tmp_path, option):
    objects = objects_of(tmp_path, ("gcc", "c99"), ("gcc", "c99"), f"-D{option}=1")
    result = run(["gcc", *objects, "-o", tmp_path / "program"])
    assert result.returncode == 0, result.stderr
    assert run([tmp_path / "program"]).returncode == 0


@pytest.mark.parametrize("includer", [("gcc", "c99"), ("clang", "c11"), ("g++", "c++98"), ("g++", "c++20")])
def test_disabled_calls_vanish_and_their_arguments_are_evaluated(tmp_path, includer):
    """No implementation, no port of otel.h, no nanopb: it links, runs, and names no symbol of ours."""
    for name in ("uses_everything", "uses_everything_too"):
        check(compile_source(*includer, "includer.c", "-Os", "-DOTEL_DISABLED", f"-DINCLUDER={name}",
                             output=tmp_path / f"{name}.o"))
        symbols = run(["nm", tmp_path / f"{name}.o"]).stdout
        assert not re.search(r"\bU otel", symbols)
    check(compile_source("gcc", "c99", "program.c", output=tmp_path / "program.o"))
    check(compile_source("gcc", "c99", "implementation.c", "-DOTEL_DISABLED",
                         "-Wno-pedantic", output=tmp_path / "implementation.o"))
    result = run(["g++", *tmp_path.glob("*.o"), "-o", tmp_path / "program"])
    assert result.returncode == 0, result.stderr
    assert run([tmp_path / "program"]).returncode == 0


# ---- what is in the object --------------------------------------------------------------------

# The compiler may call memcpy and memset whatever the source says; a library for it is required even
# where nothing else is.
NEEDED = re.compile(r"otel_port_\w+|pb_\w+|memcpy|memset|memmove|_GLOBAL_OFFSET_TABLE_"
                    r"|__aeabi_(lmul|llsl|llsr|uidiv|uidivmod|mem(cpy|set|clr|move)[48]?)"
                    r"|__gnu_thumb1_case_\w+")


def needed_by(prefix, path):
    """Undefined symbols that code or data refers to. (The compiler leaves others in the table: names
    of helpers that it thought of and did not call.)"""
    undefined = {line.split()[-1] for line in run([f"{prefix}nm", "-u", path]).stdout.splitlines()}
    relocations = run([f"{prefix}objdump", "-r", path]).stdout
    return undefined & set(re.findall(r"\bR_\w+\s+([\w.$]+)", relocations))


@pytest.mark.parametrize("optimisation", ["-Os", "-O2"])
@pytest.mark.parametrize("core", ["host", *CORES])
def test_a_freestanding_object_needs_the_port_and_nanopb_only(tmp_path, core, optimisation):
    compiler, prefix = "gcc", ""
    options = ["-ffreestanding", optimisation]
    if core != "host":
        compiler, prefix = ARM[0], "arm-none-eabi-"
        options += [*ARM[1:], f"-mcpu={core}"]
    check(compile_source(compiler, "c99", "implementation.c", *options, output=tmp_path / "otel.o"))
    needed = needed_by(prefix, tmp_path / "otel.o")
    assert "otel_port_ticks" in needed
    assert {name for name in needed if not NEEDED.fullmatch(name)} == set()


def test_global_symbols_have_our_prefix(tmp_path):
    check(compile_source("gcc", "c99", "implementation.c", output=tmp_path / "otel.o"))
    defined = {line.split()[-1] for line in
               run(["nm", "-g", "--defined-only", tmp_path / "otel.o"]).stdout.splitlines()}
    assert "otel_init" in defined
    assert {name for name in defined if not re.match(r"oteli?_", name)} == set()


def macros(source_text, *options):
    result = subprocess.run(["gcc", "-std=c99", "-dM", "-E", "-x", "c", *INCLUDES, *options, "-"],
                            input=source_text, capture_output=True, text=True, check=True)
    return {line.split()[1].split("(")[0] for line in result.stdout.splitlines()}


def test_no_macro_leaks_without_our_prefix():
    system = "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n"
    own = macros(system + '#include "otel.h"\n') - macros(system)
    assert {name for name in own if not re.match(r"OTELI?_", name)} == set()
    system += "#include <pb_encode.h>\n"
    own = macros(system + '#define OTEL_IMPLEMENTATION\n#include "otel.h"\n') - macros(system)
    assert {name for name in own if not re.match(r"OTELI?_", name)} == set()


def test_no_public_type_depends_on_the_configuration():
    """The public part names no option of the implementation, outside of comments."""
    public = HEADER.split("#endif /* OTEL_INCLUDED */")[0]
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", public, flags=re.S)
    options = set(re.findall(r"#ifndef (OTEL_[A-Z0-9_]+)\n#define", HEADER.split(
        "#endif /* OTEL_INCLUDED */")[1]))
    assert len(options) >= 16
    assert {name for name in options if re.search(rf"\b{name}\b", code)} == set()


# ---- the configuration's checks ---------------------------------------------------------------

BAD = [
    ("PB_WITHOUT_64BIT=1", "PB_WITHOUT_64BIT"),
    ("__SIZEOF_DOUBLE__=4", "double"),
    ("OTEL_CONTEXT_COUNT=0", "OTEL_CONTEXT_COUNT must be"),
    ("OTEL_CONTEXT_COUNT=256", "OTEL_CONTEXT_COUNT must be"),
    ("OTEL_RECORDING_COUNT=0", "OTEL_RECORDING_COUNT must be"),
    ("OTEL_RECORDING_COUNT=255 OTEL_CONTEXT_COUNT=255", "OTEL_RECORDING_COUNT must be"),
    ("OTEL_RECORDING_COUNT=9 OTEL_CONTEXT_COUNT=8", "OTEL_RECORDING_COUNT is larger"),
    ("OTEL_CARRIER_COUNT=-1", "OTEL_CARRIER_COUNT must be"),
    ("OTEL_CARRIER_COUNT=256", "OTEL_CARRIER_COUNT must be"),
    ("OTEL_CARRIER_BYTES=15", "OTEL_CARRIER_BYTES must be"),
    ("OTEL_CARRIER_BYTES=513", "OTEL_CARRIER_BYTES must be"),
    ("OTEL_SPAN_BYTES=127 OTEL_CARRIER_COUNT=0", "OTEL_SPAN_BYTES must be 128"),
    ("OTEL_SPAN_BYTES=16385 OTEL_QUEUE_BYTES=65536 OTEL_FRAME_BYTES=65000", "OTEL_SPAN_BYTES must be 128"),
    ("OTEL_SPAN_BYTES=200 OTEL_CARRIER_BYTES=128", "OTEL_CARRIER_BYTES + 128"),
    ("OTEL_QUEUE_BYTES=255", "OTEL_QUEUE_BYTES must be 256"),
    ("OTEL_QUEUE_BYTES=16777217", "OTEL_QUEUE_BYTES must be 256"),
    ("OTEL_QUEUE_BYTES=512 OTEL_SPAN_BYTES=512", "OTEL_QUEUE_BYTES must be OTEL_SPAN_BYTES"),
    ("OTEL_FRAME_SCOPES=0", "OTEL_FRAME_SCOPES must be"),
    ("OTEL_FRAME_SCOPES=33", "OTEL_FRAME_SCOPES must be"),
    ("OTEL_SCOPE_BYTES=7", "OTEL_SCOPE_BYTES must be"),
    ("OTEL_SCOPE_BYTES=121", "OTEL_SCOPE_BYTES must be"),
    ("OTEL_FRAME_BYTES=65508", "the largest datagram"),
    ("OTEL_FRAME_BYTES=645", "the largest span fits no frame"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=-1", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=256", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT=256", "OTEL_SPAN_EVENT_COUNT_LIMIT must be"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT=256", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT must be"),
    ("OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT=7", "OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT must be"),
    ("OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT=16385", "OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT must be"),
    ("OTEL_POLL_INTERVAL_MAX_MS=0", "OTEL_POLL_INTERVAL_MAX_MS must be"),
    ("OTEL_POLL_INTERVAL_MAX_MS=3600001", "OTEL_POLL_INTERVAL_MAX_MS must be"),
]


def errors_of(defines):
    """The #error sentences of the implementation with these definitions."""
    options = [word for define in defines.split()
               for word in (f"-U{define.split('=')[0]}", f"-D{define}")]
    result = run(["gcc", "-std=c99", "-fsyntax-only", *INCLUDES, *options, HERE / "implementation.c"])
    return [line for line in result.stderr.splitlines() if "error: #error" in line], result.returncode


@pytest.mark.parametrize("defines,sentence", BAD)
def test_a_bad_configuration_is_refused_in_a_sentence(defines, sentence):
    errors, status = errors_of(defines)
    assert status != 0
    assert any(sentence in line and "otel.h: " in line and line.rstrip('"').endswith(".")
               for line in errors), errors


def test_every_check_of_the_configuration_has_a_bad_value():
    sentences = re.findall(r'#error\s*\\?\s*"([^"]+)"', HEADER)
    assert len(sentences) >= 20
    untested = [text for text in sentences if not any(part in text for _, part in BAD)]
    assert untested == []


# ---- the shape of the file --------------------------------------------------------------------

def test_every_tag_of_the_contents_stands_once_and_in_order():
    contents, rest = HEADER.split("#ifndef OTEL_INCLUDED", 1)
    promised = re.findall(r"^ \*     >>(\w+) ", contents, flags=re.M)
    found = re.findall(r"^ \* >>(\w+)$", rest, flags=re.M)
    assert len(promised) >= 15
    assert found == promised


def test_the_version_is_written_once():
    assert len(re.findall(r'"\d+\.\d+\.\d+"', HEADER)) == 1

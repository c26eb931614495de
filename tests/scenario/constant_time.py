#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600 build=plain
"""What TLCP does with secrets takes as many instructions whatever they are (callgrind), and no branch or address depends on one
(memcheck, on secrets that it takes for undefined). Only what is ours is counted where OpenSSL is called in between."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOOL = pathlib.Path(os.environ["AUTARKY"]).resolve().parent.parent / "tests" / "tlcp_tool"
VERDICT = 8  # instructions behind the verdict, when that is good
# Case: rows of variants among which no instruction may differ. That an SM2Cipher does not open is OpenSSL's verdict, which it gives by
# another way than success: nobody can make one that opens without knowing what is in it.
EQUAL = {"cbc": [("padding", "length", "code")],
         "choose": [("good", "version", "length", "failed")],
         "take": [("good", "version", "length"), ("key", "damaged", "digest")],
         "scalar": [("zeros", "ones", "one", "random")],
         "agree": [("first", "second", "third")]}


def valgrind(*words):
    done = subprocess.run(["valgrind", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=120)
    if done.returncode:
        sys.exit(f"valgrind {' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def own_instructions(path):
    """Those of the program itself in a profile of callgrind, without its libraries."""
    total, names, ours, called = 0, {}, False, False
    for line in path.read_text().splitlines():
        found = re.match(r"ob=(\(\d+\))(?: (.*))?$", line)
        if found:
            names.setdefault(found[1], found[2])
            ours = names[found[1]] == str(TOOL)
        elif line.startswith("cob="):
            found = re.match(r"cob=(\(\d+\)) (.*)$", line)
            if found:
                names.setdefault(found[1], found[2])
        elif line.startswith("calls="):
            called = True  # the next line is what the callee took
        elif re.match(r"[+*\-\d]", line):
            if ours and not called:
                total += int(line.split()[1])
            called = False
    return total


def count(directory, case, variant, least=50):
    out = directory / f"{case}.{variant}"
    valgrind("--tool=callgrind", "--collect-atstart=no", "--toggle-collect=measured", f"--callgrind-out-file={out}", TOOL, "count", case, variant)
    taken = own_instructions(out)
    if taken < least:
        sys.exit(f"{case} {variant}: {taken} instructions, which is none of it")
    return taken


def undefined(case):
    """How many branches and addresses depend on what is undefined, and where."""
    said = valgrind("--tool=memcheck", "--leak-check=no", TOOL, "undefined", case)
    return int(re.search(r"ERROR SUMMARY: (\d+) errors", said)[1]), said


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        for case, rows in EQUAL.items():
            for variants in rows:
                taken = {variant: count(directory, case, variant) for variant in variants}
                print(f"{case}: {taken}", flush=True)
                if len(set(taken.values())) != 1:
                    sys.exit(f"{case}: {taken}")
        bad, good = count(directory, "cbc", "code"), count(directory, "cbc", "good")
        if not bad <= good <= bad + VERDICT:
            sys.exit(f"a good record takes {good} instructions, a bad one {bad}")
        if count(directory, "leak", "zero", 1) + 50 > count(directory, "leak", "one"):
            sys.exit("callgrind does not see what it is to see")
    if undefined("leak")[0] == 0:
        sys.exit("memcheck does not see a branch on a secret")
    for case in ("choose", "scalar"):
        errors, said = undefined(case)
        if errors:
            sys.exit(f"{case}: {errors} branches or addresses by secrets\n{said}")
    errors, said = undefined("cbc")
    if errors != 1 or said.count("tlcp_cbc_check") != 1:
        sys.exit(f"cbc: another branch than the verdict\n{said}")


if __name__ == "__main__":
    main()

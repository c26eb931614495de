# SPDX-License-Identifier: Apache-2.0
"""Counts the cases in meson's testlog.json and prints those that did not pass.

usage: meson_results.py BUILD_DIR
The last three lines on stdout are "passed N", "failed N", "skipped N". A program that speaks TAP
counts with each of its cases, any other as one. A program that ends badly though each of its cases
passed (a crash, a leak found at exit, a plan not kept) adds one failure.
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r"^(not )?ok \d+\b(.*)$")
SKIP = re.compile(r"#\s*skip", re.IGNORECASE)
TAIL_LINES = 30


def count_cases(stdout):
    """(passed, failed, skipped) of a TAP stream; all zero if it is none."""
    passed = failed = skipped = 0
    for line in stdout.splitlines():
        match = CASE.match(line)
        if not match:
            continue
        if SKIP.search(match.group(2)):
            skipped += 1
        elif match.group(1):
            failed += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_program(entry):
    """(passed, failed, skipped) of one test program."""
    passed, failed, skipped = count_cases(entry.get("stdout", ""))
    result = entry["result"]
    if result == "FAIL" and entry.get("returncode") == 0 and skipped and not failed:
        # cmocka 1.1 says "not ok N # SKIP" of a skipped case, which meson takes for a failure.
        result = "OK"
    if result == "SKIP":
        return 0, 0, max(skipped, 1)
    if result == "EXPECTEDFAIL":
        return 1, 0, 0
    if result == "OK":
        if passed + failed + skipped == 0:
            passed = 1
        return passed, failed, skipped
    return passed, max(failed, 1), skipped


def show(entry):
    """A failed program's verdict and the end of what it said."""
    print(f"failed  {entry['name']} ({entry['result'].lower()}, {entry.get('duration', 0):.1f} s)")
    text = entry.get("stdout", "").splitlines() + entry.get("stderr", "").splitlines()
    for line in text[-TAIL_LINES:]:
        print(f"        {line}")


def main():
    log = pathlib.Path(sys.argv[1]) / "meson-logs" / "testlog.json"
    totals = [0, 0, 0]
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        entry = json.loads(line)
        counts = count_program(entry)
        if counts[1]:
            show(entry)
        totals = [a + b for a, b in zip(totals, counts)]
    for word, number in zip(("passed", "failed", "skipped"), totals):
        print(word, number)


main()

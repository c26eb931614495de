#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The process that executes: the drill against the real one, confined as it is in service, and what is said without it."""

import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import Lab, expect, wait_for  # noqa: E402

MANY = 10  # names that are tried, at least


def runner(lab):
    found = [p for p in json.loads(lab.autarky("status", "--json"))["processes"] if p["role"] == "runner"]
    if len(found) != 1:
        sys.exit(f"one runner was expected: {found}")
    return found[0]


def drilled(lab):
    done = json.loads(lab.autarky("drill", "runner", "--json"))
    user = "nobody" if os.geteuid() == 0 else str(os.geteuid())
    if done["status"] != 0 or user not in done["output"]:
        sys.exit(f"the command did not run as {user}: {done}")
    names = {r["name"]: r["reason"] for r in done["refused"]}
    if len(done["refused"]) < MANY or max(r["bytes"] for r in done["refused"]) < 65536:
        sys.exit(f"too little was tried: {names}")
    for name in ("sh", "../bin/sh", "drill;id"):
        expect(names.get(name, ""), "executes nothing else", f"refusal of {name}")
    return done


def main():
    with Lab() as lab:
        lab.start()
        drilled(lab)
        expect(lab.autarky("drill", "runner"), "the declared command drill was run", "drill for people")
        log = lab.log()
        for text in ("runner.started command=drill", "runner.refused command=sh"):
            expect(log, text, "log")
        if log.count("runner.started") != 2:
            sys.exit("something else was started")
        if os.geteuid() == 0:
            expect(runner(lab)["sandbox"], "user: on: autarky-runner", "its user")
            expect(runner(lab)["sandbox"], "3 kept of the 3", "its capabilities")
        pid = runner(lab)["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for("another runner", lambda: runner(lab)["pid"] not in (0, pid) and runner(lab)["state"] == "ready")
        drilled(lab)


main()

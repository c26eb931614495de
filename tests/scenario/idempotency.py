#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Idempotency keys at /api/v1/, with curl: a request that is sent again is done once, whoever waits, whatever dies. Core is killed while
requests are under way, again and again, and every one is sent until it is answered; then everything is there once. Keys of others, keys
of other requests, many at a time, ten thousand of them, and what is told once.

AUTARKY_SEED repeats a run's choices."""

import collections
import concurrent.futures
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, Lab, expect, run, wait_for  # noqa: E402

KILLS = 5
AT_ONCE = 6  # requests under way when core is killed
EACH = 5  # one after the other; 200 silences may hold
OF_ONE = 4096  # keys of one user or token
MANY = 10_000


class Robot:
    """A program with a token."""

    def __init__(self, lab, name, roles):
        self.lab = lab
        self.token = json.loads(lab.autarky("token", "create", name, "--role", roles, "--expires", "1h", "--json"))["token"]

    def command(self, path, args, key):
        keyed = ("-H", f"Idempotency-Key: {key}") if key else ()
        return ("curl", "-sS", "--max-time", "20", "--cacert", self.lab.roots, "-H", f"Authorization: Bearer {self.token}", "-H",
                "Content-Type: application/json", *keyed, "-d", json.dumps(args), "-w", "\n%{http_code}", f"{self.lab.api}/api/v1/{path}")

    def post(self, path, args, key=None):
        """Status and document; 0 when there was no answer."""
        out = subprocess.run([str(a) for a in self.command(path, args, key)], capture_output=True, text=True, check=False)
        if out.returncode:
            return 0, {}
        body, status = out.stdout.rsplit("\n", 1)
        return int(status), json.loads(body or "{}")


def want(got, status, what, code=""):
    if got[0] != status or (code and got[1].get("code") != code):
        sys.exit(f"{what}: {got[0]} {got[1]} instead of {status} {code}")
    return got[1]


def silence(text):
    return {"owner": text, "until": "1h", "reason": text}


def silences(lab):
    """Whose alerts are silenced, to how often."""
    listed = json.loads(lab.autarky("alert", "list", "--json"))["silences"]
    return collections.Counter(s["owner"] for s in listed)


def once(lab, robot, other):
    first = want(robot.post("alert/silence", silence("a"), '"k"'), 200, "the first")
    if want(robot.post("alert/silence", silence("a"), '"k"'), 200, "the same again") != first:
        sys.exit("another answer than the first")
    want(robot.post("alert/silence", silence("b"), '"k"'), 422, "another request", "idempotency.other")
    want(robot.post("alert/unsilence", {"id": first["id"]}, '"k"'), 422, "another command", "idempotency.other")
    second = want(other.post("alert/silence", silence("a"), '"k"'), 200, "another token's key")
    if second["id"] == first["id"]:
        sys.exit("it has another one's answer")
    for bad in ("k", '""', '"k', '"k"; a=1', '"' + "x" * 256 + '"', '"k", "l"'):
        want(robot.post("alert/silence", silence("c"), bad), 400, f"Idempotency-Key: {bad}", "idempotency.key")
    want(robot.post("alert/silence", {"owner": "d", "until": "soon"}, '"d"'), 400, "what is wrong")
    want(robot.post("alert/silence", silence("d"), '"d"'), 200, "the key of what was refused")
    if silences(lab) != {"a": 2, "d": 1}:
        sys.exit(f"not once: {silences(lab)}")


def told_once(lab, robot):
    args = {"name": "kiosk", "reason": "INC-1"}
    key = want(robot.post("eab/create", args, '"e"'), 200, "a key of a binding")["key"]
    said = want(robot.post("eab/create", args, '"e"'), 410, "what is told once", "idempotency.gone")
    expect(said["detail"], "(eab kiosk)", "what was made")
    for file in lab.data.rglob("store.db*"):
        if key.encode() in file.read_bytes():
            sys.exit(f"{file} has the key")


def at_once(lab, robot):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda _: robot.post("alert/silence", silence("e"), '"e-1"'), range(64)))
    seen = collections.Counter(status for status, _ in got)
    if set(seen) - {200, 409} or not seen[200] or silences(lab)["e"] != 1:
        sys.exit(f"{seen}, and {silences(lab)['e']} silences")
    if len({d["id"] for status, d in got if status == 200}) != 1:
        sys.exit("several answers of one request")


def until_answered(robot, owner):
    """As a client does it: sends the same until there is an answer. How often, and the last status."""
    for tries in range(1, 200):
        status, said = robot.post("alert/silence", silence(owner), f'"{owner}"')
        if status in (200, 410):
            return tries, status
        if status not in (0, 503, 504) and said.get("code") != "idempotency.running":
            sys.exit(f"{owner}: {status} {said}")
        time.sleep(0.05)
    sys.exit(f"{owner} is not answered")


def core_of(lab):
    try:
        status = json.loads(run(AUTARKY, "status", "--json", "--data", lab.data, ok=(0, 2, 75)))
    except ValueError:
        return None
    return next((p["pid"] for p in status["processes"] if p["role"] == "core" and p["pid"]), None)


def killed(lab, robot):
    seed = int(os.environ.get("AUTARKY_SEED", random.randrange(1 << 31)))
    dice = random.Random(seed)
    ends = collections.Counter()
    for n in range(KILLS):
        wait_for("core", lambda: core_of(lab))
        pid = core_of(lab)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            asked = [pool.submit(lambda at: [until_answered(robot, f"{at}-{j}") for j in range(EACH)], f"kill-{n}-{i}")
                     for i in range(AT_ONCE)]
            time.sleep(dice.uniform(0.03, 0.2))
            os.kill(pid, signal.SIGKILL)
            for one in asked:
                for tries, status in one.result():
                    ends[status, "again" if tries > 1 else "at once"] += 1
    print(f"seed {seed}: {dict(ends)}")
    if not ends[200, "again"] + ends[410, "again"]:
        sys.exit("core was never killed while a request was under way")
    wrong = {o: times for o, times in silences(lab).items() if o.startswith("kill-") and times != 1}
    there = sum(o.startswith("kill-") for o in silences(lab))
    if wrong or there != KILLS * AT_ONCE * EACH:
        sys.exit(f"seed {seed}: {there} of {KILLS * AT_ONCE * EACH}, not once: {wrong}")


def fill(lab, scope):
    """As many keys as one may have, written while the server is down."""
    lab.stop()
    with sqlite3.connect(lab.data / "db" / "store.db") as db:
        now = int(time.time() * 1_000_000)
        had = db.execute("SELECT COUNT(*) FROM idempotency WHERE scope = ?", (scope,)).fetchone()[0]
        db.executemany("INSERT INTO idempotency (scope, key, request, at, done, answer) VALUES (?, ?, zeroblob(32), ?, 1, '{}')",
                       [(scope, f"filled-{i}", now) for i in range(OF_ONE - had)])
    db.close()
    lab.start()


def ten_thousand(lab, robot, other):
    fill(lab, "token robot")
    want(robot.post("alert/silence", silence("a"), '"k"'), 200, "a key that is kept")
    config = lab.directory / "curl.conf"
    with open(config, "w", encoding="utf-8") as f:
        for i in range(MANY):
            f.write(f'url = "{lab.api}/api/v1/alert/silence"\ncacert = "{lab.roots}"\nheader = "Authorization: Bearer {robot.token}"\n'
                    f'header = "Content-Type: application/json"\nheader = "Idempotency-Key: \\"many-{i}\\""\n'
                    'data = "{\\"owner\\":\\"many\\",\\"until\\":\\"1h\\"}"\nsilent\noutput = "/dev/null"\n'
                    'write-out = "%{http_code}\\n"\n' + ("next\n" if i + 1 < MANY else ""))
    seen = collections.Counter(run("curl", "-K", config).split())
    if seen != {"429": MANY}:
        sys.exit(f"{MANY} keys too many: {seen}")
    if silences(lab)["many"]:
        sys.exit("what was refused was done")
    want(other.post("alert/silence", silence("f"), '"f"'), 200, "another token")
    want(robot.post("alert/silence", silence("f")), 200, "without a key")


def main():
    with Lab() as lab:
        lab.start()
        robot, other = Robot(lab, "robot", "operator,officer"), Robot(lab, "other", "operator")
        document = json.loads(run("curl", "-sS", "--cacert", lab.roots, lab.api + "/api/v1/openapi.json"))
        takes = {path for path, item in document["paths"].items() if "parameters" in item["post"]}
        if "/alert/silence" not in takes or "/cert/sign" not in takes or "/cert/list" in takes:
            sys.exit(f"the document has keys of {sorted(takes)}")
        once(lab, robot, other)
        told_once(lab, robot)
        at_once(lab, robot)
        killed(lab, robot)
        ten_thousand(lab, robot, other)


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=480
"""Roles and the supervisor die by SIGKILL at random moments while clients get certificates: nothing acknowledged is lost,
nothing exists twice, nothing stays half done, and every client gets what it wants in the end.

AUTARKY_SEED repeats a run's choices."""

import collections
import json
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from busy import Busy, Database  # noqa: E402
from lab import AUTARKY, Lab, run, steady_port, wait_for  # noqa: E402

ROLES = ("front", "core", "signer", "prober")
CLIENTS = 4
ROUNDS = 2  # each: role after role is killed, then the supervisor
MOST_ROUNDS = 6  # of a machine that is too slow to issue enough in two
ENOUGH = 10 * CLIENTS  # certificates, to prove something
KILLS = 8  # of roles, in a round
PAUSE = (0.3, 2.0)  # seconds before each


def process_state(pid):
    """The letter of /proc, and the parent; None when there is no such process."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else (fields[0], int(fields[1]))


def children(pid):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            state = process_state(entry.name)
            if state and state[1] == pid:
                found.append(int(entry.name))
    return found


def pids(lab):
    """Role to process id, as `autarky status` tells; empty while core cannot say."""
    out = run(AUTARKY, "status", "--json", "--data", lab.data, ok=(0, 2, 75))
    try:
        status = json.loads(out)
    except ValueError:
        return {}
    return {p["role"]: p["pid"] for p in status["processes"] if p["pid"]}


def kill_role(lab, role):
    """False when it is not there to be killed."""
    pid = pids(lab).get(role)
    state = process_state(pid) if pid else None
    if not state or state[1] != lab.server.popen.pid:
        return False
    os.kill(pid, signal.SIGKILL)
    return True


def kill_supervisor(lab):
    orphans = children(lab.server.popen.pid)
    if len(orphans) < 2:
        sys.exit(f"the supervisor has {len(orphans)} children")
    lab.server.popen.kill()
    lab.server.popen.wait()
    wait_for("the end of a killed supervisor's children", lambda: not any(map(process_state, orphans)), 5)


def kill_for_a_round(lab, busy, dice, killed):
    for _ in range(KILLS):
        time.sleep(dice.uniform(*PAUSE))
        busy.check()
        role = dice.choice(ROLES)
        wait_for(f"a {role} to kill", lambda role=role: kill_role(lab, role), 30)
        killed[role] += 1
    time.sleep(dice.uniform(*PAUSE))
    kill_supervisor(lab)
    killed["supervisor"] += 1
    lab.start()


def register(lab):
    """Serial to certificate, over all pages."""
    found, cursor = {}, []
    while True:
        page = json.loads(lab.autarky("cert", "list", "--json", "--limit", "37", *cursor))
        for item in page["items"]:
            if item["serial"] in found:
                sys.exit(f"the register lists {item['serial']} twice")
            found[item["serial"]] = item
        if page["next"] is None:
            return found
        cursor = ["--cursor", page["next"]]


def settled(lab):
    checks = json.loads(lab.autarky("doctor", "--json", ok=(0, 2)))["checks"]
    work = next(c["text"] for c in checks if c["name"] == "work")
    return work.startswith("0 certificates wait")


def check_register(lab, busy):
    found = register(lab)
    revoked = {u.rsplit("/", 1)[1] for u in busy.acknowledged["revoked"]}
    for i in busy.certificates():
        item = found.get(i.serial)
        if not item or item["names"] != sorted(i.names):
            sys.exit(f"received and not in the register: {i.serial} for {i.names}: {item}")
        if (item["status"] == "revoked") != (item["id"] in revoked):
            sys.exit(f"{i.serial} is {item['status']} in the register")
    return found


def main():
    seed = int(os.environ.get("AUTARKY_SEED", random.randrange(1 << 31)))
    print(f"AUTARKY_SEED={seed}", flush=True)
    dice = random.Random(seed)
    killed = collections.Counter()
    begin = time.monotonic()
    with Lab() as lab:
        lab.configure(api=[f"127.0.0.1:{steady_port()}"])
        lab.start()
        busy = Busy(lab, CLIENTS)
        busy.start()
        for n in range(MOST_ROUNDS):
            if n < ROUNDS or len(busy.issued) < ENOUGH:
                kill_for_a_round(lab, busy, dice, killed)
        busy.finish()
        wait_for("no order in processing", lambda: settled(lab), 15)
        found = check_register(lab, busy)
        busy.verify()
        lab.stop()
        database = Database(lab)
        database.check()
        database.holds(busy)
        print(f"{time.monotonic() - begin:.0f} s; killed {dict(killed)}; {len(busy.issued)} certificates received, "
              f"{len(found)} in the register, {database.recovered()} of them finished by recovery; the clients met "
              f"{dict(busy.counts)}")
        if len(busy.issued) < ENOUGH:
            sys.exit("so few certificates prove nothing")


main()

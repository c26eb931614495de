#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Alerts told to programs of this host that fail half the time, hang, leave children that keep the pipe, print garbage, or are
replaced by a file that anybody may write, while core, runner and the whole server are killed: nothing is lost, and a program that
has taken a message gets it again only when the runner itself died meanwhile."""

import collections
import json
import os
import pathlib
import pwd
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, Clock, Lab, expect, wait_for  # noqa: E402

FAILED = 2
USER = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
ZONES = 16

PAGER = """#!/bin/sh
# What every program of a receiver may do: say when it began, when it was done, and fail in between.
echo "start $AUTARKY_DELIVERY $AUTARKY_ATTEMPT" >>'{notes}/log'
cat >'{notes}/body.'$AUTARKY_DELIVERY
case $(od -An -N1 -tu1 /dev/urandom | tr -d ' ')$(cat '{notes}/calm' 2>/dev/null) in
*calm) ;;
*[026]) exit 75 ;;
*[48]) kill -9 $$ ;;
esac
sleep 0.2
echo "done $AUTARKY_DELIVERY" >>'{notes}/log'
"""
PROGRAMS = {
    "hangs": "sleep 1000",
    "leaves": "setsid sleep 20 & exit 0",
    "garbage": "head -c 300000 /dev/urandom >&2; printf '\\n\\033[2Jno such\\007queue\\n' >&2; exit 4",
    "slow": "echo \"start $AUTARKY_DELIVERY\" >>'{notes}/slow'; sleep 4; echo \"done $AUTARKY_DELIVERY\" >>'{notes}/slow'",
    "who": "id -un >&2; env | cut -d= -f1 | sort | tr '\\n' ' ' >&2",
}


class Programs:
    """Those above, each in a directory that only its owner may write to, and what they note."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="autarky-programs-"))
        self.directory.chmod(0o755)
        self.notes = self.directory / "notes"
        self.notes.mkdir()
        self.notes.chmod(0o777)
        self.write("pager", PAGER)
        for name, text in PROGRAMS.items():
            self.write(name, f"#!/bin/sh\n{text}\n")

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text.replace("{notes}", str(self.notes)))
        path.chmod(0o755)

    def receivers(self):
        lines = [f"  - {{name: {name}, kind: exec, user: {USER}, timeout: {'1s' if name == 'hangs' else '45s'}, "
                 f"command: [{self.directory}/{name}]}}" for name in ("pager", *PROGRAMS)]
        return "receivers:\n" + "\n".join(lines) + "\nalerts:\n  - {to: pager}\n"

    def calm(self, yes=True):
        """From now on it does not fail, or does again."""
        (self.notes / "calm").write_text("calm" if yes else "")

    def count(self, word, name="log"):
        """How often each delivery is noted with that word."""
        try:
            lines = (self.notes / name).read_text().splitlines()
        except FileNotFoundError:
            lines = []
        return collections.Counter(line.split()[1] for line in lines if line.startswith(word + " "))

    def told(self):
        """(id, status) of each alert in each delivery that was taken, once for each time that it was."""
        found = []
        for delivery, times in self.count("done").items():
            body = json.loads((self.notes / f"body.{delivery}").read_text())
            if body["delivery"] != delivery:
                sys.exit(f"{delivery} in the environment, {body['delivery']} in the message")
            found += [(a["id"], a["status"]) for a in body["alerts"]] * times
        return found


def pid_of(lab, role):
    return next(p["pid"] for p in json.loads(lab.autarky("status", "--json"))["processes"] if p["role"] == role)


def kill(lab, role):
    os.kill(pid_of(lab, role), signal.SIGKILL)
    wait_for(f"{role} after its death", lambda: '"alerts"' in lab.autarky("status", "--json", ok=(0, 2, 75)))


def waiting(lab):
    text = lab.autarky("status", "--json", ok=(0, 2, 75))
    return json.loads(text)["alerts"]["waiting"] if text.startswith("{") else -1


def deliveries(lab, receiver):
    return [d for d in json.loads(lab.autarky("alert", "deliveries", "--json"))["items"] if d["receiver"] == receiver]


def tests_by_hand(lab, programs):
    """Each misbehaves in its own way, and `alert test` says how."""
    said = lab.autarky("alert", "test", "who")
    expect(said, f"who has it; its server said: {USER} AUTARKY_ATTEMPT AUTARKY_DELIVERY AUTARKY_RECEIVER LC_ALL", "what it gets")
    expect(lab.autarky("alert", "test", "hangs", ok=(FAILED,)), "took longer than 1 seconds and was killed", "hangs")
    begin = time.monotonic()
    lab.autarky("alert", "test", "leaves")
    if time.monotonic() - begin > 10:
        sys.exit("the pipe that a grandchild keeps was waited for")
    said = lab.autarky("alert", "test", "garbage", ok=(FAILED,))
    expect(said, "ended with status 4, so it is not run again", "garbage")
    expect(said, " [2Jno such queue", "garbage, cleaned")
    error = deliveries(lab, "garbage")[0]
    if not error["given_up"] or any(ord(c) < 32 or ord(c) == 127 for c in error["error"]):
        sys.exit(f"garbage in the list of deliveries: {error}")


def what_is_wrong_is_said(lab, programs):
    """Whoever may write to the program may not have it executed; `config check` and `doctor` say so before."""
    pager = programs.directory / "pager"
    lab.autarky("config", "check")
    pager.chmod(0o777)
    for command in (("config", "check"), ("doctor",), ("alert", "test", "pager")):
        said = lab.autarky(*command, ok=(FAILED,))
        expect(said, f"chmod go-w {pager}", " ".join(command))
    pager.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(pager, 65534, 65534)
        expect(lab.autarky("config", "check", ok=(FAILED,)), f"chown root:root {pager}", "another's program")
        os.chown(pager, 0, 0)
    pager.rename(programs.directory / "away")
    expect(lab.autarky("config", "check", ok=(FAILED,)), f"there is no program {pager}", "no program")
    expect(lab.autarky("alert", "test", "pager", ok=(FAILED,)), f"there is no program {pager}", "no program")
    (programs.directory / "away").rename(pager)


def freeze(lab, clock, first, last):
    for n in range(first, last):
        lab.autarky("issuance", "freeze", "--zone", f"zone{n}.{DOMAIN}", "--reason", f"test {n}")
        clock.advance(10)  # another round of the server's, so another message


def all_told(lab, clock, programs, status, n):
    def look():
        clock.advance(10)
        return not waiting(lab) and len({i for i, s in programs.told() if s == status}) >= n
    wait_for(f"every alert told {status}", look, 120)


def through_deaths_of_core(lab, clock, programs, env):
    """Half of the runs fail; core is killed in the middle of others, and the server is stopped: each message is taken once."""
    freeze(lab, clock, 0, 4)
    kill(lab, "core")
    freeze(lab, clock, 4, 8)
    lab.server.stop()
    lab.server = None
    lab.start(env=env)
    freeze(lab, clock, 8, 12)
    kill(lab, "core")
    wait_for("a failure", lambda: clock.advance(5) or
             programs.count("start").total() > programs.count("done").total() + 1)
    programs.calm()
    all_told(lab, clock, programs, "firing", 12)
    for key, times in collections.Counter(programs.told()).items():
        if times != 1:
            sys.exit(f"{key} was taken {times} times, and only core has died")


def core_dies_while_it_runs(lab, programs):
    """The program goes on, and the next core hears what came of it. (A test is not asked for again: that it ran once is seen.)"""
    before = programs.count("start", "slow").total()
    process = pid_of(lab, "core")
    import threading  # pylint: disable=import-outside-toplevel
    asking = threading.Thread(target=lambda: lab.autarky("alert", "test", "slow", ok=(0, 2, 75)))
    asking.start()
    wait_for("slow to begin", lambda: programs.count("start", "slow").total() > before)
    os.kill(process, signal.SIGKILL)
    asking.join()
    wait_for("slow to end, though core has died", lambda: programs.count("done", "slow").total() > before, 60)
    wait_for("core after its death", lambda: '"alerts"' in lab.autarky("status", "--json", ok=(0, 2, 75)))


def through_deaths_of_runner(lab, clock, programs, env):
    """What its program has done is not known any more: at least once."""
    programs.calm(False)
    freeze(lab, clock, 12, 14)
    kill(lab, "runner")
    freeze(lab, clock, 14, ZONES)
    lab.server.stop(how=signal.SIGKILL)
    lab.server = None
    lab.start(env=env)
    programs.calm()
    all_told(lab, clock, programs, "firing", ZONES)


def waits_until_it_is_mended(lab, clock, programs):
    (programs.directory / "pager").chmod(0o777)
    lab.autarky("issuance", "freeze", "--zone", f"mend.{DOMAIN}", "--reason", "mend")

    def refused():
        clock.advance(10)
        return any("chmod go-w" in d.get("error", "") for d in deliveries(lab, "pager") if not d["given_up"])
    wait_for("a refusal in the list", refused)
    expect(lab.autarky("doctor", ok=(FAILED,)), "messages wait for receivers in vain", "doctor")
    (programs.directory / "pager").chmod(0o755)
    all_told(lab, clock, programs, "firing", ZONES + 1)


def main():
    programs = Programs()
    with Lab() as lab:
        clock = Clock(lab.directory / "clock")
        env = {**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)}
        lab.start(env=env)
        lab.configure(programs.receivers())
        lab.autarky("reload")
        if any(p["role"] == "courier" and p["pid"] for p in json.loads(lab.autarky("status", "--json"))["processes"]):
            sys.exit("there is a courier, and nothing for it")
        tests_by_hand(lab, programs)
        what_is_wrong_is_said(lab, programs)
        through_deaths_of_core(lab, clock, programs, env)
        core_dies_while_it_runs(lab, programs)
        through_deaths_of_runner(lab, clock, programs, env)
        waits_until_it_is_mended(lab, clock, programs)
        print(f"{len(programs.count('done'))} deliveries in {programs.count('start').total()} runs")
    shutil.rmtree(programs.directory)


main()

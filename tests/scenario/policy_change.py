#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Another policy takes a second person: until then the old one is in force, whatever the file says, and `status` tells so. Neither
a signal, nor the one who asked, nor a configuration that excuses itself, nor a start with it is a way around; root's way out is on record."""

import json
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, Lab, expect, run, wait_for  # noqa: E402

PERSON = "daemon"  # a user that every Debian has
CONTROL = f"control: {{two_persons: [policy.change], people: [{PERSON}]}}\n"
WAITING = 4
NARROW = f"  - name: all\n    allow: [{DOMAIN}]\n    from: [operators]\n"
WIDE = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    from: [operators]\n"


def issue(lab, name, ok=(0,)):
    return lab.autarky("cert", "issue", "--name", name, "--out", lab.directory / name, ok=ok)


def status(lab):
    return json.loads(lab.autarky("status", "--json"))["policy_waits"]


def grant(lab, one):
    return run("setpriv", "--reuid", PERSON, "--clear-groups", AUTARKY, "approval", "grant", one, "--data", lab.data)


def waits(lab, what):
    """The id of what waits now."""
    expect(lab.autarky("reload", "--reason", "INC-1", ok=(WAITING,)), "takes a second person", what)
    one = status(lab)
    if not one:
        sys.exit(f"{what}: status tells nothing")
    expect(lab.autarky("status"), "Another policy waits for a second person", "status")
    return one


def another_policy(lab):
    lab.configure(CONTROL, WIDE)
    issue(lab, f"a.{DOMAIN}", ok=(2,))
    one = waits(lab, "a wider policy")
    if waits(lab, "asked again") != one:
        sys.exit("asking again made another one")
    issue(lab, f"a.{DOMAIN}", ok=(2,))
    shown = lab.autarky("approval", "show", one)
    for words in ("policy.change: policy", "INC-1", f"*.{DOMAIN}"):
        expect(shown, words, "what is asked")
    grant(lab, one)
    issue(lab, f"a.{DOMAIN}", ok=(2,))  # it is granted, and nobody has asked for it again
    lab.configure(CONTROL, WIDE + f"  - name: more\n    allow: [\"*.x.{DOMAIN}\"]\n    from: [operators]\n")
    two = waits(lab, "more than what was granted")
    if two == one:
        sys.exit("the grant was of something else")
    lab.configure(CONTROL, WIDE)
    lab.autarky("reload")
    issue(lab, f"a.{DOMAIN}")


def by_a_signal(lab):
    lab.configure(CONTROL, NARROW)
    os.kill(lab.server.popen.pid, signal.SIGHUP)
    wait_for("the refusal", lambda: "use `autarky reload`, which knows who asks" in lab.log())
    issue(lab, f"b.{DOMAIN}")


def other(lab):
    return json.loads(lab.autarky("status", "--json"))["policy_other"]


def start_fails(lab, words):
    log = lab.directory / "failed.log"
    with log.open("wb") as out:
        ended = subprocess.run([AUTARKY, "serve", "--data", lab.data], stdout=out, stderr=out, timeout=60, check=False)
    if ended.returncode != 2:
        sys.exit(f"serve ended with {ended.returncode}:\n{log.read_text()}")
    expect(log.read_text(), words, "why it does not start")


def at_a_start(lab):
    """WIDE is in force, and the file has NARROW."""
    lab.stop()
    lab.configure("", NARROW)  # nor may it excuse itself
    lab.start()
    expect(lab.log(), "serve.policy-not-accepted", "the log")
    expect(lab.log(), "control.two_persons", "the log")
    if not other(lab):
        sys.exit("status does not tell of another policy")
    expect(lab.autarky("status"), "another policy than the accepted one", "status")
    expect(lab.autarky("doctor", ok=(0, 2)), "accepted policy", "doctor")
    issue(lab, f"d.{DOMAIN}")
    lab.configure(CONTROL, NARROW)
    one = waits(lab, "what the start did not take")
    issue(lab, f"e.{DOMAIN}")
    grant(lab, one)
    lab.autarky("reload")
    issue(lab, f"f.{DOMAIN}", ok=(2,))
    lab.stop()
    lab.start()
    if other(lab):
        sys.exit("what was granted is not accepted")
    issue(lab, f"f.{DOMAIN}", ok=(2,))


def without_a_second_person(lab):
    """NARROW is in force; nobody is there to grant another one."""
    lab.configure(CONTROL, WIDE)
    lab.autarky("policy", "accept", ok=(64,))
    expect(lab.autarky("policy", "accept", "--reason", "INC-9", "--dry-run"), f"*.{DOMAIN}", "what would be accepted")
    lab.stop()
    lab.start()
    issue(lab, f"g.{DOMAIN}", ok=(2,))
    lab.autarky("policy", "accept", "--reason", "INC-9: carol has left")
    lab.stop()
    lab.start()
    expect(lab.log(), "core.policy-alone", "the log")
    issue(lab, f"g.{DOMAIN}")
    lab.stop()
    if (lab.data / "policy.override").exists():
        sys.exit("what root said counts longer than once")
    lab.configure(CONTROL, NARROW)
    accepted = lab.data / "configuration.accepted"
    kept = accepted.read_bytes()
    accepted.unlink()
    start_fails(lab, "core.policy-not-accepted")
    accepted.write_bytes(kept.replace(b"domain:", b"domian:"))
    start_fails(lab, "domian")
    accepted.write_bytes(kept)
    lab.start()
    issue(lab, f"h.{DOMAIN}")
    if not other(lab):
        sys.exit("status does not tell of another policy")


def excusing_itself(lab):
    lab.configure("", WIDE)
    one = waits(lab, "a configuration without control")
    lab.configure(CONTROL.replace("people: [", "people: [bin, "), WIDE)
    waits(lab, "another person")
    lab.configure("", WIDE)
    grant(lab, one)
    lab.autarky("reload")
    wait_for("core with that", lambda: status_or_none(lab) == "nothing")
    lab.configure("", NARROW)
    lab.autarky("reload")
    issue(lab, f"c.{DOMAIN}", ok=(2,))


def status_or_none(lab):
    """Core starts anew with another `control`."""
    text = lab.autarky("status", "--json", ok=(0, 2, 75))
    if not text.startswith("{"):
        return None
    return json.loads(text)["policy_waits"] or "nothing"


def what_is_no_policy(lab):
    lab.configure(CONTROL + "log: {level: debug}\n", NARROW)
    lab.autarky("reload")
    if status(lab):
        sys.exit("a level of the log waits for a person")
    lab.configure(CONTROL, NARROW)
    lab.autarky("reload")


def main():
    with Lab(CONTROL, policy=NARROW) as lab:
        lab.start()
        issue(lab, DOMAIN)
        what_is_no_policy(lab)
        another_policy(lab)
        by_a_signal(lab)
        at_a_start(lab)
        without_a_second_person(lab)
        excusing_itself(lab)
        lab.autarky("audit", "export", "--out", lab.directory / "audit")
        trail = "".join(f.read_text(errors="replace") for f in (lab.directory / "audit").rglob("*") if f.is_file())
        for action in ("approval.asked", "approval.granted", "approval.used", "policy.change", "policy.accepted", "\"second_person\":false", "INC-9: carol"):
            expect(trail, action, "the audit log")


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""Another policy takes a second person: until then the old one is in force, whatever the file says, and `status` tells so. Neither
a signal, nor the one who asked, nor a configuration that excuses itself is a way around."""

import json
import os
import pathlib
import signal
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
        excusing_itself(lab)
        lab.autarky("audit", "export", "--out", lab.directory / "audit")
        trail = "".join(f.read_text(errors="replace") for f in (lab.directory / "audit").rglob("*") if f.is_file())
        for action in ("approval.asked", "approval.granted", "approval.used", "policy.change"):
            expect(trail, action, "the audit log")


main()

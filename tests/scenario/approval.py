#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""The second person: what the configuration says takes two waits for another user of this host, counts for exactly what was
asked, once, and stands in the trail with both."""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, Lab, expect, run  # noqa: E402

FIRST, SECOND, STRANGER = "daemon", "bin", "games"  # users that every Debian has
CONTROL = f"control: {{two_persons: [issuer.rotate, issuer.revoke], people: [{FIRST}, {SECOND}]}}\n"
WAITING = 4


def ask(lab, *args, ok=(0,)):
    return lab.autarky("issuer", *args, ok=ok)


def as_user(lab, user, *args, ok=(0,)):
    return run("setpriv", "--reuid", user, "--clear-groups", AUTARKY, *args, "--data", lab.data, ok=ok)


def approvals(lab, user=FIRST):
    return json.loads(as_user(lab, user, "approval", "list", "--json"))["approvals"]


def refs(lab):
    return {i["ref"] for i in json.loads(ask(lab, "list", "--json"))["issuers"]}


def waits(lab, *args):
    """The id of what waits now."""
    before = refs(lab), sorted(os.listdir(lab.data / "ca"))
    expect(ask(lab, *args, ok=(WAITING,)), "takes a second person", " ".join(args))
    if (refs(lab), sorted(os.listdir(lab.data / "ca"))) != before:
        sys.exit(f"{args}: something was done before anybody allowed it")
    newest = approvals(lab)[0]
    if newest["state"] != "pending" or newest["asked_by"] != 0:
        sys.exit(f"not what waits: {newest}")
    return newest["id"]


def rotation(lab):
    one = waits(lab, "rotate", "rsa-1")
    if waits(lab, "rotate", "rsa-1") != one:
        sys.exit("asking again made another one")
    expect(approvals(lab)[0]["what"], "new rsa-2 under root-rsa", "what is asked")
    # Root has asked, and is nobody who decides; a stranger is not even let in.
    expect(run(AUTARKY, "approval", "grant", one, "--data", lab.data, ok=(2,)), "not among control.people", "root")
    expect(as_user(lab, STRANGER, "approval", "grant", one, ok=(2,)), "went away before it answered", "a stranger")
    expect(as_user(lab, FIRST, "issuer", "list", ok=(2,)), "may decide on approvals", "a person, for something else")
    expect(as_user(lab, FIRST, "approval", "grant", one), "granted", "grant")
    expect(as_user(lab, SECOND, "approval", "grant", one, ok=(2,)), "not open any more", "granting twice")
    waits(lab, "rotate", "ecdsa-1")  # the grant is for rsa-1
    ask(lab, "rotate", "rsa-1")
    if "rsa-2" not in refs(lab):
        sys.exit("granted, and not done")
    waits(lab, "rotate", "rsa-2")  # another time, another approval


def revocation(lab):
    one = waits(lab, "revoke", "rsa-1", "--yes")
    as_user(lab, SECOND, "approval", "deny", one)
    expect(as_user(lab, FIRST, "approval", "grant", one, ok=(2,)), "not open any more", "granting what was denied")
    two = waits(lab, "revoke", "rsa-1", "--yes")
    if two == one:
        sys.exit("what was denied is open again")
    as_user(lab, FIRST, "approval", "grant", two)
    ask(lab, "revoke", "rsa-1", "--yes")


def trail(lab):
    """Who asked, who allowed, and that it was used: three events of each that was done."""
    with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
        events = [json.loads(e) for (e,) in db.execute("SELECT bytes FROM events ORDER BY sequence")]
    found = [(e["action"], e["actor"]["id"]) for e in events if e["object"]["kind"] == "approval"]
    uid = {u: subprocess.check_output(["id", "-u", u], text=True).strip() for u in (FIRST, SECOND)}
    for wanted in (("approval.asked", "uid 0"), ("approval.granted", f"uid {uid[FIRST]}"),
                   ("approval.denied", f"uid {uid[SECOND]}"), ("approval.used", "uid 0")):
        if wanted not in found:
            sys.exit(f"{wanted} is not in the trail: {found}")
    if found.count(("approval.used", "uid 0")) != 2:
        sys.exit(f"not two were used: {found}")


def main():
    with Lab(extra=CONTROL) as lab:
        lab.data.chmod(0o755)
        lab.start()
        rotation(lab)
        revocation(lab)
        lab.stop()
        trail(lab)


main()

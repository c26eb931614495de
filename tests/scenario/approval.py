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


def signed_in(person, user, *args, ok=(0,)):
    """As `user`, into whom `person` has turned by sudo or su: the kernel remembers who signed in."""
    command = f"echo $(id -u {person}) >/proc/self/loginuid && exec setpriv --reuid {user} --clear-groups \"$@\""
    return run("/bin/sh", "-c", command, "sh", AUTARKY, *args, ok=ok)


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
    expect(as_user(lab, FIRST, "issuer", "list", ok=(2,)), "takes one of the roles", "a person, for something else")
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


def one_person(lab):
    """Who asks by sudo is no second person under their own name, nor under another's by su."""
    data = ("--data", lab.data)
    said = signed_in(FIRST, "root", "issuer", "rotate", "ecdsa-1", *data, ok=(WAITING,))
    expect(said, "takes a second person", "asked by sudo")
    newest = approvals(lab)[0]
    if newest["asked_by"] != int(subprocess.check_output(["id", "-u", FIRST])):
        sys.exit(f"not asked by who signed in: {newest}")
    for user in (FIRST, SECOND):
        expect(signed_in(FIRST, user, "approval", "grant", newest["id"], *data, ok=(2,)), "the very person",
               f"{FIRST} as {user}")
    expect(as_user(lab, FIRST, "approval", "grant", newest["id"], ok=(2,)), "the very person", "without a login")
    signed_in(SECOND, SECOND, "approval", "grant", newest["id"], *data)
    expect(ask(lab, "rotate", "ecdsa-1", ok=(WAITING,)), "takes a second person", "somebody else's approval")
    signed_in(FIRST, "root", "issuer", "rotate", "ecdsa-1", *data)
    if "ecdsa-2" not in refs(lab):
        sys.exit("granted by another person, and not done")


def trail(lab, logins):
    """Who asked, who allowed, and that it was used: three events of each that was done."""
    with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
        events = [json.loads(e) for (e,) in db.execute("SELECT bytes FROM events ORDER BY sequence")]
    found = [(e["action"], e["actor"]["id"]) for e in events if e["object"]["kind"] == "approval"]
    uid = {u: subprocess.check_output(["id", "-u", u], text=True).strip() for u in (FIRST, SECOND)}
    for wanted in (("approval.asked", "uid 0"), ("approval.granted", f"uid {uid[FIRST]}"),
                   ("approval.denied", f"uid {uid[SECOND]}"), ("approval.used", "uid 0")):
        if wanted not in found:
            sys.exit(f"{wanted} is not in the trail: {found}")
    if logins and ("approval.used", f"uid 0 (login {uid[FIRST]})") not in found:
        sys.exit(f"the trail does not say who signed in: {found}")
    if found.count(("approval.used", "uid 0")) != 2:
        sys.exit(f"not two were used: {found}")


def nobody_signed_in():
    """Whoever runs the tests may have: commands then count for them. False where the kernel keeps no such record."""
    try:
        pathlib.Path("/proc/self/loginuid").write_text("4294967295", encoding="ascii")
    except OSError:
        return False
    return True


def main():
    logins = nobody_signed_in()
    with Lab(extra=CONTROL) as lab:
        lab.data.chmod(0o755)
        lab.start()
        rotation(lab)
        revocation(lab)
        if logins:
            one_person(lab)
        else:
            print("not tried: who signed in, of which this kernel keeps no record")
        lab.stop()
        trail(lab, logins)


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""Locks of issuance: certbot is told why, an administrator sees who set what, a thaw waits for a second person, locks outlive
a restart, and all of it stands in the trail."""

import json
import os
import pathlib
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import acme  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, expect, run  # noqa: E402

PERSON = "daemon"  # a user that every Debian has
CONTROL = f"control: {{two_persons: [issuance.thaw], people: [{PERSON}]}}\n"
WAITING = 4


def issuance(lab, *args, ok=(0,)):
    return lab.autarky("issuance", *args, ok=ok)


def locks(lab):
    return json.loads(issuance(lab, "status", "--json"))["locks"]


def registered(lab):
    client = acme.Client(lab.directory_url, lab.roots, retry=False)
    client.register()
    return client


def refused(client, name, words):
    try:
        client.order([name])
    except acme.AcmeError as error:
        if error.kind != "unauthorized":
            sys.exit(f"{name}: {error.kind}, not unauthorized")
        expect(str(error), words, name)
        return
    sys.exit(f"{name}: taken, though frozen")


def thaw(lab, *args):
    """With the second person; the id of the lock."""
    expect(issuance(lab, "thaw", *args, ok=(WAITING,)), "takes a second person", "thaw")
    waiting = json.loads(lab.autarky("approval", "list", "--json"))["approvals"][0]
    expect(waiting["what"], "issuance.thaw", "what waits")
    run("setpriv", "--reuid", PERSON, "--clear-groups", AUTARKY, "approval", "grant", waiting["id"], "--data", lab.data)
    expect(issuance(lab, "thaw", *args), "lifted", "thaw, granted")


def usage(lab):
    expect(issuance(lab, "freeze", ok=(64,)), "say why with --reason", "no reason")
    expect(issuance(lab, "freeze", "--reason", "x", "--zone", "no..zone", ok=(2,)), 'not what "zone" can be', "bad zone")
    expect(issuance(lab, "freeze", "--reason", "x", "--issuer", "rsa-9", ok=(2,)), 'no issuer "rsa-9"', "no issuer")
    expect(issuance(lab, "freeze", "--reason", "x", "--account", "nobody", ok=(2,)), 'no account "nobody"', "no account")
    expect(issuance(lab, "freeze", "--reason", "x", "--issuer", "rsa-1", "--zone", DOMAIN, ok=(2,)), "of one kind", "two kinds")
    expect(issuance(lab, "freeze", "--reason", "x", "--dry-run"), "would freeze", "dry run")
    expect(issuance(lab, "thaw", ok=(2,)), "no such lock holds", "nothing to lift")
    if locks(lab):
        sys.exit("a refused command, or a dry run, froze something")


def everything(lab):
    client = registered(lab)
    issuance(lab, "freeze", "--reason", "INC-7: a stolen laptop")
    expect(issuance(lab, "freeze", "--reason", "again", ok=(2,)), "frozen already", "twice")
    refused(client, f"a.{DOMAIN}", "by uid 0: INC-7: a stolen laptop")
    said = lab.autarky("cert", "issue", "--name", f"b.{DOMAIN}", "--out", lab.directory / "b", ok=(2,))
    expect(said, "issuance is frozen", "cert issue")
    expect(lab.autarky("doctor", ok=(0, 2)), "issuance is frozen (all)", "doctor")
    expect(lab.autarky("status"), "Issuance is frozen", "status")
    lab.stop()
    lab.start()
    refused(registered(lab), f"a.{DOMAIN}", "INC-7")
    thaw(lab)
    lab.autarky("cert", "issue", "--name", f"b.{DOMAIN}", "--out", lab.directory / "b")


def parts(lab):
    client = registered(lab)
    issuance(lab, "freeze", "--reason", "INC-8", "--zone", f"Lab.{DOMAIN}")
    issuance(lab, "freeze", "--reason", "INC-9", "--account", client.kid)
    refused(client, f"a.{DOMAIN}", "for this account")
    other = registered(lab)
    refused(other, f"x.lab.{DOMAIN}", f"for lab.{DOMAIN} and all below it")
    other.order([f"collab.{DOMAIN}"])
    expect(issuance(lab, "thaw", ok=(2,)), "2 locks hold", "which")
    thaw(lab, "--zone", f"lab.{DOMAIN}")
    other.order([f"x.lab.{DOMAIN}"])
    thaw(lab, locks(lab)[0]["id"])
    client.order([f"a.{DOMAIN}"])
    expect(issuance(lab, "status"), "nothing is frozen", "status")


def trail(lab):
    with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
        events = [json.loads(e) for (e,) in db.execute("SELECT bytes FROM events ORDER BY sequence")]
    found = [(e["action"], e["actor"]["id"], e["reason"]) for e in events if e["object"]["kind"] == "lock"]
    frozen = [f for f in found if f[0] == "issuance.frozen"]
    if frozen != [("issuance.frozen", "uid 0", r) for r in ("INC-7: a stolen laptop", "INC-8", "INC-9")]:
        sys.exit(f"not what was frozen: {frozen}")
    if len(found) - len(frozen) != 3:
        sys.exit(f"not three that were lifted: {found}")


def main():
    if os.access("/proc/self/loginuid", os.W_OK):
        pathlib.Path("/proc/self/loginuid").write_text("4294967295", encoding="ascii")  # then the user counts
    with Lab(extra=CONTROL) as lab:
        lab.data.chmod(0o755)
        lab.start()
        usage(lab)
        everything(lab)
        parts(lab)
        lab.stop()
        trail(lab)


main()

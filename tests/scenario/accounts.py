#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an administrator does about ACME clients: keys for account bindings, accounts seen and ended, renewals pulled forward,
each with --dry-run first."""

import datetime
import json
import os
import pathlib
import stat
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import AcmeError, Client, Http01, b64  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, expect, run  # noqa: E402


def ask(lab, *args):
    return json.loads(lab.autarky(*args, "--json"))


def refused(lab, wanted, *args, status=2):
    out = run(AUTARKY, *args, "--data", lab.data, ok=(status,))
    expect(out, wanted, " ".join(args))


def is_(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found}, not {wanted}")


def keys(lab):
    plan = ask(lab, "eab", "create", "radiology", "--accounts", "2", "--expires", "30d", "--dry-run")
    is_("a dry run", (plan["dry_run"], "key" in plan, ask(lab, "eab", "list")["items"]), (True, False, []))
    made = ask(lab, "eab", "create", "radiology", "--accounts", "2", "--expires", "30d", "--reason", "CHG-1")
    is_("the key", (len(made["key"]), len(made["kid"])), (43, 26))
    refused(lab, "already", "eab", "create", "radiology")
    refused(lab, "letters, digits", "eab", "create", "a b")
    refused(lab, "number from 1", "eab", "create", "x", "--accounts", "0", status=64)
    listed = ask(lab, "eab", "list")["items"][0]
    is_("the list", (listed["name"], listed["made"], listed["accounts"], listed["reason"], "key" in listed),
        ("radiology", 0, 2, "CHG-1", False))
    ask(lab, "eab", "revoke", "radiology", "--dry-run")
    is_("a dry run", "revoked" in ask(lab, "eab", "list")["items"][0], False)
    expect(lab.autarky("eab", "revoke", "radiology", "--reason", "left"), "revoked the key radiology", "revoke")
    refused(lab, "was revoked", "eab", "revoke", "radiology")
    refused(lab, "no key", "eab", "revoke", "nobody")
    file = lab.data / "eab.key"
    is_("eab.key", (stat.S_IMODE(file.stat().st_mode), file.stat().st_size), (0o600, 32))
    for path in (lab.data / "db").iterdir():
        if made["key"].encode() in path.read_bytes():
            sys.exit(f"{path} has the key")
    if made["key"] in lab.log():
        sys.exit("the log has the key")
    return made


def accounts(lab, client):
    ident = client.kid.rsplit("/", 1)[1]
    shown = ask(lab, "account", "show", client.kid)
    is_("show", (shown["id"], shown["status"], shown["certificates_valid"]), (ident, "valid", 1))
    ask(lab, "account", "deactivate", ident, "--dry-run")
    is_("a dry run", client.post(client.kid).json["status"], "valid")
    expect(lab.autarky("account", "deactivate", ident, "--reason", "left"), "ended the account", "deactivate")
    try:
        client.post(client.kid)
    except AcmeError as error:
        is_("the account", error.kind, "unauthorized")
    else:
        sys.exit("an account that was ended goes on")
    refused(lab, "is revoked already", "account", "deactivate", ident)
    refused(lab, "no account", "account", "show", "nobody")
    is_("list", [a["id"] for a in ask(lab, "account", "list", "--status", "revoked")["items"]], [ident])


def window(client, issued):
    aki = next(e for e in issued.cert.extensions if e.oid.dotted_string == "2.5.29.35").value.key_identifier
    number = issued.cert.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    reply = client._send("GET", f'{client.directory["renewalInfo"]}/{b64(aki)}.{b64(serial)}')  # pylint: disable=protected-access
    is_("renewalInfo", reply.status, 200)
    return datetime.datetime.fromisoformat(reply.json["suggestedWindow"]["start"])


def renewals(lab, client, issued):
    now = datetime.datetime.now(datetime.timezone.utc)
    before = window(client, issued)
    if not datetime.timedelta(50) < before - now < datetime.timedelta(70):
        sys.exit(f"the window begins at {before}")
    refused(lab, "say which certificates", "renewal", "pull")
    refused(lab, "no time from now", "renewal", "pull", "--under", DOMAIN, "--within", "soon")
    time.sleep(1.1)  # what was issued at the very second of the command is not of the set
    plan = ask(lab, "renewal", "pull", "--under", DOMAIN, "--issuer", "ecdsa-1", "--within", "1h", "--dry-run")
    is_("a dry run", (plan["certificates"], window(client, issued)), (1, before))
    done = ask(lab, "renewal", "pull", "--under", DOMAIN, "--issuer", "ecdsa-1", "--within", "1h", "--reason", "CHG-2")
    is_("certificates", done["certificates"], 1)
    if window(client, issued) - now > datetime.timedelta(hours=2):
        sys.exit(f"the window begins at {window(client, issued)}")
    expect(lab.autarky("renewal", "list"), "CHG-2", "the list")


def main():
    with Lab() as lab:
        lab.start()
        responder = Http01(lab.http_port)
        client = Client(lab.directory_url, lab.roots, responder)
        client.register()
        issued = client.obtain([f"wiki.{DOMAIN}"])
        keys(lab)
        renewals(lab, client, issued)
        accounts(lab, client)
        responder.close()
        (lab.data / "eab.key").write_bytes(b"short")
        lab.stop()
        lab.server = None
        started = run("timeout", "20", AUTARKY, "serve", "--data", lab.data, ok=(0, 1, 2, 124))
        expect(started, "eab.key in the data directory is not 32 bytes long", "a key that was cut")
        os.unlink(lab.data / "eab.key")
        lab.start()
        is_("a new one", (lab.data / "eab.key").stat().st_size, 32)


main()

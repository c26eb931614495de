#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""Changes of the register when something goes wrong: core dies after it has made one and before it says so, two commands
revoke at a time, one was interrupted, a person who may only decide on approvals takes every place."""

import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, free_port, run, wait_for  # noqa: E402

PERSON = "daemon"


def process(lab, role):
    status = json.loads(lab.autarky("status", "--json"))
    return next(p["pid"] for p in status["processes"] if p["role"] == role)


def register(lab):
    return {i["ref"]: i for i in json.loads(lab.autarky("issuer", "list", "--json"))["issuers"]}


def command(lab, *args):
    return subprocess.Popen([AUTARKY, *args, "--data", str(lab.data)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def issue(lab, name):
    """As soon as the signer has read what is new."""
    def done():
        out = lab.directory / name
        return "issued a certificate" in lab.autarky("cert", "issue", "--name", f"{name}.{DOMAIN}", "--out", out, ok=(0, 2, 75))

    wait_for(f"a certificate for {name}", done, 60)


def lost_answer(lab):
    """The supervisor stands still, so that core waits for it after it has written the change, and dies there."""
    supervisor, core = lab.server.popen.pid, process(lab, "core")
    os.kill(supervisor, signal.SIGSTOP)
    rotation = command(lab, "issuer", "rotate", "ecdsa-1", "--now")
    wait_for("the change", lambda: "core.register-changed" in lab.log(), 60)
    os.kill(core, signal.SIGKILL)
    os.kill(supervisor, signal.SIGCONT)
    said, _ = rotation.communicate(timeout=90)
    if rotation.returncode != 0 or not (lab.data / "ca" / "ecdsa-2.key").exists():
        sys.exit(f"the register has ecdsa-2, and its key is gone: {said}")
    issue(lab, "lost")


def interrupted(lab):
    """A key that no register knows is in nobody's way."""
    (lab.data / "ca" / "ecdsa-3.key").write_text("left over\n")
    lab.autarky("issuer", "rotate", "ecdsa-2", "--now")
    if "ecdsa-4" not in register(lab):
        sys.exit("not the next free name")
    issue(lab, "interrupted")


def both_on_the_list(lab):
    """Of two that are revoked at a time, either both are on the root's list, or one is told to ask again."""
    victims = ("rsa-1", "ecdsa-1")
    commands = [command(lab, "issuer", "revoke", ref, "--yes") for ref in victims]
    for c in commands:
        said, _ = c.communicate(timeout=90)
        if c.returncode != 0:
            expect(said, "give this one again", "a list that lacks another one")
    for ref in victims:
        if register(lab)[ref]["state"] != "revoked":
            lab.autarky("issuer", "revoke", ref, "--yes")
    crl = lab.directory / "root.crl"
    run("curl", "-sSf", "-o", crl, f"{lab.plain}/crl/root-rsa/0.crl")
    text = run(OPENSSL, "crl", "-inform", "DER", "-in", crl, "-noout", "-text")
    for ref in victims:
        serial = run(OPENSSL, "x509", "-in", lab.data / "ca" / f"{ref}.crt", "-noout", "-serial").strip().split("=")[1]
        expect(text, serial, f"{ref} on the root's list")


def roots_list_stays(lab):
    """Other times for lists are none for a root's, whose key is elsewhere."""
    text = (lab.data / "autarky.yaml").read_text()
    (lab.data / "autarky.yaml").write_text(text + "revocation: {crl: {every: 12h}}\n")
    before = lab.log().count("revocation.crl-published")
    lab.autarky("reload")
    wait_for("lists made anew", lambda: lab.log().count("revocation.crl-published") >= before + 16, 60)
    if "revocation.crl-failed issuer=root-rsa" in lab.log():
        sys.exit("core tries to sign a root's list")


def places(lab):
    control = lab.listeners()["control"]
    code = (f"import socket, sys\nheld = [socket.socket(socket.AF_UNIX) for _ in range(40)]\n"
            f"for s in held:\n    s.connect({control!r})\nprint('held', flush=True)\nsys.stdin.read()")
    with subprocess.Popen(["setpriv", "--reuid", PERSON, "--clear-groups", sys.executable, "-c", code],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as person:
        if person.stdout.readline() != "held\n":
            sys.exit("no connections")
        register(lab)
        person.stdin.close()


def given_up_meanwhile(lab):
    """Its key is revoked as compromised while a second certificate for it waits for the signer."""
    key, csr = lab.directory / "key.pem", lab.directory / "key.csr"
    run(OPENSSL, "req", "-config", "/dev/null", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr,
        "-subj", f"/CN=given.{DOMAIN}")
    lab.autarky("cert", "sign", csr, "--out", lab.directory / "given1")
    serial = run(OPENSSL, "x509", "-in", lab.directory / "given1" / "cert.pem", "-noout", "-serial").strip().split("=")[1]
    signer = process(lab, "signer")
    os.kill(signer, signal.SIGSTOP)
    second = command(lab, "cert", "sign", str(csr), "--out", str(lab.directory / "given2"))

    def reserved():
        with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
            return db.execute("SELECT COUNT(*) FROM issuances WHERE state = 'reserved'").fetchone()[0] > 0

    wait_for("the reservation", reserved)
    lab.autarky("cert", "revoke", serial, "--reason", "keyCompromise", "--why", "stolen")
    os.kill(signer, signal.SIGCONT)
    said, _ = second.communicate(timeout=90)
    if second.returncode == 0:
        sys.exit("a key that was given up has another certificate")
    expect(said, "was revoked as compromised", "why not")
    found = json.loads(lab.autarky("cert", "find", "--public-key", key, "--status", "valid", "--json"))
    if found["items"]:
        sys.exit(f"valid certificates of a key that was given up: {found}")


def main():
    with Lab(init_options=("--algorithms", "rsa,ecdsa"), extra=f"control: {{people: [{PERSON}, bin]}}\n") as lab:
        port = free_port()
        text = (lab.data / "autarky.yaml").read_text()
        (lab.data / "autarky.yaml").write_text(text.replace('plain: ["127.0.0.1:0"]', f'plain: ["127.0.0.1:{port}"]')
                                               + f'urls: {{plain: "http://127.0.0.1:{port}"}}\n')
        lab.data.chmod(0o755)
        lab.start()
        lost_answer(lab)
        interrupted(lab)
        given_up_meanwhile(lab)
        both_on_the_list(lab)
        places(lab)
        roots_list_stays(lab)


main()

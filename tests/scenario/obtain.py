#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates by `autarky obtain` and `autarky renew`: from a running Autarky, in every way of proof that needs no other
program; the files, the account, renewal at the server's window, and what is said when something is wrong."""

import fcntl
import json
import os
import pathlib
import stat
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, free_port, run, verify_chain  # noqa: E402
from responder import Files  # noqa: E402

POLICY = f"""
  - name: all
    allow: [{DOMAIN}, "*.{DOMAIN}"]
    challenges: [http-01, tls-alpn-01]
"""
FILES = ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")


def obtain(lab, out, *args, ok=(0,), server=None, agree=True):
    agreed = ("--agree-tos",) if agree else ()
    return run(AUTARKY, "obtain", "--server", server or lab.directory_url, "--ca-file", lab.roots, "--out", out, *agreed,
               *args, ok=ok)


def check_files(lab, out, name):
    verify_chain(lab.roots, *(out / f for f in FILES[:3]), name)
    key = run(OPENSSL, "pkey", "-in", out / "privkey.pem", "-pubout")
    if key != run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-pubkey"):
        sys.exit(f"{out}: the key is not the certificate's")
    for name, mode in (("privkey.pem", 0o600), ("cert.pem", 0o644), (".autarky/account.pem", 0o600),
                       (".autarky/state.json", 0o600)):
        found = stat.S_IMODE((out / name).stat().st_mode)
        if found != mode:
            sys.exit(f"{out / name} has mode {found:o}, not {mode:o}")


def text_of(out):
    return run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-text")


def ways(lab):
    out = lab.directory / "http"
    said = obtain(lab, out, "--name", f"one.{DOMAIN}", "--name", f"two.{DOMAIN}", "--http-listen",
                  f"127.0.0.1:{lab.http_port}", "--contact", f"admin@{DOMAIN}")
    expect(said, "obtained a certificate, valid until", "obtain")
    check_files(lab, out, f"two.{DOMAIN}")

    www = lab.directory / "www"
    www.mkdir()
    with Files(lab.http_port, www):
        obtain(lab, lab.directory / "webroot", "--name", f"three.{DOMAIN}", "--webroot", www, "--key", "rsa2048")
    check_files(lab, lab.directory / "webroot", f"three.{DOMAIN}")
    expect(text_of(lab.directory / "webroot"), "(2048 bit)", "the key that was asked for")
    if list((www / ".well-known/acme-challenge").iterdir()):
        sys.exit("a proof was left below the webroot")

    obtain(lab, lab.directory / "alpn", "--name", f"four.{DOMAIN}", "--alpn-listen", f"127.0.0.1:{lab.tls_port}")
    check_files(lab, lab.directory / "alpn", f"four.{DOMAIN}")


def change(state, **members):
    state.write_text(json.dumps({**json.loads(state.read_text()), **members}))


def renewals(lab):
    out = lab.directory / "http"
    first, account = (out / "cert.pem").read_text(), (out / ".autarky/account.pem").read_text()
    expect(run(AUTARKY, "renew", out), "not due before", "renew")
    if (out / "cert.pem").read_text() != first:
        sys.exit("what is not due was renewed")
    expect(run(AUTARKY, "renew", out, "--force"), "renewed, valid until", "renew --force")
    if (out / "cert.pem").read_text() == first or (out / ".autarky/account.pem").read_text() != account:
        sys.exit("renew --force: another certificate by the same account was to come")
    check_files(lab, out, f"one.{DOMAIN}")

    # The server's window moves; the client asks when it is told to, which is made to be now, and waits for its instant.
    second = (out / "cert.pem").read_text()
    lab.autarky("renewal", "pull", "--name", f"one.{DOMAIN}", "--within", "10m", "--reason", "a test")
    state = out / ".autarky/state.json"
    change(state, look_at=1, not_before=1)  # nor is it too early for another one
    run(AUTARKY, "renew", out)
    kept = json.loads(state.read_text())
    if not kept["window_start"] <= kept["renew_at"] <= kept["window_end"] < kept["look_at"]:
        sys.exit(f"the window is not what is remembered: {kept}")
    change(state, renew_at=1)
    expect(run(AUTARKY, "renew", lab.directory), f"{out}: renewed, valid until", "renew of a directory of directories")
    if (out / "cert.pem").read_text() == second:
        sys.exit("the server's window was passed over")
    if len([e for e in (out / ".autarky").iterdir() if e.name.isdigit()]) != 2:
        sys.exit("not two generations are kept")
    expect(run(AUTARKY, "renew", out, "--json"), '"issued": false', "renew --json")


def jitter(lab):
    """A random time is waited for first: of a day it is more than a second, all but once in a lifetime."""
    out = lab.directory / "http"
    waits = subprocess.Popen([AUTARKY, "renew", out, "--jitter", "1d"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        said, _ = waits.communicate(timeout=1)
        sys.exit(f"it did not wait: {said}")
    except subprocess.TimeoutExpired:
        waits.terminate()
        waits.wait(60)
    expect(run(AUTARKY, "renew", out, "--jitter", "1s"), "not due", "after a second at most")
    expect(run(AUTARKY, "renew", out, "--jitter", "25h", ok=(64,)), "up to a day", "too long")


def failures(lab):
    out = lab.directory / "http"
    first = (out / "cert.pem").read_text()
    http = f"127.0.0.1:{lab.http_port}"

    said = obtain(lab, lab.directory / "x", "--name", "other.example", "--http-listen", http, ok=(2,))
    expect(said, "the server refused newOrder with status", "a name that policy denies")
    expect(obtain(lab, lab.directory / "x", "--name", f"*.{DOMAIN}", "--http-listen", http, ok=(64,)),
           "can be proven by DNS alone", "a wildcard by http-01")
    expect(obtain(lab, lab.directory / "x", "--name", "under_score", "--http-listen", http, ok=(64,)),
           "is neither a DNS name nor an address", "no name")
    expect(obtain(lab, lab.directory / "x", "--name", f"a.{DOMAIN}", ok=(64,)), "in one way", "no way of proof")
    expect(run(AUTARKY, "obtain", "--server", lab.directory_url, "--name", f"a.{DOMAIN}", "--agree-tos", "--out",
               lab.directory / "x", "--http-listen", http, ok=(2,)), "name the roots of that CA (--ca-file)",
           "a server that is not trusted")
    expect(obtain(lab, lab.directory / "x", "--name", f"a.{DOMAIN}", "--http-listen", http, "--profile", "nonsense",
                  ok=(2,)), 'the server offers no profile "nonsense"; it has: ', "a profile")
    if (lab.directory / "x/cert.pem").exists():
        sys.exit("a failure left a certificate")

    # Nobody can reach the proof: what was in place stays, and the next attempts wait.
    state = out / ".autarky/state.json"
    kept = json.loads(state.read_text())
    kept["plan"]["value"] = f"127.0.0.1:{free_port()}"
    state.write_text(json.dumps(kept))
    (out / ".autarky/account.pem").rename(out / "account.kept")
    expect(run(AUTARKY, "renew", out, "--force", ok=(2,)), f"the proof for one.{DOMAIN}", "a proof that nobody finds")
    kept = json.loads(state.read_text())
    if kept["failures"] != 1 or "next_at" not in kept or (out / "cert.pem").read_text() != first:
        sys.exit(f"after a failure: {kept}")
    check_files(lab, out, f"one.{DOMAIN}")

    with open(out / ".autarky/lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        expect(run(AUTARKY, "renew", out, ok=(75,)), "another autarky is at work", "two at a time")
    expect(run(AUTARKY, "renew", out), "the last attempt failed, the next one is not before", "after a failure")
    expect(run(AUTARKY, "renew", lab.directory / "www", ok=(2,)), "there is nothing to renew", "nothing to renew")


def down(lab):
    """The server is away: nothing changes, and the status says that later may work."""
    url = lab.directory_url
    lab.stop()
    out = lab.directory / "alpn"
    first = (out / "cert.pem").read_text()
    expect(run(AUTARKY, "obtain", "--server", url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--name",
               f"four.{DOMAIN}", "--alpn-listen", f"127.0.0.1:{lab.tls_port}", ok=(2, 75)), "cannot be reached",
           "a server that is down")
    if (out / "cert.pem").read_text() != first:
        sys.exit("a failure changed the certificate")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab(policy=POLICY) as lab:
        lab.start()
        ways(lab)
        renewals(lab)
        jitter(lab)
        failures(lab)
        down(lab)


main()

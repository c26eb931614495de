#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""A second CA on failure: `autarky obtain` and `renew` with a running Autarky as the first server and pebble, with its bad
nonces, as the second. The first is killed, and comes back; it refuses, which is no failure; both are away."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent.parent / "lib"))
sys.path.insert(0, str(HERE.parent.parent.parent / "bench"))
import servers  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, free_port, run, verify_chain  # noqa: E402

POLICY = f"""
  - name: all
    allow: [{DOMAIN}, "*.{DOMAIN}"]
    challenges: [http-01]
"""
KID, KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


class Second(servers.Pebble):
    """Accounts are bound, so one that was not made in time cannot be made later; nonces are refused now and then."""

    environment = {"PEBBLE_WFE_NONCEREJECT": "20", "PEBBLE_VA_NOSLEEP": "1"}
    bindings = {KID: KEY}


def obtain(lab, second, out, *args, ok=(0,), roots=None, http=None):
    return run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", roots or lab.roots, "--fallback-server",
               second.directory_url, "--fallback-ca-file", second.roots, "--fallback-eab-kid", KID,
               "--fallback-eab-key-file", lab.directory / "eab.key", "--agree-tos", "--http-listen",
               http or f"127.0.0.1:{lab.http_port}", "--out", out, *args, ok=ok)


def issuer(out):
    return run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-issuer")


def state(out):
    return json.loads((out / ".autarky/state.json").read_text())


def change(out, **members):
    (out / ".autarky/state.json").write_text(json.dumps({**state(out), **members}))


def check_usage(lab, second):
    url = second.directory_url
    for args, said in (
            (("--fallback-ca-file", lab.roots), "--fallback-ca-file is for --fallback-server"),
            (("--fallback-server", url, "--fallback-eab-kid", "x"), "--fallback-eab-kid is for --fallback-eab-key-file"),
            (("--fallback-server", lab.directory_url), "would be no help")):
        expect(run(AUTARKY, "obtain", "--server", lab.directory_url, "--name", "a.example", "--out", lab.directory / "x",
                   "--agree-tos", "--http-listen", "127.0.0.1:1", *args, ok=(64,)), said, "usage")


def first_there(lab, second, out):
    """All is well: the first one issues, and the account at the second is made all the same."""
    said = obtain(lab, second, out, "--name", f"a.{DOMAIN}")
    if "fallback" in said:
        sys.exit(said)
    verify_chain(lab.roots, *(out / f for f in ("cert.pem", "chain.pem", "fullchain.pem")), f"a.{DOMAIN}")
    kept = state(out)
    if kept["issuer"] != lab.directory_url or not kept["fallback_account"].startswith(second.directory_url.removesuffix("dir")):
        sys.exit(f"the accounts that are remembered: {kept}")
    keys = [(out / ".autarky" / f).read_text() for f in ("account.pem", "fallback-account.pem")]
    if keys[0] == keys[1]:
        sys.exit("both accounts have the same key")


def refused(lab, second):
    """What the first one refuses, the second is not asked for; nor when its own roots are missing."""
    out = lab.directory / "refused"
    said = obtain(lab, second, out, "--name", "other.example", ok=(2,))
    expect(said, "the server refused newOrder with status", "a name that policy denies")
    if "asking the fallback" in said or (out / "cert.pem").exists():
        sys.exit(f"a refusal went on to the second server: {said}")
    roots = lab.directory / "none.pem"
    roots.write_text(second.roots.read_text())
    said = obtain(lab, second, out, "--name", f"a.{DOMAIN}", roots=roots, ok=(2,))
    if "asking the fallback" in said:
        sys.exit(f"a server that is not trusted: {said}")
    # A proof that cannot be made is nobody's fault but ours.
    said = obtain(lab, second, out, "--name", f"a.{DOMAIN}", http="192.0.2.1:80", ok=(2,))
    if "asking the fallback" in said:
        sys.exit(f"a proof that is not made: {said}")


def asked_when(lab):
    """The first one was never there. When to renew is a question for who issued it, and so is what is replaced."""
    out = lab.directory / "swapped"
    said = run(AUTARKY, "obtain", "--server", f"https://localhost:{free_port()}/dir", "--fallback-server",
               lab.directory_url, "--fallback-ca-file", lab.roots, "--agree-tos", "--name", f"s.{DOMAIN}", "--http-listen",
               f"127.0.0.1:{lab.http_port}", "--out", out)
    expect(said, "obtained a certificate from the fallback server", "a first certificate")
    lab.autarky("renewal", "pull", "--name", f"s.{DOMAIN}", "--within", "10m", "--reason", "a test")
    change(out, look_at=1, not_before=1)
    run(AUTARKY, "renew", out)
    kept = state(out)
    if not kept["window_start"] <= kept["renew_at"] <= kept["window_end"] < kept["look_at"]:
        sys.exit(f"the second server was not asked when to renew: {kept}")


def killed(lab, second, out):
    first = issuer(out)
    lab.server.popen.kill()
    lab.server.popen.wait()
    lab.server = None
    said = run(AUTARKY, "renew", out, "--force")
    expect(said, "asking the fallback server", "what goes on")
    expect(said, "renewed from the fallback server", "what came of it")
    expect(issuer(out), "Pebble", "who issued it")
    if issuer(out) == first:
        sys.exit("the issuer is the same")
    if state(out)["issuer"] != second.directory_url or state(out)["failures"]:
        sys.exit(f"what is remembered: {state(out)}")
    expect(run(AUTARKY, "agent", "doctor", out, ok=(0, 2)), "the fallback server issued it", "doctor")


def both_away(lab, second, out):
    before = issuer(out)
    second.stop()
    said = run(AUTARKY, "renew", out, "--force", ok=(2, 75))
    expect(said, "and the fallback server", "both are away")
    if issuer(out) != before or state(out)["failures"] != 1:
        sys.exit(f"after a failure of both: {state(out)}")


def back(lab, second, out):
    """The first one is back: so is its certificate, with the next renewal."""
    lab.start()
    change(out, plan={**state(out)["plan"], "server": lab.directory_url})
    said = run(AUTARKY, "renew", out, "--force")
    if "fallback" in said:
        sys.exit(said)
    if state(out)["issuer"] != lab.directory_url or "Pebble" in issuer(out):
        sys.exit(f"after coming back: {state(out)}")
    # The second is still away, which a new certificate does not mind, and says.
    said = obtain(lab, second, lab.directory / "new", "--name", f"n.{DOMAIN}")
    expect(said, "there is no account at the fallback server yet", "a second server that is away")
    if run(AUTARKY, "renew", out, "--json").count('"fallback"'):
        sys.exit("it is not the second one's")


def many(lab, second):
    """A first server that is not there, behind a port that takes no more connections: of several certificates one waits
    for it, and the others do not."""
    tree = lab.directory / "many"
    tree.mkdir()
    port = free_port()
    with socket.socket() as silent, contextlib.ExitStack() as held:
        silent.bind(("127.0.0.1", port))
        silent.listen(0)
        for name in "abc":
            obtain(lab, second, tree / name, "--name", f"{name}.{DOMAIN}")
            change(tree / name, plan={**state(tree / name)["plan"], "server": f"https://127.0.0.1:{port}/dir"})
        for _ in range(2):  # its queue is full
            one = held.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        def renew(*options):
            began = time.monotonic()
            said = run(AUTARKY, "renew", tree, "--force", *options)
            if said.count("renewed from the fallback server") != 3 or said.count("gave no answer a short while ago") != (
                    3 if options else 2) or said.count("within 10s") != (0 if options else 1):
                sys.exit(said)
            return time.monotonic() - began

        # Its being dead is found by the first of them, which asks for ARI.
        took, without = renew(), renew("--first-silent")
        print(f"three renewals with a silent first server: {took:.1f} s, and {without:.1f} s where that is known")
        if took - without > 45:  # it was three times a minute and a half
            sys.exit("each of them waits for the first server")
        if "silent_at" not in state(tree / "a") or "silent_at" in state(tree / "b"):
            sys.exit(f"who has found it: {state(tree / 'a')} {state(tree / 'b')}")
        # The daemon has its renewals told: this one does not find it out once more.
        change(tree / "b", renew_at=1, window_start=1, window_end=2)
        daemon = subprocess.Popen([AUTARKY, "agent", "run", tree], stderr=subprocess.PIPE, text=True)
        try:
            if not any("renewed from the fallback server" in line for line in daemon.stderr) or "silent_at" in state(tree / "b"):
                sys.exit(f"the agent's renewal was not told: {state(tree / 'b')}")
        finally:
            daemon.terminate()
            daemon.communicate(timeout=90)


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab(policy=POLICY) as lab:
        lab.start()
        (lab.directory / "eab.key").write_text(KEY + "\n")
        (lab.directory / "eab.key").chmod(0o600)
        second = Second(lab.directory, lab.dns.port, lab.http_port)
        second.start()
        try:
            out = lab.directory / "out"
            check_usage(lab, second)
            first_there(lab, second, out)
            refused(lab, second)
            many(lab, second)
            asked_when(lab)
            killed(lab, second, out)
            both_away(lab, second, out)
            back(lab, second, out)
        finally:
            second.stop()


main()

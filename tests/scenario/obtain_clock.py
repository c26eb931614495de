#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=500
"""A host whose clock is wrong, by faketime: far ahead or behind when a renewal begins, and leaping while an order is
under way, for a hand and under `agent run`. Each time the certificate before is in place, whole, the message names the
clock and what to do, and as soon as the clock is right everything goes on as if it had never been wrong."""

import http.server
import json
import os
import pathlib
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, Process, expect, run, wait_for  # noqa: E402

LIBRARY = pathlib.Path("/usr/lib") / f"{os.uname().machine}-linux-gnu" / "faketime/libfaketime.so.1"
POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [http-01]\n"
RIGHT, CURE = "+0", "timedatectl set-ntp true"
# A hook that serves the proof, and sets the clock as the file "leap" says.
HOOK = """#!/bin/sh
[ "$1 $2" = "begin http-01" ] || exit 0
printf %s "$5" > "$ROOT/$4"
cat "$LEAP" > "$CLOCK"
"""


class Host:
    """A machine with a clock of its own: what runs in its environment believes it."""

    def __init__(self, lab):
        self.clock, self.leap = lab.directory / "clock", lab.directory / "leap"
        self.root = lab.directory / "proofs"
        self.root.mkdir()
        self.env = {**os.environ, "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.set(RIGHT)
        self.hook = lab.directory / "hook"
        self.hook.write_text(HOOK)
        self.hook.chmod(0o755)
        (lab.directory / "hook-env").write_text(f"ROOT={self.root}\nLEAP={self.leap}\nCLOCK={self.clock}\n")
        (lab.directory / "hook-env").chmod(0o600)
        self.serve(lab.http_port)

    def set(self, offset, leap=None):
        """The clock, and what becomes of it in the middle of the next order."""
        self.clock.write_text(offset + "\n")
        self.leap.write_text((leap or offset) + "\n")

    def serve(self, port):
        root = self.root

        class Proofs(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                body = (root / pathlib.PurePath(self.path).name).read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Proofs)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()


class Place:
    def __init__(self, lab, host, out):
        self.host, self.out = host, out
        self.renew("obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--name",
                   f"a.{DOMAIN}", "--profile", "short", "--challenge", "http-01", "--hook", f"uacme:{host.hook}", "--hook-env",
                   lab.directory / "hook-env")

    def renew(self, *args, ok=(0,)):
        return run(AUTARKY, *(args or ("renew", self.out)), ok=ok, env=self.host.env)

    def files(self):
        return {n: (self.out / n).read_text() for n in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")}

    @property
    def state(self):
        return json.loads((self.out / ".autarky/state.json").read_text())

    def whole(self):
        if run(OPENSSL, "pkey", "-in", self.out / "privkey.pem", "-pubout") != \
                run(OPENSSL, "x509", "-in", self.out / "cert.pem", "-noout", "-pubkey"):
            sys.exit("the key is not the certificate's")

    def fails(self, clock, leap, *words):
        before = self.files()
        self.host.set(clock, leap)
        said = self.renew("renew", self.out, "--force", ok=(2,))
        for word in (*words, CURE):
            expect(said, word, f"a clock at {clock}, leaping to {leap}")
        if self.files() != before or "pending" in self.state:
            sys.exit(f"a clock at {clock}, leaping to {leap}, changed what is served: {said}")
        self.host.set(RIGHT)
        expect(self.renew(), "not due before", "the clock is right again, and what it was is not waited for")


def by_hand(place):
    place.fails("-3y", None, "certificate is not yet valid", "by the clock of this machine it is 20")
    place.fails("+60y", None, "certificate has expired", "by the clock of this machine it is 20")
    place.fails(RIGHT, "-9d", "the new certificate is valid only from", "it is not used")
    place.fails(RIGHT, "+9d", "the new certificate expired at", "it is not used")
    place.host.set("-9d")
    expect(place.renew(), "that clock is behind; set it", "nothing is due, and why")
    expect(doctor(place), "failed   clock          " + str(place.out) + ": the certificate in place is valid from", "doctor")
    place.host.set("+9d")
    expect(doctor(place), "has expired, at", "doctor, of a clock that is ahead")
    place.host.set(RIGHT)
    before = place.files()
    expect(place.renew("renew", place.out, "--force"), "renewed, valid until", "the clock is right")
    place.whole()
    if place.files() == before or place.state["failures"] or not 0 < place.state["issue_took"] < 60_000_000:
        sys.exit(f"after the clock was wrong: {place.state}")


def doctor(place):
    return place.renew("agent", "doctor", place.out.parent, ok=(2,))


def took(place):
    """A leap in the middle that harms nobody is no time that passed."""
    place.host.set(RIGHT, "+1d")
    place.renew("renew", place.out, "--force")
    place.host.set(RIGHT)
    if not 0 < place.state["issue_took"] < 60_000_000:
        sys.exit(f"a leap counts as time: {place.state}")
    place.renew("renew", place.out, "--force")
    place.whole()


def under_a_daemon(lab, place):
    agent = Process("agent", lab.directory, AUTARKY, "agent", "run", place.out.parent, env=place.host.env)
    try:
        wait_for("the agent", lambda: "keeps" in agent.log.read_text())
        served = place.files()
        place.host.set("+9d")
        agent.popen.send_signal(signal.SIGHUP)
        wait_for("a failure", lambda: place.state["failures"] > 0, 60)
        wait_for("what it says", lambda: CURE in agent.log.read_text())
        expect(agent.log.read_text(), "the new certificate expired at", "the agent, ahead of the time")

        place.host.set("-9d")
        for _ in range(2):
            agent.popen.send_signal(signal.SIGHUP)
            wait_for("what it says", lambda: "that clock is behind; set it" in agent.log.read_text())
        place.host.set(RIGHT)
        agent.popen.send_signal(signal.SIGHUP)
        wait_for("what it says", lambda: "the clock of this machine is right again" in agent.log.read_text())
        # By the agent once, and by a renewal that was tried for the first signal.
        if not 1 <= agent.log.read_text().count("that clock is behind") <= 2 or place.files() != served:
            sys.exit(f"a clock that was wrong changed what is served, or was said again and again: {agent.log.read_text()}")

        place.host.set("+5d")  # due, and the certificate is valid still
        agent.popen.send_signal(signal.SIGHUP)
        wait_for("a renewal when it is due", lambda: place.files() != served, 60)
        wait_for("its state", lambda: place.state["failures"] == 0)
        place.whole()
    finally:
        if agent.stop() != 0:
            sys.exit(f"the agent did not end in order:\n{agent.log.read_text()}")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    if not LIBRARY.exists():
        print("faketime is not installed")
        sys.exit(77)
    with Lab(policy=POLICY) as lab:
        lab.start()
        certs = lab.directory / "certs"
        certs.mkdir()
        place = Place(lab, Host(lab), certs / "a")
        by_hand(place)
        took(place)
        under_a_daemon(lab, place)


main()

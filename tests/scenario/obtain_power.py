#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=900
"""The power fails at each step of a whole job, one after the other: the process ends there, in the middle of a file as well. What
is served is the pair before or the new one, whole, and no key was for others to read, not for a moment; the next run ends what was
begun, and what was obtained is not ordered again. Jobs wait most of their time for the server, so several are cut at once, each in a
directory of its own."""

import concurrent.futures
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import serialization

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, Lab, run  # noqa: E402
from place import webroot  # noqa: E402

POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [http-01]\n"
NAME = f"power.{DOMAIN}"
FILES = ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")
MOST = 200  # steps of one job; it has about thirty
AT_ONCE = 6


def job(*args, cut):
    """Its status; -9 where it was cut. Nothing but its own modes keeps others from its files."""
    env = {**os.environ, "AUTARKY_CUT_AT": str(cut)}
    done = subprocess.run([str(a) for a in (AUTARKY, *args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=180, env=env, umask=0)
    if done.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"cut at step {cut}: status {done.returncode}\n{done.stdout}")
    return done.returncode


def public_of(what, path):
    data = path.read_bytes()
    key = serialization.load_pem_private_key(data[data.index(b"-----BEGIN PRIVATE"):], None).public_key() if what == "key" \
        else x509.load_pem_x509_certificate(data).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Place:
    def __init__(self, lab, name):
        self.lab, self.out = lab, lab.directory / name
        self.copies = lab.directory / f"{name}.copies"
        self.name = f"{name}.{NAME}"
        self.copies.mkdir()
        self.combined, self.link = self.copies / "combined.pem", self.copies / "link.pem"
        self.arguments = ("obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", self.out, "--agree-tos", "--name", self.name,
                          "--webroot", lab.directory / "web")

    def state(self):
        return json.loads((self.out / ".autarky/state.json").read_text())

    def also(self):
        state = self.state()
        state["plan"]["also"] = [f"copy:combined:{self.combined}", f"link:fullchain:{self.link}"]
        (self.out / ".autarky/state.json").write_text(json.dumps(state))

    def served(self):
        """The public key of what the four names show; None: nothing yet. A mixture ends the test."""
        if not all((self.out / f).exists() for f in FILES):
            return None
        key = public_of("key", self.out / "privkey.pem")
        for name in ("cert.pem", "fullchain.pem"):
            if public_of("certificate", self.out / name) != key:
                sys.exit(f"{self.out}: a mixture")
        if (self.out / "cert.pem").read_text() + (self.out / "chain.pem").read_text() != (self.out / "fullchain.pem").read_text():
            sys.exit(f"{self.out}: chain and certificate are not of one another")
        return key

    def issued(self):
        """How many certificates the server has made for it."""
        return len(json.loads(self.lab.autarky("cert", "find", "--name", self.name, "--json"))["items"])

    def installed(self, generation):
        """What the journal says last of the links."""
        lines = (self.out / ".autarky/journal").read_text().splitlines()
        notes = [json.loads(line) for line in lines if line.endswith("}")]  # one may be half a line
        return [n["subject"] for n in notes if n["what"] in ("installed", "restored")][-1:] == [f"generation {generation}"]

    def live(self):
        return os.readlink(self.out / ".autarky/live")

    def copied(self):
        """The same of the copy, and that the link leads to what is served."""
        key = public_of("key", self.combined)
        if public_of("certificate", self.combined) != key or "END" not in self.combined.read_text().splitlines()[-1]:
            sys.exit("the copy is half a file")
        if self.link.read_text() != (self.out / "fullchain.pem").read_text():
            sys.exit("the link leads elsewhere")
        return key

    def closed(self):
        """What has a key, or the first bytes of one, is its owner's alone from these on."""
        for file in (*self.out.rglob("*"), *self.copies.iterdir()):
            if file.is_file() and not file.is_symlink() and b"BEGIN PRIV" in file.read_bytes() and file.stat().st_mode & 0o077:
                sys.exit(f"{file} has a key, and mode {file.stat().st_mode & 0o777:o}")

    def left_over(self):
        """Files that nobody needs; what a cut leaves has to be gone after the next run: half of a copy beside it, and the key that an order
        was made with."""
        found = [f for f in self.copies.iterdir() if f not in (self.combined, self.link)]
        found += [f for f in self.out.iterdir() if f.name not in (*FILES, ".autarky")]
        return found + [f for f in (self.out / ".autarky").iterdir() if f.name.startswith(".tmp-") or f.name.endswith(".new") or f.name == "order"]


def first(lab, n):
    """Where there was nothing before: nothing is served, or all of it. False: there is no such step."""
    place = Place(lab, f"first-{n}")
    status = job(*place.arguments, cut=n)
    place.closed()
    served = place.served()
    if status == 0:
        return False
    if (place.out / ".autarky/state.json").exists():
        run(AUTARKY, "renew", place.out)  # it was obtained, and is not ordered again
    else:
        if served is not None:
            sys.exit(f"cut at step {n}: something is served of which nothing is known")
        run(AUTARKY, *place.arguments)
    if place.served() is None or "pending" in place.state():
        sys.exit(f"cut at step {n}: the next run did not end it")
    if place.left_over():
        sys.exit(f"cut at step {n}: {place.left_over()} are left")
    if place.issued() != 1:
        sys.exit(f"cut at step {n}: the server has issued {place.issued()} certificates")
    if not place.installed(place.live()):
        sys.exit(f"cut at step {n}: the journal does not say that it was put in place")
    return True


def renewed(lab, n):
    place = Place(lab, f"renewed-{n}")
    run(AUTARKY, *place.arguments)
    place.also()
    run(AUTARKY, "renew", place.out, "--force")
    before = place.served()
    status = job("renew", place.out, "--force", cut=n)
    place.closed()
    after, copy = place.served(), place.copied()
    if status == 0:
        if after == before or copy != after:
            sys.exit("a job that was not cut renewed nothing")
        return False
    if copy not in (before, after):
        sys.exit(f"cut at step {n}: the copy is neither the old one nor the new one")
    pending = place.state().get("pending")
    obtained = (place.out / f".autarky/{pending}/cert.pem").read_text() if pending else None
    said = run(AUTARKY, "renew", place.out, *(() if pending else ("--force",)))
    if "renewed, valid until" not in said and pending:
        sys.exit(f"cut at step {n}: {said}")
    ended = place.served()
    if ended == before or place.copied() != ended or "pending" in place.state():
        sys.exit(f"cut at step {n}: the next run did not end it: {said}")
    if pending and (place.out / "cert.pem").read_text() != obtained:
        sys.exit(f"cut at step {n}: what was obtained was ordered again")
    if place.left_over():
        sys.exit(f"cut at step {n}: {place.left_over()} are left")
    if place.issued() != (3 if pending or after == before else 4):  # else all had been done before the cut
        sys.exit(f"cut at step {n}: the server has issued {place.issued()} certificates")
    if not place.installed(place.live()):
        sys.exit(f"cut at step {n}: the journal does not say that it was put in place")
    return True


def all_steps(lab, job_of):
    """How many there are."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for begin in range(1, MOST, AT_ONCE):
            cut = list(pool.map(functools.partial(job_of, lab), range(begin, begin + AT_ONCE)))
            if not all(cut):
                if any(cut[cut.index(False):]):
                    sys.exit(f"from step {begin} on: {cut}")
                return begin - 1 + cut.index(False)
    sys.exit("it never came to an end")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab(policy=POLICY) as lab:
        lab.start()
        with webroot(lab):
            steps = all_steps(lab, first), all_steps(lab, renewed)
        if min(steps) < 15:
            sys.exit(f"there are {steps} steps: not all were cut")
        print(f"cut at {steps[0]} steps of a first job and {steps[1]} of a renewal")


main()

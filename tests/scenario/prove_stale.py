#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=1200
"""nginx, HAProxy, Postfix, Dovecot and PostgreSQL, real ones, each of which forgets to reload, serves an old chain, or has one of its two
addresses stale: the certificate before is in place again and served, the message says where and what, and once the service is put right the new
one, which waited, is served at both. The old chain is that of an issuer that was replaced, from a file that nobody writes any more."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import OPENSSL, Lab, expect, free_port, run, wait_for  # noqa: E402
from place import NAME, UNPROVEN, Place, same, webroot  # noqa: E402
from services import ROOT, Dovecot, Haproxy, Nginx, Postfix, Postgres, group_of  # noqa: E402

ADDRESSES = "127.0.0.1", "127.0.0.2"


class Copies:
    """Certificates and key as a service reads them here: of files that a script of its administrator puts together. The chain is of a file beside
    them, as in many a script, and not the client's."""

    def __init__(self, lab, name, place, combined=False):
        self.directory = lab.directory / f"{name}.files"
        self.directory.mkdir(mode=0o755)
        self.place, self.combined = place, combined
        self.full, self.key, self.issuers = (self.directory / n for n in ("full.pem", "key.pem", "issuers.pem"))
        if combined:
            self.full = self.key = self.directory / "both.pem"
        self.issuers.write_text((place.out / "chain.pem").read_text())
        self.script = self.directory / "put"
        out, more = place.out, f" {place.private}" if combined else ""
        alone = "" if combined else f"cp -p {place.private} {self.key}.new && mv {self.key}.new {self.key}\n"
        self.script.write_text(f"#!/bin/sh\nset -e\ncd {self.directory}\ncat {out}/cert.pem {self.issuers}{more} >{self.full}.new\n"
                               f"mv {self.full}.new {self.full}\n{alone}" + 'exec "$@"\n')
        self.script.chmod(0o755)
        run(self.script, "true")


class Case:
    """`make(name, chain, key, address, port)` starts a service with these files there; it has a command that reloads it."""

    def __init__(self, lab, name, protocol, make, combined=False, owner=()):
        self.lab, self.name, self.protocol, self.make, self.owner, self.combined = lab, name, protocol, make, owner, combined
        self.place = Place(lab, name, root=lab.directory / "web")
        self.port, self.one, self.two, self.both = free_port(), None, None, None

    def seen(self, address):
        begin = ("-starttls", self.protocol) if self.protocol != "tls" else ()
        said = run(OPENSSL, "s_client", "-connect", f"{address}:{self.port}", *begin, "-servername", NAME, "-showcerts", ok=(0, 1), timeout=60)
        return [c.split("-----END")[0] for c in said.split("-----BEGIN CERTIFICATE-----")[1:]]

    def serves(self, what):
        """At both addresses, with its chain; a worker that is about to end may still take a connection."""
        wanted = [c.split("-----END")[0] for c in what.split("-----BEGIN CERTIFICATE-----")[1:]]
        for address in ADDRESSES:
            wait_for(f"{self.name}: what {address} serves", lambda a=address: "".join("".join(self.seen(a)).split()) ==
                     "".join("".join(wanted).split()))

    def fails(self, before, *words):
        said = self.place.renew("--force", ok=(UNPROVEN,))
        for word in (*words, "The one before is in place again, and is served; `autarky", "renew` tries the new one again"):
            expect(said, word, self.name)
        if self.place.chain.read_text() != before:
            sys.exit(f"{self.name}: the one before is to be in place")
        self.serves(before)

    def heals(self):
        """Once it is told of it as it should be, what waited is served; no other one is ordered."""
        waits = (self.place.out / ".autarky" / str(self.place.state["pending"]) / "cert.pem").read_text()
        self.place.change(reload=self.both, prove_for="30s")
        expect(self.place.renew("--force"), "renewed", f"{self.name}, put right")
        if not same(self.place.leaf(), waits):
            sys.exit(f"{self.name}: another one was ordered")
        self.serves(self.place.chain.read_text())

    def begin(self, services):
        self.place.obtain(*self.owner)
        copies = Copies(self.lab, self.name, self.place, self.combined)
        self.copies = copies
        self.one, self.two = (services.enter_context(self.make(f"{self.name}-{address[-1]}", copies.full, copies.key, address, self.port))
                              for address in ADDRESSES)
        self.both = f"shell:{copies.script} true && {self.one.again} && {self.two.again}"
        places = [a for address in ADDRESSES for a in ("--prove", f"{self.protocol}:{address}:{self.port}")]
        self.place.obtain(*self.owner, "--reload", self.both, *places)
        self.serves(self.place.chain.read_text())

    def forgets(self):
        before = self.place.chain.read_text()
        self.place.change(reload=f"{self.copies.script} true", prove_for="1s")
        self.fails(before, f"at {ADDRESSES[0]}:{self.port} asked for {NAME}: it serves the certificate that was in place before: it has not read "
                   "the new files; and so, or likewise, at 1 more of 2 places")
        self.heals()

    def stale(self):
        before = self.place.chain.read_text()
        self.place.change(reload=f"shell:{self.copies.script} true && {self.one.again}", prove_for="3s")
        self.fails(before, f"at {ADDRESSES[1]}:{self.port} asked for {NAME}: it serves the certificate that was in place before: it has not read "
                   "the new files. ")
        self.heals()

    def old_chain(self):
        before = self.place.chain.read_text()
        self.place.change(reload=self.both, prove_for="3s")
        self.fails(before, "it serves the new certificate with another chain")
        script = self.copies.script.read_text()
        self.copies.script.write_text(script.replace(f"{self.place.out}/cert.pem {self.copies.issuers}", str(self.place.chain)))
        self.heals()


def told_by(service, command):
    service.again = command
    return service


def nginx(lab):
    def make(name, chain, key, address, port):
        service = Nginx(lab.directory, [(chain, key)], address=address, port=port, name=name)
        return told_by(service, f"kill -HUP $(cat {service.pid})")
    return Case(lab, "nginx", "tls", make)


def haproxy(lab):
    def make(name, both, _, address, port):
        service = Haproxy(lab.directory, both, address=address, port=port, name=name)
        return told_by(service, f"kill -USR2 $(cat {service.pid})")
    return Case(lab, "haproxy", "tls", make, combined=True)


def postfix(lab):
    def make(name, chain, key, address, port):
        service = Postfix(lab.directory, chain, key, address=address, port=port, name=name)
        return told_by(service, service.reload)
    return Case(lab, "postfix", "smtp", make)


def dovecot(lab):
    def make(name, chain, key, address, port):
        service = Dovecot(lab.directory, chain, key, address=address, imap=port, name=name)
        return told_by(service, f"kill -HUP $(cat {service.pid})")
    return Case(lab, "dovecot", "imap", make)


def postgres(lab):
    def make(name, chain, key, address, port):
        service = Postgres(lab.directory, chain, key, address=address, port=port, name=name)
        return told_by(service, f"kill -HUP $(head -n 1 {service.pid})")
    mine = ("--owner", "postgres", "--group", group_of("postgres"), "--mode", "0600") if ROOT else ()
    return Case(lab, "postgres", "postgres", make, owner=mine)


def rotate(lab, chain):
    """Replaces the issuer of a chain: what is renewed after that has another one than the files of scripts."""
    name = run(OPENSSL, "x509", "-in", chain, "-noout", "-issuer", "-nameopt", "multiline").split("commonName")[1].split("=")[1].strip()
    issuers = json.loads(lab.autarky("issuer", "list", "--json"))["issuers"]
    lab.autarky("issuer", "rotate", next(i["ref"] for i in issuers if i["subject"].endswith(name)), "--now")

    def ready():
        log = lab.log()
        return log.count("serve.role-ready role=signer") == 1 + log.count("serve.restarts role=signer")
    wait_for("the signer", ready, 120)


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab:
        lab.start()
        with webroot(lab), contextlib.ExitStack() as services, concurrent.futures.ThreadPoolExecutor() as pool:
            cases = [make(lab) for make in (nginx, haproxy, postgres, *((postfix, dovecot) if ROOT else ()))]

            def each(step):
                """Most of it is waiting."""
                list(pool.map(step, cases))
            for case in cases:
                case.begin(services)
            each(Case.forgets)
            each(Case.stale)
            rotate(lab, cases[0].place.chain)
            each(Case.old_chain)
        if not ROOT:
            print("Postfix and Dovecot need root; left out")


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates for several kinds of keys by one `autarky-agent obtain`: nginx and HAProxy, which need all of them to start; renewed by
one `renew`, taken back one by one; one kind that cannot be had; a run that is killed when the service is told of the first."""

import json
import os
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, OPENSSL, Lab, expect, free_port, run, wait_for  # noqa: E402
from place import NAME, Place, same  # noqa: E402
from services import ROOT, Haproxy, listens  # noqa: E402

KINDS = {"p256": "ecdsa_secp256r1_sha256", "rsa2048": "rsa_pss_rsae_sha256:rsa_pkcs1_sha256", "ed25519": "ed25519"}
PARTLY, USAGE = 3, 64


def shown(port, kind):
    """The leaf of who takes signatures of that kind alone; HAProxy knows those of RSA by PKCS #1 only."""
    said = run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME, "-sigalgs", KINDS[kind], ok=(0, 1))
    leaf = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.S)
    return leaf[0] if leaf else ""


class Several(Place):
    """The first kind in `out`, the others below it."""

    def __init__(self, lab, name, *kinds):
        super().__init__(lab, name, kinds[0])
        self.kinds = kinds

    def below(self, kind):
        place = Place(self.lab, self.out.name, kind)
        if kind != self.kinds[0]:
            place.out = self.out / kind
            place.chain, place.private = place.out / "fullchain.pem", place.out / "privkey.pem"
        return place

    def all(self):
        return [self.below(kind) for kind in self.kinds]

    def obtain(self, *args, **options):
        return super().obtain(*(a for kind in self.kinds[1:] for a in ("--key", kind)), *args, **options)

    def are_served(self, port):
        for place in self.all():
            wait_for(f"{place.key} on port {port}", lambda p=place: same(shown(port, p.key), p.leaf()))


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


class Nginx:
    """It starts by being told to reload, with all certificates or not at all."""

    def __init__(self, lab, places, name):
        self.root, self.port = lab.directory / name, free_port()
        self.root.mkdir()
        (self.root / "tmp").mkdir()
        conf, self.pid = self.root / "nginx.conf", self.root / "pid"
        lines = "".join(f"ssl_certificate {p.chain}; ssl_certificate_key {p.private};\n" for p in places)
        temporary = "".join(f"{t}_temp_path {self.root}/tmp;\n" for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf.write_text(f"{'user root;' if ROOT else ''} worker_processes 1; pid {self.pid};\nevents {{ }}\nhttp {{ access_log off; {temporary}\n"
                        f"server {{ listen 127.0.0.1:{self.port} ssl;\n{lines} return 200; }} }}\n")
        nginx = f"/usr/sbin/nginx -p {self.root} -c {conf} -e {self.root}/error.log"
        self.reload = script(self.root / "reload.sh", f"echo told >>{self.root}/told\n[ -s {self.pid} ] && exec {nginx} -s reload\n"
                             f"exec setsid {nginx} </dev/null >/dev/null 2>&1\n")
        self.options = ("--reload", self.reload, "--prove", f"127.0.0.1:{self.port}", "--prove-for", "20s")

    def told(self):
        path = self.root / "told"
        return path.read_text().count("told") if path.exists() else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid.exists():
            os.kill(int(self.pid.read_text()), signal.SIGQUIT)
            wait_for("the end of nginx", lambda: not listens(self.port))


def of_one_name(lab):
    web = Several(lab, "web", "p256", "rsa2048", "ed25519")
    with Nginx(lab, web.all(), "nginx") as nginx:
        before = lab.accounts()
        answer = json.loads(web.obtain(*nginx.options, "--json"))
        if [(a["directory"], a["issued"]) for a in answer] != [(str(p.out), True) for p in web.all()]:
            sys.exit(f"obtain --json: {answer}")
        web.are_served(nginx.port)
        if lab.accounts() != before + 1:
            sys.exit("one account is for all kinds")
        for place in web.all():
            if not place.state["proven"] or place.state["plan"]["key"] != place.key:
                sys.exit(f"{place.key}: {place.state}")
            key = run(OPENSSL, "pkey", "-in", place.private, "-noout", "-text")
            expect(key.lower(), {"p256": "prime256v1", "rsa2048": "2048 bit", "ed25519": "ed25519 private"}[place.key], "the key")
        expect(web.renew(), "not due", "renew")
        leaves = [p.leaf() for p in web.all()]
        if web.renew("--force").count(": renewed") != 3:
            sys.exit("renew is for all kinds")
        web.are_served(nginx.port)
        if any(p.leaf() in leaves for p in web.all()):
            sys.exit("a certificate was not renewed")
        doctor = run(AGENT, "agent", "doctor", web.out, ok=(0, 1, 2, 3))
        for place in web.all():
            expect(doctor, str(place.out), "agent doctor")
        one_alone(web, nginx)
        left_over(web, nginx)


def one_alone(web, nginx):
    """RSA is not told to the service, so it is taken back, and the others are renewed."""
    rsa = web.below("rsa2048")
    leaves = {p.key: p.leaf() for p in web.all()}
    rsa.change(reload="/bin/true", prove_for="1s")
    if run(AGENT, "renew", web.out, "--alone", "--dry-run").count(": not due") != 1:
        sys.exit("--alone is for one directory")
    said = run(AGENT, "renew", rsa.out, "--force", ok=(5,))
    expect(said, "The one before is in place again, and is served", "RSA that nobody reads")
    if not same(rsa.leaf(), leaves["rsa2048"]):
        sys.exit("RSA: the one before is to be in place")
    web.are_served(nginx.port)
    web.renew("--force", ok=(PARTLY,))
    if {k for k, leaf in leaves.items() if not same(web.below(k).leaf(), leaf)} != {"p256", "ed25519"}:
        sys.exit("the others are renewed all the same")


def left_over(web, nginx):
    said = Place.obtain(web, "--key", "ed25519", *nginx.options)
    expect(said, f"{web.out}/rsa2048 holds a certificate as well", "one kind less")
    if "ed25519 holds" in said:
        sys.exit(said)


def in_one_file(lab):
    """HAProxy is told of FILE, and finds FILE.ecdsa and FILE.rsa."""
    both = lab.directory / "both.pem"
    both.write_text("of before")
    said = Several(lab, "haproxy-files", "p256", "rsa2048").obtain("--combined", both, ok=(2,))
    expect(said, "HAProxy would go on reading that", "the file for one kind")
    both.unlink()
    place = Several(lab, "haproxy-files", "p256", "rsa2048")
    place.obtain("--combined", both)
    with Haproxy(lab.directory, both) as service:
        place.are_served(service.port)
        place.obtain("--for", "haproxy", "--combined", both, "--reload", f"signal:USR2:{service.pid}", "--prove", f"127.0.0.1:{service.port}",
                     "--prove-for", "20s")
        place.are_served(service.port)
        if both.exists() or not all((lab.directory / f"both.pem.{end}").exists() for end in ("ecdsa", "rsa")):
            sys.exit("the files for HAProxy")


def not_to_be_had(lab):
    """The authority's issuer of SM2 is at rest: nobody is told of the other one."""
    lab.autarky("issuance", "freeze", "--issuer", "sm2-1", "--renewals", "--reason", "a test")
    place = Several(lab, "none", "p256", "sm2")
    mark = lab.directory / "reloaded"
    reload = script(lab.directory / "mark.sh", f"touch {mark}\n")
    said = place.obtain("--reload", reload, ok=(2,))
    for words in ("that was --key sm2", "no service is told of any of them"):
        expect(said, words, "a kind that is not to be had")
    expect(place.renew(), "a new certificate is ready, and is held for those of other kinds", "what is held")
    if mark.exists():
        sys.exit("a service was told of half of them")
    leaf = place.leaf()
    place.obtain("--reload", reload, ok=(2,))
    if place.leaf() != leaf:
        sys.exit("what is held is not ordered again")
    place.kinds = ("p256", "rsa2048")
    place.obtain("--reload", reload)
    if not mark.exists():
        sys.exit("no service was told")
    if place.leaf() != leaf:
        sys.exit("what was held is what is used")
    place.kinds = ("p256", "rsa3072")
    said = place.obtain("--reload", reload, "--combined", lab.directory / "other.pem", ok=(2,))
    expect(said, f"{place.out}/rsa2048 holds a certificate of the same algorithm", "another RSA in the same file")
    expect(place.obtain("--reload", reload), f"{place.out}/rsa2048 holds a certificate as well", "another RSA")


def killed(lab):
    """When the service is told of the first: both are there, and the next run goes on without another order."""
    place = Several(lab, "killed", "p256", "rsa2048")
    with Nginx(lab, place.all(), "nginx-killed") as nginx:
        text = nginx.reload.read_text()
        once = lab.directory / "once"
        script(nginx.reload, f"[ -e {once} ] || {{ touch {once}; kill -9 $PPID; exit 1; }}\n" + text.split("\n", 1)[1])
        place.obtain(*nginx.options, ok=(-signal.SIGKILL,))
        leaves = [p.leaf() for p in place.all()]
        expect(place.renew(), "is held for those of other kinds", "the second one")
        place.renew("--despite-window")
        place.are_served(nginx.port)
        if [p.leaf() for p in place.all()] != leaves or not all(p.state["proven"] for p in place.all()):
            sys.exit("the next run goes on with what is there")


def usage(lab):
    for kinds, more, words in ((("p256", "p384"), (), "of one algorithm"), (("p256", "sm2"), ("--for", "nginx"), "that was --key sm2"),
                               (("p256", "rsb"), (), 'is "rsb"'),
                               (("p256", "rsa"), ("--pair", "/x", "--prove", "127.0.0.1:1"), "--pair is for one certificate")):
        expect(Several(lab, "usage", *kinds).obtain(*more, ok=(USAGE,)), words, f"--key {kinds}")
    if (lab.directory / "usage").exists():
        sys.exit("nothing is to be made for a command that is wrong")


def main():
    with Lab() as lab:
        lab.start()
        lab.accounts = lambda: len(json.loads(lab.autarky("account", "list", "--json"))["items"])
        usage(lab)
        of_one_name(lab)
        in_one_file(lab)
        not_to_be_had(lab)
        killed(lab)


main()

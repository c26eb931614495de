#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=400
"""Orders that renew themselves (STAR, RFC 8739), with the library behind certbot: read by their owner and by anybody, for a month of
a clock that is moved, while core and signer are killed in the middle of it, until they are canceled or over. Each certificate is
there before half of the one before is over; none is missing at the end, and none is there twice.

AUTARKY_SEED repeats a run's choices."""

import datetime
import json
import os
import pathlib
import random
import signal
import sys

# Behind the system's: "acme" is the library here.
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import josepy  # noqa: E402
import OpenSSL  # noqa: E402
from lab import AUTARKY, DOMAIN, Clock, Lab, run, wait_for  # noqa: E402
from library import Library, kind_of, leaf  # noqa: E402
from responder import Http01  # noqa: E402

CONFIG = "acme: {star: {enabled: true, min_lifetime: 1h}}\n"
DAY = 86400
LIFETIME, END = 4 * DAY, 30 * DAY
STEP = DAY // 2
ORDERS = 6
ENDS = [4, 8, 12, 16, 20, 24, 28, 30]  # of the certificates of an order, in days after its first


def is_(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found}, not {wanted}")


class Star:
    def __init__(self, lab, library, clock, name, anybody):
        self.lab, self.owner, self.clock, self.name, self.anybody = lab, library, clock, name, anybody
        self.first = self.now()
        wish = {"end-date": text(self.first + datetime.timedelta(seconds=END)), "lifetime": LIFETIME}
        if anybody:
            wish["allow-certificate-get"] = True
        self.url, body = library.order([name], **{"auto-renewal": wish})
        library.prove(body)
        body = library.finalize(body, [name])
        is_("the order", (body["status"], "certificate" in body), ("valid", False))
        is_("section 3.4", body["auto-renewal"].get("allow-certificate-get", False), anybody)
        self.certificate = body["star-certificate"]

    def now(self):
        return datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(microseconds=self.clock.offset)

    def reply(self):
        return self.owner.get(self.certificate, self.lab)

    def leaf(self):
        return leaf(self.reply().text if self.anybody else self.owner.pem(self.certificate))

    def in_time(self):
        """Section 3.3: the next one is there at the latest when half of this one is over, and valid when it is."""
        try:
            cert = self.leaf()
        except (OSError, ValueError):
            return False  # core is not back yet
        half = cert.not_valid_after - self.now() >= datetime.timedelta(seconds=LIFETIME // 2)
        return cert.not_valid_before <= self.now() and (half or self.last(cert))

    def last(self, cert):
        return abs((cert.not_valid_after - self.first).total_seconds() - END) < 60


def text(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def kill(lab, role):
    out = run(AUTARKY, "status", "--json", "--data", lab.data, ok=(0, 2, 75))
    try:
        pid = next(p["pid"] for p in json.loads(out)["processes"] if p["role"] == role and p["pid"])
        os.kill(pid, signal.SIGKILL)
    except (ValueError, StopIteration, TypeError, ProcessLookupError):
        return False
    return True


def headers(star):
    """Sections 3.3 and 5: the dates, in quotes, and how long it may be kept."""
    reply = star.reply()
    cert = leaf(reply.text)
    form = '"%a, %d %b %Y %H:%M:%S GMT"'
    is_("Cert-Not-Before", reply.headers["Cert-Not-Before"], cert.not_valid_before.strftime(form))
    is_("Cert-Not-After", reply.headers["Cert-Not-After"], cert.not_valid_after.strftime(form))
    is_("Cache-Control", reply.headers["Cache-Control"], "public, max-age=3600")
    is_("a nonce", "Replay-Nonce" in reply.headers, False)


def refused(lab, library, star):
    x509 = OpenSSL.crypto.load_certificate(OpenSSL.crypto.FILETYPE_PEM, library.pem(star.certificate).encode())
    is_("revocation", kind_of(lambda: library.client.revoke(josepy.ComparableX509(x509), 0)),
        "autoRenewalRevocationNotSupported")
    is_("a GET that the order does not allow", library.get(star.certificate, lab).status_code, 405)
    wish = {"end-date": text(star.now() + datetime.timedelta(days=9)), "lifetime": 60}
    is_("too short", kind_of(lambda: library.order([star.name], **{"auto-renewal": wish})), "malformed")


def walk(lab, stars, clock, dice):
    killed = 0
    for step in range(1, END // STEP):
        clock.advance(STEP)
        if dice.random() < 0.3:
            role = dice.choice(("core", "signer"))
            wait_for(f"a {role} to kill", lambda role=role: kill(lab, role))
            killed += 1
        for star in stars:
            wait_for(f"{star.name}, step {step}", star.in_time, 60)
    print(f"{killed} processes killed", flush=True)


def ends(lab, star):
    """When its certificates end, in days after the first, as the register has them."""
    listed = json.loads(lab.autarky("cert", "list", "--name", star.name, "--json"))["items"]
    times = [datetime.datetime.strptime(c["not_after"], "%Y-%m-%dT%H:%M:%SZ") for c in listed]
    return sorted(round((t - star.first).total_seconds() / DAY, 2) for t in times)


def canceled(library, star, others):
    body = library.post(star.url, {"status": "canceled"}).json()
    is_("canceled", body["status"], "canceled")
    is_("once", kind_of(lambda: library.post(star.url, {"status": "canceled"})), "autoRenewalCancellationInvalid")
    is_("its certificate", kind_of(lambda: library.pem(star.certificate)), "autoRenewalCanceled")
    others.remove(star)


def main():
    seed = int(os.environ.get("AUTARKY_SEED") or random.randrange(1 << 32))
    print(f"AUTARKY_SEED={seed}", flush=True)
    with Lab(CONFIG) as lab:
        clock = Clock(lab.directory / "clock")
        lab.start(env={**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)})
        responder = Http01(lab.http_port)
        library = Library(lab, responder)
        meta = library.get(lab.directory_url, lab).json()["meta"]["auto-renewal"]
        is_("section 3.2", meta, {"min-lifetime": 3600, "max-duration": 365 * DAY, "allow-certificate-get": True})
        stars = [Star(lab, library, clock, f"star{i}.{DOMAIN}", i % 2 == 0) for i in range(ORDERS)]
        headers(stars[0])
        refused(lab, library, stars[1])
        gone, rest = stars[1], list(stars)
        canceled(library, gone, rest)
        walk(lab, rest, clock, random.Random(seed))
        for star in rest:
            is_(f"{star.name}'s certificates", ends(lab, star), ENDS)
        is_("a canceled order's", ends(lab, gone), ENDS[:1])
        clock.advance(STEP)
        is_("to anybody", rest[0].reply().json()["type"], "urn:ietf:params:acme:error:autoRenewalExpired")
        is_("to its owner", kind_of(lambda: library.pem(rest[0].certificate)), "autoRenewalExpired")
        is_("the order", library.post(rest[0].url).json()["status"], "valid")
        responder.close()
        if lab.stop() != 0:
            sys.exit(lab.log()[-2000:])


main()

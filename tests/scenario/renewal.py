#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600 build=plain
"""Under load a site's certificates are replaced 50 times. No request fails, no connection is dropped, and whoever shakes
hands after a replacement sees the new certificate."""

import hashlib
import pathlib
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import wait_for  # noqa: E402
from sites import SITE, Backend, SiteLab  # noqa: E402

CLIENTS = 32
PAUSE = 0.1  # seconds between a client's requests: load enough, and processors left for the renewals
TIMES = 50
KEEP = 40  # requests of one connection, before the client makes another


class Client(threading.Thread):
    def __init__(self, lab, number):
        super().__init__(daemon=True)
        self.lab, self.number = lab, number
        self.requests = self.connections = 0
        self.error = None
        self.stopped = threading.Event()

    def run(self):
        context = self.lab.context()
        try:
            while not self.stopped.is_set():
                client = self.lab.client(SITE, context)
                self.connections += 1
                for _ in range(KEEP if self.number % 2 else 1000000):
                    client.request("GET", f"/bytes/{1000 + self.number}")
                    answer = client.getresponse()
                    body = answer.read()
                    if answer.status != 200 or len(body) != 1000 + self.number:
                        raise ValueError(f"status {answer.status}, {len(body)} bytes")
                    self.requests += 1
                    if self.stopped.wait(PAUSE):
                        break
                client.close()
        except Exception as error:  # whatever a client meets is a finding
            self.error = f"client {self.number}, request {self.requests}: {error!r}"


def shown(lab, ciphers):
    """Fingerprint of what a new handshake shows to a client of TLS 1.2 that understands that key."""
    context = lab.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    with lab.connect(SITE, context) as s:
        return hashlib.sha256(s.getpeercert(True)).hexdigest()


def all_shown(lab):
    return tuple(shown(lab, f"ECDHE-{kind}-AES128-GCM-SHA256") for kind in ("ECDSA", "RSA"))


def check(clients):
    for client in clients:
        if client.error:
            sys.exit(client.error)


def main():
    backend = Backend()
    with SiteLab([{"name": SITE, "backends": [backend.url]}]) as lab:
        lab.start()
        lab.wait_site(SITE)
        clients = [Client(lab, n) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        seen, serials = set(all_shown(lab)), set()
        pids = lab.processes("gateway")
        started = time.monotonic()
        for _ in range(TIMES):
            before = {a: c["serial"] for a, c in lab.certificates(SITE).items()}
            lab.autarky("site", "renew", SITE)

            def renewed():
                check(clients)
                now = lab.certificates(SITE)
                return all(c["state"] == "valid" and c["serial"] != before[a] for a, c in now.items())
            wait_for("a renewal", renewed, 60)
            now = all_shown(lab)
            if seen.intersection(now):
                sys.exit(f"a handshake after the renewal shows an old certificate: {now}")
            seen.update(now)
            serials.update(c["serial"] for c in lab.certificates(SITE).values())
        seconds = time.monotonic() - started
        for client in clients:
            client.stopped.set()
        for client in clients:
            client.join(30)
        check(clients)
        if lab.processes("gateway") != pids:
            sys.exit("a worker was replaced")
        if len(serials) != 3 * TIMES:
            sys.exit(f"{len(serials)} serials for {TIMES} renewals of three certificates")
        total = sum(c.requests for c in clients)
        if total < CLIENTS * 10:
            sys.exit(f"only {total} requests: that was no load")
        print(f"{TIMES} renewals of three certificates in {seconds:.0f} s, {total} requests on "
              f"{sum(c.connections for c in clients)} connections, none failed")
    backend.stop()


main()

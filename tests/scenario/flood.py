#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600 build=plain
"""One account leaves ten thousand orders open (RFC 8555 section 6.6): the last costs core no more time and no more memory than the
first, the one after it is refused in words and with Retry-After, and other accounts get their certificates meanwhile, each in time."""

import collections
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import AcmeError, Client, Http01, in_parallel  # noqa: E402
from lab import DOMAIN, Lab  # noqa: E402

LIMIT = 10000
OVER = 50
THREADS = 8
PART = LIMIT // 10
WARM = 8000  # by another account: what is kept of the database, 20 MiB at most, is then nearly full
PATIENCE = 10  # seconds in which another account has its certificate


def core(lab):
    status = json.loads(lab.autarky("status", "--json"))
    return next(p["pid"] for p in status["processes"] if p["role"] == "core")


def memory(pid):
    """Kilobytes of its own: what is a file's may come and go."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def cpu(pid):
    """Seconds that the process has worked."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Others(threading.Thread):
    """An account of its own after another, from account to certificate."""

    def __init__(self, lab, responder):
        super().__init__(daemon=True)
        self.lab, self.responder = lab, responder
        self.times, self.error = [], None
        self.stopped = threading.Event()

    def run(self):
        try:
            while not self.stopped.is_set():
                client = Client(self.lab.directory_url, self.lab.roots, self.responder)
                before = time.monotonic()
                client.register()
                client.obtain([f"other{len(self.times)}.{DOMAIN}"])
                self.times.append(time.monotonic() - before)
                client.close()
                time.sleep(0.3)
        except Exception as error:  # whatever a client meets is a finding
            self.error = error


def account(lab, responder):
    """Connections of one account."""
    clients = [Client(lab.directory_url, lab.roots, responder) for _ in range(THREADS)]
    clients[0].register()
    for client in clients[1:]:
        client.kid, client.key, client.jwk = clients[0].kid, clients[0].key, clients[0].jwk
    return clients


def part(clients, number, n):
    """Orders, by several connections of one account; what became of them."""
    def work(i):
        found = collections.Counter()
        for k in range(i, n, THREADS):
            try:
                clients[i].order([f"p{number}-{k}.{DOMAIN}"])
                found["made"] += 1
            except AcmeError as error:
                found[error.kind] += 1
                if error.status != 429 or str(LIMIT) not in error.problem["detail"]:
                    sys.exit(f"refused otherwise: {error}")
        return found
    return sum(in_parallel(THREADS, work), collections.Counter())


def main():
    with Lab(f"acme: {{orders_open: {LIMIT}}}\n") as lab:
        lab.start()
        responder = Http01(lab.http_port)
        part(account(lab, responder), "warm", WARM)
        clients = account(lab, responder)
        others = Others(lab, responder)
        others.start()
        pid = core(lab)
        costs, sizes = [], []
        for number in range(LIMIT // PART):
            before = cpu(pid)
            found = part(clients, number, PART)
            if found != {"made": PART}:
                sys.exit(f"orders {number * PART} and later: {found}")
            costs.append((cpu(pid) - before) / PART * 1000)
            sizes.append(memory(pid))
        before = cpu(pid)
        found = part(clients, "over", OVER)
        if found != {"rateLimited": OVER}:
            sys.exit(f"over the limit: {found}")
        reply = clients[0]._send("POST", clients[0].directory["newOrder"],  # pylint: disable=protected-access
                                 clients[0]._sign(clients[0].directory["newOrder"],  # pylint: disable=protected-access
                                                  {"identifiers": [{"type": "dns", "value": f"a.{DOMAIN}"}]}, False))
        if reply.status != 429 or not reply.retry_after:
            sys.exit(f"no Retry-After: {reply.headers}")
        refused = (cpu(pid) - before) / OVER * 1000
        others.stopped.set()
        others.join(60)
        print(f"ms of core's work for an order: {[round(c, 2) for c in costs]}, refused {refused:.2f}\n"
              f"KB of core: {sizes}\n{len(others.times)} other accounts, {max(others.times):.1f} s at most", flush=True)
        if others.error or len(others.times) < 5 or max(others.times) > PATIENCE:
            sys.exit(f"other accounts: {others.error!r}, {others.times}")
        # What the others do is in both; the first part warms caches.
        if sum(costs[-3:]) > 1.5 * sum(costs[1:4]):
            sys.exit("the last orders cost more than the first")
        if sizes[-1] - sizes[-5] > 1024:
            sys.exit("each order leaves something in memory")
        responder.close()
        if lab.stop() != 0:
            sys.exit(lab.log()[-2000:])


main()

# SPDX-License-Identifier: Apache-2.0
"""Clients that ask without end while something else goes on, and count what failed."""

import http.client
import sys
import threading
import time

from foreign_h2 import H2


class Client:
    """Asks without end; what failed is kept."""

    def __init__(self, ask):
        self.ask, self.failures, self.n, self.latest = ask, [], 0, 0.0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            begun = time.monotonic()
            try:
                self.ask()
            except Exception as failure:  # whatever it is, it is one that a person would see
                self.failures.append(f"{failure!r}")
                time.sleep(0.01)
            self.latest = max(self.latest, time.monotonic() - begun)
            self.n += 1

    def finish(self, what):
        self.stopping.set()
        self.thread.join(120)
        print(f"{what}: {self.n} requests, the longest took {self.latest:.2f} s", flush=True)
        if self.failures or not self.n:
            sys.exit(f"{what}: {len(self.failures)} of {self.n} failed: {self.failures[:3]}")


def expect_page(status, body):
    if status != 200 or body != b"plain as ever\n":
        raise OSError(f"status {status}, {body[:100]!r}")


def ask_h1(client):
    client.request("GET", "/")
    answer = client.getresponse()
    expect_page(answer.status, answer.read())
    return answer


def kept_h1(lab, name, pause=0.01):
    """One connection, opened once: when it ends, all that follows fails."""
    client = lab.client(name)
    client.sock.settimeout(60)
    client.auto_open = 0

    def ask():
        if ask_h1(client).will_close:
            raise http.client.HTTPException("the connection is to be closed")
        time.sleep(pause)
    return ask


def kept_h2(lab, name, pause=0.01):
    """The same of HTTP/2."""
    client = H2(lab.gateway, name, lab.roots)

    def ask():
        answer = client.get("/")
        expect_page(answer.status, answer.body)
        time.sleep(pause)
    return ask


def new_h1(lab, names, pause=0.01):
    """A connection for each request, to one site after the other."""
    turn = iter(range(1 << 62))

    def ask():
        client = lab.client(names[next(turn) % len(names)])
        client.sock.settimeout(60)
        ask_h1(client)
        client.close()
        time.sleep(pause)
    return ask


def new_h2(lab, names, pause=0.01):
    turn = iter(range(1 << 62))

    def ask():
        with H2(lab.gateway, names[next(turn) % len(names)], lab.roots) as client:
            answer = client.get("/")
            expect_page(answer.status, answer.body)
        time.sleep(pause)
    return ask

# SPDX-License-Identifier: Apache-2.0
"""Whole orders: the client, the web server that answers http-01 for everybody, and a measured batch of orders."""

import asyncio
import multiprocessing
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "lib"))
import acme  # noqa: E402
import lab  # noqa: E402

POLL = 0.02  # pebble 2.4 deadlocks when it is asked for the order while it finalizes it
PATIENCE = 30
FORK = multiprocessing.get_context("fork")


class Responder:
    """The web server of every name, in a process of its own, the same for each CA. It knows the account by the first
    label of the name, "ACCOUNT-NUMBER", and so needs to hear of no token."""

    def __init__(self, *ports):
        self.ports = ports
        self.port = ports[0]
        self.thumbprints = {}
        ready = FORK.Event()
        self.process = FORK.Process(target=self._serve, args=(ready,), daemon=True)
        self.process.start()
        ready.wait(10)

    def _serve(self, ready):
        async def main():
            servers = [await asyncio.start_server(self._answer, "127.0.0.1", port) for port in self.ports]
            ready.set()
            await asyncio.gather(*(server.serve_forever() for server in servers))
        asyncio.run(main())

    async def _answer(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path = head[0].split()[:2]
            token = path.rsplit("/", 1)[-1]
            account = next(h for h in head if h.lower().startswith("host:")).split(":")[1].strip().split("-")[0]
            if method == "PUT":
                self.thumbprints[account] = token
            body = f"{token}.{self.thumbprints[account]}".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
                         b"Connection: close\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, KeyError, StopIteration):
            pass
        finally:
            writer.close()

    def learn(self, account, thumbprint):
        connection = acme.http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("PUT", f"/{thumbprint}", headers={"Host": f"{account}-0.{lab.DOMAIN}"})
        connection.getresponse().read()
        connection.close()

    def stop(self):
        self.process.terminate()
        self.process.join()


class Client(acme.Client):
    """One account, one kept-alive connection. Each client makes its requests in the same way at each CA: the same
    pause before each look at an order, no Retry-After obeyed."""

    def __init__(self, server, responder, account):
        super().__init__(server.directory_url, server.roots, retry=False)
        self.account = account
        self.number = 0
        responder.learn(account, self.thumbprint)
        self.register()

    def prepare(self, n):
        """Names and CSRs for `n` orders: no server's work, so outside of what is timed."""
        self.ready = []
        for _ in range(n):
            self.number += 1
            name = f"{self.account}-{self.number}.{lab.DOMAIN}"
            self.ready.append((name, acme.make_csr(acme.new_key(), [name])))

    def wait(self, url, wanted):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            time.sleep(POLL)
            state = self.post(url).json
            if state["status"] in wanted:
                return state
            if state["status"] == "invalid":
                raise acme.AcmeError(url, 0, state)
        raise acme.GaveUp(f"{url}: still {state['status']} after {PATIENCE} s")

    def one(self, name, csr):
        """From newOrder to the certificate; seconds."""
        begin = time.monotonic()
        url, order = self.order([name])
        for authorization in order["authorizations"]:
            challenges = self.post(authorization).json["challenges"]
            self.post(next(c["url"] for c in challenges if c["type"] == "http-01"), {})
        self.wait(url, ("ready",))
        state = self.finalize(url, order, csr)
        pem = self.post(state["certificate"]).body
        took = time.monotonic() - begin
        if not pem.startswith(b"-----BEGIN CERTIFICATE-----"):
            sys.exit(f"{url}: no certificate came:\n{pem!r}")
        return took

    def many(self):
        return [self.one(*each) for each in self.ready]


class Batch:
    """What a batch of orders took: `cpu` seconds of the server per order, by process; `latencies` and the `wall` in
    seconds; `requests` per order."""

    def __init__(self, n, used, latencies, wall, requests):
        self.n = n
        self.cpu = {name: seconds / n for name, seconds in used.items()}
        self.latencies = latencies
        self.wall = wall
        self.requests = requests / n

    @property
    def total(self):
        return sum(self.cpu.values())


def used_between(before, after):
    return {name: after[name] - before.get(name, 0) for name in after}


def batch(server, client, n):
    """`n` orders, one after the other."""
    client.prepare(n)
    before, asked, begin = server.cpu_by_process(), client.counts["requests"], time.monotonic()
    latencies = client.many()
    wall = time.monotonic() - begin
    return Batch(n, used_between(before, server.cpu_by_process()), latencies, wall,
                 client.counts["requests"] - asked)


def _worker(server, responder, account, n, gate, results):
    try:
        client = Client(server, responder, account)
        client.prepare(n)
        asked = client.counts["requests"]
        gate.wait()
        latencies = client.many()
        gate.wait()  # all are done
        results.put((latencies, client.counts["requests"] - asked))
        client.close()
    except (acme.AcmeError, acme.GaveUp, OSError) as failure:
        print(f"  {account} at {server.name}: {failure}", file=sys.stderr)
        gate.abort()
    except threading.BrokenBarrierError:
        pass


def crowd(server, responder, clients, n):
    """`n` orders of each of `clients` clients at once, each a process of its own. None when the server did not finish
    them."""
    gate = FORK.Barrier(clients + 1)
    results = FORK.Queue()
    workers = [FORK.Process(target=_worker, args=(server, responder, f"c{time.monotonic_ns()}x{i}", n, gate, results))
               for i in range(clients)]
    for worker in workers:
        worker.start()
    try:
        gate.wait()
        before, begin = server.cpu_by_process(), time.monotonic()
        gate.wait()
        wall, after = time.monotonic() - begin, server.cpu_by_process()
    except threading.BrokenBarrierError:
        for worker in workers:
            worker.terminate()
            worker.join()
        return None
    answers = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    return Batch(n * clients, used_between(before, after), sum((a[0] for a in answers), []), wall,
                 sum(a[1] for a in answers))

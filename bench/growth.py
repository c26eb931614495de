# SPDX-License-Identifier: Apache-2.0
"""What years do to an installation: the cost of an order with a large register, memory after many orders."""

import http.client
import json
import os
import ssl
import statistics
import subprocess
import time
import urllib.parse

import orders
import servers


def cost(bench, client, rounds):
    batches = [orders.batch(bench.autarky, client, bench.set["orders"]) for _ in range(rounds)]
    return [b.total for b in batches], [t for b in batches for t in b.latencies]


def register(bench):
    """Orders before and after the register has grown; the server does not run while it is filled."""
    rounds = bench.set["rounds"]
    client = orders.Client(bench.autarky, bench.responder, "before")
    orders.batch(bench.autarky, client, 10)
    before = cost(bench, client, rounds)
    client.close()
    bench.autarky.stop()
    print(f"\nregister: {bench.set['orders']} orders {rounds} times before and after it has grown", flush=True)
    subprocess.run([os.environ["BENCH_REGISTER"], str(bench.lab.data / "db"), str(bench.set["certificates"]),
                    str(bench.set["authorizations"])], check=True)
    bench.autarky.start()
    client = orders.Client(bench.autarky, bench.responder, "after")
    orders.batch(bench.autarky, client, 10)
    after = cost(bench, client, rounds)
    client.close()
    size = sum(f.stat().st_size for f in (bench.lab.data / "db").iterdir()) / 1e6
    for what, i, scale in (("server CPU per order, ms", 0, 1e3), ("latency, ms", 1, 1e3)):
        a, b = statistics.median(before[i]) * scale, statistics.median(after[i]) * scale
        print(f"  {what:<26} {a:8.2f} before {b:8.2f} after  {b / a:.2f}")
    print(f"  database {size:.0f} MB", flush=True)


# What the dashboard's first page asks.
OVERVIEW = (("status", {}), ("doctor", {}), ("cert/numbers", {}), ("site/list", {}), ("approval/list", {}),
            ("cert/list", {"sort": "expiry", "status": "valid", "limit": 10}))


def asked(bench, path, body, headers):
    """Milliseconds of CPU of all processes for each of so many requests over one connection, after some that warm up."""
    url = urllib.parse.urlsplit(bench.autarky.directory_url)
    context = ssl.create_default_context(cafile=str(bench.autarky.roots))
    connection = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=120)

    def ask():
        connection.request("POST" if body is not None else "GET", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {text[:500]}")

    def rounds(n):
        before = bench.autarky.cpu()
        for _ in range(n):
            ask()
        return (bench.autarky.cpu() - before) / n * 1e3

    first = rounds(1)
    rounds(WARM)
    costs = [rounds(EACH) for _ in range(bench.set["rounds"])]
    connection.close()
    return first, costs


def idle(server):
    """CPU seconds a second, without a request."""
    before = server.cpu()
    time.sleep(IDLE)
    return (server.cpu() - before) / IDLE


def settle(server):
    """Waits until it rests; the CPU that it took until then."""
    before = server.cpu()
    for _ in range(SETTLES):
        if idle(server) < RESTS:
            return server.cpu() - before
    raise SystemExit("the server did not come to rest")


def overview(bench):
    """What the dashboard's first page and a scrape of /metrics cost the server with a large register."""
    bench.autarky.stop()
    print(f"\noverview: server CPU a request, {bench.set['rounds']} x {EACH} each, register of {bench.set['certificates']} certificates",
          flush=True)
    subprocess.run([os.environ["BENCH_REGISTER"], str(bench.lab.data / "db"), str(bench.set["certificates"]), "0"], check=True)
    bench.autarky.start()
    made = json.loads(bench.lab.autarky("token", "create", "bench", "--role", "operator", "--expires", "1h", "--json"))
    headers = {"Authorization": f"Bearer {made['token']}", "Content-Type": "application/json"}
    quiet = settle(bench.autarky)
    page = 0
    for path, body in (*OVERVIEW, ("/metrics", None)):
        api = body is not None
        first, costs = asked(bench, f"/api/v1/{path}" if api else path, json.dumps(body) if api else None, headers if api else {})
        middle = statistics.median(costs)
        page += middle if api else 0
        print(f"  {path:<16} {middle:8.2f} ms ({min(costs):.2f} .. {max(costs):.2f}), the first {first:.2f}", flush=True)
    print(f"  the page, all of its requests {page:8.2f} ms; without any, {idle(bench.autarky) * 1e3:.2f} ms a second", flush=True)
    print(f"  before it the server had taken up the register, which it had not made: {quiet:.1f} s of CPU", flush=True)


def sizes(server):
    found = {}
    for pid in server.pids():
        name = servers.process_name(pid)
        found[name] = found.get(name, 0) + servers.pss(pid)
    return found


def memory(bench):
    """Proportional set sizes at each number of orders; the first is what the others are compared with."""
    done, first = 0, None
    print("\ngrowth: proportional set size, MiB, after so many orders")
    for n in bench.set["growth"]:
        per_client = -(-(n - done) // CLIENTS)
        batch = orders.crowd(bench.autarky, bench.responder, CLIENTS, per_client)
        if not batch:
            raise SystemExit("autarky did not finish its orders; its log:\n" +
                             bench.autarky.process.log.read_text()[-4000:])
        done += batch.n
        now = sizes(bench.autarky)
        total = sum(now.values())
        first = first or total
        parts = ", ".join(f"{name} {size:.1f}" for name, size in sorted(now.items()))
        print(f"  {done:>7} orders  {total:7.1f}  {total / first:.2f}   {parts}   "
              f"{batch.total * 1e3:.2f} ms of CPU an order", flush=True)


CLIENTS = 4
WARM, EACH = 3, 10
IDLE, RESTS, SETTLES = 5, 0.02, 240  # seconds; CPU seconds a second; how often looked

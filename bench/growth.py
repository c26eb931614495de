# SPDX-License-Identifier: Apache-2.0
"""What years do to an installation: the cost of an order with a large register, memory after many orders."""

import os
import statistics
import subprocess

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

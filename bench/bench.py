# SPDX-License-Identifier: Apache-2.0
"""What script/bench runs: Autarky beside pebble, in turns, on one machine in one run. Figures, never verdicts."""

import argparse
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import gateway
import orders
import revocation
import servers
from servers import lab

NAMES = ("orders", "memory", "start", "signer", "store", "gateway", "revocation", "policy")
CLIENTS = 8


def settings(quick):
    if quick:
        return {"rounds": 3, "orders": 30, "crowds": 2, "crowd": 6, "starts": 3, "seconds": 0.5, "memory": 200}
    return {"rounds": 7, "orders": 100, "crowds": 3, "crowd": 40, "starts": 7, "seconds": 2, "memory": 1000}


def median(values):
    return statistics.median(values)


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def spread(values, scale=1.0, digits=2):
    """"median (least .. most)"."""
    return "{:.{d}f} ({:.{d}f} .. {:.{d}f})".format(median(values) * scale, min(values) * scale,
                                                    max(values) * scale, d=digits)


def heading(text):
    print(f"\n{text}", flush=True)


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join([row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]).rstrip())


def compared(what, ours, theirs, scale=1.0, digits=2):
    """A row; the ratio is of the medians."""
    return [what, spread(ours, scale, digits), spread(theirs, scale, digits),
            f"{median(ours) / median(theirs):.2f}"]


def file_system(path):
    out = subprocess.run(["findmnt", "-no", "FSTYPE", "-T", str(path)], stdout=subprocess.PIPE, text=True, check=True).stdout
    return out.strip()


def machine(data):
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    print(f"machine      {os.cpu_count()} x {model}, Linux {platform.release()}, "
          f"load {os.getloadavg()[0]:.1f} at the start")
    print(f"durability   synchronous=FULL, WAL, {file_system(data)} at {data}; pebble keeps everything in memory")
    print(f"beside       pebble {servers.Pebble.version()}, which fetches each http-01 answer three times; "
          "same client, DNS server and web server for both")


def raw_signatures(seconds):
    """The peer: what OpenSSL's own benchmark makes of the same library, in the same run."""
    tool = os.environ.get("BENCH_OPENSSL", "openssl")
    for name in ("rsa2048", "rsa3072", "ecdsap256", "sm2", "ML-DSA-65"):
        done = subprocess.run([tool, "speed", "-mr", "-seconds", str(max(1, int(seconds))), name],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        for line in done.stdout.splitlines():
            kind, *fields = line.split(":")
            # What stands before the rate of signatures: number and bits, for SM2 the curve too, for others number and keys.
            before = {"+F2": 2, "+F4": 2, "+F7": 3, "+F10": 2}.get(kind)
            if before and (kind != "+F10" or name == "ML-DSA-65"):
                yield name, float(fields[before])


# ---- the benchmarks


class Bench:
    def __init__(self, options):
        self.set = settings(options.quick)
        self.wanted = options.names or NAMES
        self.lab = lab.Lab()
        self.lab.verified = False  # scenarios do that, with a tool that is not built as it is shipped
        self.raise_limits()
        self.responder = orders.Responder(self.lab.http_port)
        self.autarky = servers.Autarky(self.lab)
        self.pebble = servers.Pebble(self.lab.directory, self.lab.dns.port, self.lab.http_port)
        self.servers = (self.autarky, self.pebble)
        self.n_orders = dict.fromkeys(self.servers, 0)

    def raise_limits(self):
        """What the signer may sign in an hour is a setting of the installation, not a property of the program."""
        rules = self.lab.data / "ca" / "rules.json"
        document = servers.json.loads(rules.read_text())
        document["signatures_per_hour"] = 10_000_000
        rules.write_text(servers.json.dumps(document))

    def wants(self, name):
        return name in self.wanted

    def close(self):
        self.responder.stop()
        for server in self.servers:
            if server.process and server.process.popen.poll() is None:
                server.stop()
        self.lab.close()

    # Start: the first time makes the API's key and certificate and the database.

    def start(self):
        first = self.autarky.timed_start()
        self.autarky.wait_ready()
        self.autarky.stop()
        if not self.wants("start"):
            return
        times = {server: [] for server in self.servers}
        ready = []
        for _ in range(self.set["starts"]):
            for server in self.servers:
                begin = time.monotonic()
                times[server].append(server.timed_start())
                server.wait_ready()
                if server is self.autarky:
                    ready.append(time.monotonic() - begin)
                server.stop()
        ours, theirs = times[self.autarky], times[self.pebble]
        heading("start: from exec to the first directory over TLS")
        table([["", "autarky", "pebble", "ratio"],
               compared("second start, ms", [t[0] for t in ours], [t[0] for t in theirs], 1e3, 0),
               compared("CPU until then, ms", [t[1] for t in ours], [t[1] for t in theirs], 1e3, 0),
               ["all roles ready, ms", spread(ready, 1e3, 0), "", ""],
               ["first start, ms", f"{first[0] * 1e3:.0f}", "", ""]])

    # Orders: turn and turn about.

    def orders(self):
        clients = [(server, orders.Client(server, self.responder, server.name)) for server in self.servers]
        batches = {server: [] for server in self.servers}
        for server, client in clients:
            orders.batch(server, client, 10)  # caches, statements, memory
        for _ in range(self.set["rounds"]):
            for server, client in clients:
                batches[server].append(orders.batch(server, client, self.set["orders"]))
        for server in self.servers:
            self.n_orders[server] += 10 + sum(b.n for b in batches[server])
        self.show_orders(batches[self.autarky], batches[self.pebble])
        self.crowd()

    def show_orders(self, ours, theirs):
        latency = [[t for b in batches for t in b.latencies] for batches in (ours, theirs)]
        heading(f"orders: 1 client, ES256 account, P-256 leaf, one DNS name, http-01; {len(ours)} x {ours[0].n} each, "
                f"pause before each poll {orders.POLL * 1e3:.0f} ms")
        rows = [["", "autarky", "pebble", "ratio"],
                compared("server CPU per order, ms", [b.total for b in ours], [b.total for b in theirs], 1e3),
                ["latency median, ms"] + [f"{median(t) * 1e3:.1f}" for t in latency]
                + [f"{median(latency[0]) / median(latency[1]):.2f}"],
                ["latency p95, ms"] + [f"{percentile(t, 0.95) * 1e3:.1f}" for t in latency]
                + [f"{percentile(latency[0], 0.95) / percentile(latency[1], 0.95):.2f}"],
                ["requests per order", f"{ours[0].requests:.1f}", f"{theirs[0].requests:.1f}", ""]]
        for name in sorted(ours[0].cpu):
            rows.append([f"  of it {name}, ms", spread([b.cpu[name] for b in ours], 1e3), "", ""])
        table(rows)

    def crowd(self):
        crowds = {server: [] for server in self.servers}
        for _ in range(self.set["crowds"]):
            for server in self.servers:
                crowds[server].append(orders.crowd(server, self.responder, CLIENTS, self.set["crowd"]))
        if None in crowds[self.autarky]:
            sys.exit("autarky did not finish its orders; its log:\n" + self.autarky.process.log.read_text()[-4000:])
        for server in self.servers:
            self.n_orders[server] += sum(b.n for b in crowds[server] if b)
        heading(f"orders: {CLIENTS} clients on the same machine, {len(crowds[self.autarky])} x "
                f"{CLIENTS * self.set['crowd']} each")
        self.show_crowd(crowds[self.autarky], crowds[self.pebble])

    @staticmethod
    def show_crowd(ours, theirs):
        done = [b for b in theirs if b]
        rows = [["", "autarky", "pebble", "ratio"]]
        for what, of, scale, digits in (
                ("server CPU per order, ms", lambda b: b.total, 1e3, 2),
                ("orders/s", lambda b: b.n / b.wall, 1, 0),
                ("latency median, ms", lambda b: median(b.latencies), 1e3, 1),
                ("latency p95, ms", lambda b: percentile(b.latencies, 0.95), 1e3, 1),
                ("requests per order", lambda b: b.requests, 1, 1)):
            if done:
                rows.append(compared(what, [of(b) for b in ours], [of(b) for b in done], scale, digits))
            else:
                rows.append([what, spread([of(b) for b in ours], scale, digits), "none", ""])
        table(rows)
        if len(done) < len(theirs):
            print(f"  pebble did not finish {len(theirs) - len(done)} of its {len(theirs)} batches "
                  f"within {orders.PATIENCE} s")

    # Memory

    def fill(self):
        """As many orders as the figure speaks of."""
        for server in self.servers:
            per_client = -(-(self.set["memory"] - self.n_orders[server]) // CLIENTS)
            done = orders.crowd(server, self.responder, CLIENTS, per_client) if per_client > 0 else None
            self.n_orders[server] += done.n if done else 0

    def show_memory(self, before):
        self.fill()
        heading("memory: proportional set size of all processes, MiB")
        rows = [["", "autarky", "pebble", "ratio"]]
        after = [server.memory() for server in self.servers]
        for what, sizes in (("after start", before), ("after orders", after)):
            rows.append([what, f"{sizes[0]:.1f}", f"{sizes[1]:.1f}", f"{sizes[0] / sizes[1]:.2f}"])
        rows.append(["orders until then", *(str(self.n_orders[server]) for server in self.servers), ""])
        table(rows)

    def signer(self):
        heading("signer: keys, rules, linter and signature, one process, by second of CPU")
        for name, rate in raw_signatures(self.set["seconds"]):
            print(f"  openssl speed {name:<12} {rate:>10.0f} signatures per second of CPU")
        sys.stdout.flush()
        subprocess.run([os.environ["BENCH_SIGNER"], str(self.lab.data), str(self.set["seconds"])], check=True)

    def run(self):
        machine(self.lab.data)
        if self.wants("signer"):
            self.signer()
        if not set(self.wanted) & {"orders", "memory", "start"}:
            return
        self.start()
        if not set(self.wanted) & {"orders", "memory"}:
            return
        for server in self.servers:
            server.start()
        before = [server.memory() for server in self.servers]
        if self.wants("orders"):
            self.orders()
        if self.wants("memory"):
            self.show_memory(before)


def store():
    heading("store: new orders, each its own job, synchronous=FULL")
    sys.stdout.flush()
    subprocess.run([os.environ["BENCH_STORE"], os.environ.get("TMPDIR", "/var/tmp")], check=True)


def policy():
    heading("policy: a decision with 10000 rules that differ by ...; how long they take to compile")
    out = subprocess.run([os.environ["BENCH_POLICY"], "10000"], check=True, capture_output=True, text=True).stdout
    table([["", "us", "ms to compile"], *(line.split("\t") for line in out.splitlines())])


def main():
    parser = argparse.ArgumentParser(prog="script/bench")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*", choices=[[], *NAMES])
    options = parser.parse_args()
    wanted = set(options.names or NAMES)
    if wanted - {"gateway", "store", "revocation", "policy"}:
        bench = Bench(options)
        try:
            bench.run()
        finally:
            bench.close()
    if "gateway" in wanted:
        gateway.run(1 if options.quick else 3, 2 if options.quick else 5, table, spread)
    if "policy" in wanted:
        policy()
    if "revocation" in wanted:
        revocation.run(options.quick, table, spread)
    if not options.quick and "store" in (options.names or NAMES) or "store" in options.names:
        store()


main()

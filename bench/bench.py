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

import agent
import floor
import gateway
import growth
import inspection
import many
import orders
import revocation
import servers
from dns_server import DnsServer
from servers import lab

NAMES = ("orders", "memory", "start", "signer", "store", "gateway", "inspection", "revocation", "policy", "audit", "tlcp", "agent")
LONG = ("register", "overview", "growth", "sites")  # only when named
CLIENTS = 10
SYNCS = 100
SIGNATURES = ("rsa2048", "rsa3072", "ecdsap256", "sm2", "ML-DSA-65")


def settings(quick):
    if quick:
        return {"rounds": 3, "orders": 30, "crowds": 2, "crowd": 6, "starts": 3, "seconds": 0.5, "memory": 200, "nulls": 200,
                "certificates": 20_000, "authorizations": 100_000, "growth": (200, 2000)}
    return {"rounds": 7, "orders": 100, "crowds": 3, "crowd": 40, "starts": 7, "seconds": 2, "memory": 1000, "nulls": 2000,
            "certificates": 1_000_000, "authorizations": 10_000_000, "growth": (1000, 3000, 10_000, 30_000, 100_000)}


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
          "same client, DNS server and web server for all; its CA signs with RSA-2048")
    print(f"beside       Caddy {servers.Caddy.version()}, acme_server: internal authority, P-256, as Autarky's issuer here")


def speed(seconds, *arguments):
    """The peer: what OpenSSL's own benchmark makes of the same library, in the same run."""
    tool = os.environ.get("BENCH_OPENSSL", "openssl")
    done = subprocess.run([tool, "speed", "-mr", "-seconds", str(max(1, int(seconds))), *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.splitlines()


def raw_signatures(seconds, names):
    for name in names:
        for line in speed(seconds, name):
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
        # Caddy asks the system's resolver and connects to port 80: where this run has a network of its own, both are here.
        alone = os.environ.get("BENCH_ALONE") == "1"
        self.responder = orders.Responder(self.lab.http_port, *((80,) if alone else ()))
        self.autarky = servers.Autarky(self.lab)
        self.pebble = servers.Pebble(self.lab.directory, self.lab.dns.port, self.lab.http_port)
        self.servers = (self.autarky, self.pebble)
        self.caddy = servers.Caddy(self.lab.directory) if alone else None
        self.dns = None
        if self.caddy and self.wants("orders"):
            self.dns = DnsServer(self.lab.directory / "dns53", {lab.DOMAIN: "@ A 127.0.0.1\n* A 127.0.0.1"},
                                 at=("127.0.0.1", 53))
        self.peers = self.servers + ((self.caddy,) if self.dns else ())
        self.n_orders = dict.fromkeys(self.peers, 0)

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
        for server in self.peers:
            if server.process and server.process.popen.poll() is None:
                server.stop()
        if self.dns:
            self.dns.stop()
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
        peers = list(self.peers)
        clients = [(server, orders.Client(server, self.responder, server.name)) for server in peers]
        batches = {server: [] for server in peers}
        for server, client in clients:
            orders.batch(server, client, 10)  # caches, statements, memory
        syncs = floor.sync_latencies(self.lab.data, SYNCS)
        for _ in range(self.set["rounds"]):
            for server, client in clients:
                batches[server].append(orders.batch(server, client, self.set["orders"]))
        syncs += floor.sync_latencies(self.lab.data, SYNCS)
        for server in peers:
            self.n_orders[server] += 10 + sum(b.n for b in batches[server])
        self.show_orders(batches, syncs)
        floor.show(batches[self.autarky], self.autarky, clients[0][1], self.set["nulls"], table)
        self.crowd(peers)

    def show_orders(self, batches, syncs):
        ours = batches[self.autarky]
        heading(f"orders: 1 client, ES256 account, P-256 leaf, one DNS name, http-01; {len(ours)} x {ours[0].n} each, "
                f"pause before each poll {orders.POLL * 1e3:.0f} ms")
        rows = self.order_rows(batches)
        for name in sorted(ours[0].cpu):
            rows.append([f"  of it {name}, ms", spread([b.cpu[name] for b in ours], 1e3)] + [""] * (len(rows[0]) - 2))
        rows.append(["an fdatasync of 4 KiB beside it: median, p99, ms",
                     f"{median(syncs) * 1e3:.2f}, {percentile(syncs, 0.99) * 1e3:.2f}"] + [""] * (len(rows[0]) - 2))
        table(rows)

    @staticmethod
    def order_rows(batches):
        """One row a figure, one column a server, the first of which is compared with the others; a server that finished no
        batch has an empty list."""
        first, *others = batches
        rows = [["", *(server.name for server in batches), *(f"to {server.name}" for server in others)]]
        for what, of, scale, digits in (
                ("server CPU per order, ms", lambda b: b.total, 1e3, 2),
                ("orders/s", lambda b: b.n / b.wall, 1, 0),
                ("latency median, ms", lambda b: median(b.latencies), 1e3, 1),
                ("latency p95, ms", lambda b: percentile(b.latencies, 0.95), 1e3, 1),
                ("latency p99, ms", lambda b: percentile(b.latencies, 0.99), 1e3, 1),
                ("requests per order", lambda b: b.requests, 1, 1)):
            values = {server: [of(b) for b in batches[server]] for server in batches}
            rows.append([what, *(spread(v, scale, digits) if v else "none" for v in values.values()),
                         *(f"{median(values[first]) / median(values[o]):.2f}" if values[o] else "" for o in others)])
        return rows

    def crowd(self, peers):
        crowds = {server: [] for server in peers}
        for _ in range(self.set["crowds"]):
            for server in peers:
                crowds[server].append(orders.crowd(server, self.responder, CLIENTS, self.set["crowd"]))
        if None in crowds[self.autarky]:
            sys.exit("autarky did not finish its orders; its log:\n" + self.autarky.process.log.read_text()[-4000:])
        done = {server: [b for b in crowds[server] if b] for server in peers}
        for server in peers:
            self.n_orders[server] += sum(b.n for b in done[server])
        heading(f"orders: {CLIENTS} clients on the same machine, {len(crowds[self.autarky])} x "
                f"{CLIENTS * self.set['crowd']} each")
        table(self.order_rows(done))
        for server in peers:
            if len(done[server]) < len(crowds[server]):
                print(f"  {server.name} did not finish {len(crowds[server]) - len(done[server])} of its "
                      f"{len(crowds[server])} batches within {orders.PATIENCE} s")

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
        for name, rate in raw_signatures(self.set["seconds"], SIGNATURES):
            print(f"  openssl speed {name:<12} {rate:>10.0f} signatures per second of CPU")
        sys.stdout.flush()
        subprocess.run([os.environ["BENCH_SIGNER"], str(self.lab.data), str(self.set["seconds"])], check=True)

    def long(self, name):
        self.autarky.start()
        if name == "register":
            growth.register(self)
        elif name == "overview":
            growth.overview(self)
        else:
            growth.memory(self)
        self.autarky.stop()

    def run(self):
        machine(self.lab.data)
        if self.wants("signer"):
            self.signer()
        for name in LONG:
            if self.wants(name):
                self.long(name)
        if not set(self.wanted) & {"orders", "memory", "start"}:
            return
        self.start()
        if not set(self.wanted) & {"orders", "memory"}:
            return
        for server in self.servers:
            server.start()
        before = [server.memory() for server in self.servers]
        if self.wants("orders"):
            if self.dns:
                self.caddy.start()
            else:
                print("\nCaddy is not measured: it needs a network of its own, which script/bench makes as root")
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


def audit(records):
    heading(f"audit log: CPU, {records} records")
    out = subprocess.run([os.environ["BENCH_AUDIT"], str(records), os.environ.get("TMPDIR", "/var/tmp")], check=True,
                         capture_output=True, text=True).stdout
    table([["", "", ""], *(line.split("\t") for line in out.splitlines())])


def raw_ciphering(seconds, size):
    """MB in a second, of blocks of that many bytes."""
    for line in speed(seconds, "-evp", "sm4-gcm", "-bytes", str(size)):
        kind, *fields = line.split(":")
        if kind == "+F":
            return float(fields[2]) / 1e6
    return None


def tlcp(seconds):
    heading("TLCP: handshakes beside SM2 alone, records beside SM4-GCM alone")
    sys.stdout.flush()
    subprocess.run([os.environ["BENCH_TLCP"], str(seconds)], check=True)
    out = subprocess.run([os.environ["BENCH_TLCP"], str(seconds), "beside"], check=True, capture_output=True, text=True).stdout
    ours = {what: [float(v) for v in values] for what, *values in (line.split("\t") for line in out.splitlines())}
    heading("TLCP: beside `openssl speed` of the same library, per second of CPU; it has no encryption with SM2, and its SM4-GCM makes "
            "neither nonce nor tag")
    rows = [["", "autarky", "openssl speed", "ratio"]]
    for _, rate in raw_signatures(seconds, ["sm2"]):
        rows.append(["SM2 signatures", f"{ours['sm2'][0]:.0f}", f"{rate:.0f}", f"{ours['sm2'][0] / rate:.2f}"])
    for size in (1024, 16384):
        rate = raw_ciphering(seconds, size)
        for what, figure in zip(("sealed", "opened"), ours[str(size)]) if rate else ():
            rows.append([f"SM4-GCM, records of {size >> 10} KiB {what}, MB", f"{figure:.0f}", f"{rate:.0f}", f"{figure / rate:.2f}"])
    table(rows)


def main():
    parser = argparse.ArgumentParser(prog="script/bench")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*", choices=[[], *NAMES, *LONG])
    options = parser.parse_args()
    wanted = set(options.names or NAMES)
    if wanted - {"gateway", "inspection", "store", "revocation", "policy", "audit", "tlcp", "agent", "sites"}:
        bench = Bench(options)
        try:
            bench.run()
        finally:
            bench.close()
    if "gateway" in wanted:
        gateway.run(1 if options.quick else 3, 2 if options.quick else 5, table, spread)
    if "inspection" in wanted:
        inspection.run(1 if options.quick else 3, 2 if options.quick else 5, table, spread)
    if "sites" in wanted:
        many.run(1000 if options.quick else 10_000, table)
    if "policy" in wanted:
        policy()
    if "tlcp" in wanted:
        tlcp(settings(options.quick)["seconds"])
    if "agent" in wanted:
        agent.run(options.quick, table)
    if "audit" in wanted:
        audit(100000 if options.quick else 1000000)
    if "revocation" in wanted:
        revocation.run(options.quick, table, spread)
    if not options.quick and "store" in (options.names or NAMES) or "store" in options.names:
        store()


if __name__ == "__main__":
    main()

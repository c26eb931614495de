# SPDX-License-Identifier: Apache-2.0
"""Revocation: what a shard's list and an OCSP answer cost with registers of growing size, and what an OCSP answer costs front that
it keeps, beside a static answer of 1 KiB of the same front: its CPU time for each, which hardly depends on what else the machine
does. wrk asks, in short turns of both; the ratio is the median of those of the turns."""

import base64
import os
import pathlib
import re
import statistics
import subprocess
import sys
import urllib.parse
import urllib.request

from servers import cpu_clock, lab, process_name, process_tree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "lib"))
from acme import Client, Http01  # noqa: E402

CONNECTIONS = 16
SIZES = ("10", "1000", "100000", "1000000")
QUICK = ("10", "1000", "100000")


def rate(url, seconds):
    out = lab.run("wrk", "-t", "1", "-c", CONNECTIONS, "-d", f"{seconds}s", url, timeout=seconds + 60)
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"wrk at {url}:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), int(re.search(r"(\d+) requests in", out)[1])


def leaf_request(here, client):
    issued = client.obtain([f"bench.{lab.DOMAIN}"])
    leaf, issuer = here.directory / "leaf.pem", here.directory / "issuer.pem"
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", issued.pem.decode(), re.S)
    leaf.write_text(blocks[0])
    issuer.write_text(blocks[1])
    request = here.directory / "request"
    lab.run(lab.OPENSSL, "ocsp", "-issuer", issuer, "-cert", leaf, "-no_nonce", "-reqout", request)
    return urllib.parse.quote(base64.b64encode(request.read_bytes()).decode(), safe="")


def front(rounds, seconds, table, spread):
    here = lab.Lab(f"urls: {{plain: \"http://ca.{lab.DOMAIN}\"}}\n")
    here.verified = False
    here.start()
    responder = Http01(here.http_port)
    client = Client(here.directory_url, here.roots, responder)
    client.register()
    asked = f"{here.plain}/ocsp/ecdsa-1/{leaf_request(here, client)}"
    # The answer of 1 KiB, or the nearest that is there.
    static = min((f"{here.plain}/issuer/{ref}.cer" for ref in ("rsa-1", "ecdsa-1")),
                 key=lambda url: abs(len(urllib.request.urlopen(url).read()) - 1024))
    sizes = [len(urllib.request.urlopen(url).read()) for url in (asked, static)]
    process = next(pid for pid in process_tree(here.server.popen.pid) if process_name(pid) == "front")
    rates, costs = {asked: [], static: []}, {asked: [], static: []}
    for turn in range(rounds + 1):
        for url in (asked, static) if turn % 2 else (static, asked):
            before = cpu_clock(process)
            per_second, n = rate(url, seconds)
            if turn:  # the first one warms up
                rates[url].append(per_second)
                costs[url].append((cpu_clock(process) - before) / n * 1e6)
    ratio = statistics.median(b / a for a, b in zip(costs[asked], costs[static]))
    print(f"\nrevocation: front answers from what it keeps, HTTP, {CONNECTIONS} connections, {rounds} x {seconds} s in turns")
    table([["", "us of front's CPU", "answers/s", "bytes"],
           ["OCSP, GET", spread(costs[asked], 1, 2), spread(rates[asked], 1, 0), str(sizes[0])],
           ["static answer", spread(costs[static], 1, 2), spread(rates[static], 1, 0), str(sizes[1])],
           ["ratio, by CPU", f"{ratio:.2f}", "", ""]])
    client.close()
    responder.close()
    here.close()


def run(quick, table, spread):
    print("\nrevocation: one shard of 16, 5 % revoked, ECDSA P-256, synchronous=FULL: list from number to publication; "
          "an OCSP answer's look-up and signature", flush=True)
    subprocess.run([os.environ["BENCH_REVOCATION"], os.environ.get("TMPDIR", "/var/tmp"), *(QUICK if quick else SIZES)],
                   check=True)
    front(5 if quick else 21, 1, table, spread)

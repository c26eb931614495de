#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""The access log of a gateway with two workers: what curl asked for over HTTP/1.1, HTTP/2 and TLCP, and h2load in haste, stands in
it, a line each, and nothing secret; it survives its file being moved away, its writer's death and a place where it cannot be written, and a reload
turns it from JSON into what Apache writes, and off."""

import json
import os
import pathlib
import re
import signal
import socket
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, Process, expect, run, wait_for  # noqa: E402
from sites import Backend, SiteLab  # noqa: E402

NAME, QUIET = "localhost", f"quiet.{DOMAIN}"
H2LOAD = "/usr/bin/h2load"
COMBINED = re.compile(r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+) '
                      r'"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"')
BURST = 6000


def access(lab, name="access.jsonl"):
    path = lab.data / "access" / name
    return path.read_text("ascii").splitlines() if path.is_file() else []


def all_lines(lab):
    files = [path for path in sorted((lab.data / "access").glob("access*.jsonl")) if path.is_file()]
    return [json.loads(line) for path in files for line in path.read_text("ascii").splitlines()]


def line_of(lab, path):
    """The only line about that path."""
    found = []

    def there():
        found[:] = [line for line in all_lines(lab) if line.get("path") == path]
        return found
    wait_for(f"a line about {path}", there, 10)
    if len(found) != 1:
        sys.exit(f"{len(found)} lines about {path}")
    return found[0]


def has(line, **wanted):
    for key, value in wanted.items():
        if line.get(key) != value:
            sys.exit(f"{key} is {line.get(key)!r}, not {value!r}: {line}")


def requests(lab, backend):
    lab.curl(NAME, "/echo/one?token=secret", "--http1.1", "-H", "Cookie: c=secret", "-H", "Authorization: Basic secret", "-A",
             'quote"\\and\tmore', "-e", "https://elsewhere.example/?q=secret")
    line = line_of(lab, "/echo/one")
    has(line, site=NAME, client="127.0.0.1", method="GET", protocol="HTTP/1.1", status=200, received=0, complete=True,
        backend=f"127.0.0.1:{backend.port}", tls="TLSv1.3", key="EC", signature="ecdsa_secp256r1_sha256", resumed=False,
        user_agent='quote"\\and\tmore', referrer="https://elsewhere.example/")
    if not 0 < line["backend_micros"] <= line["micros"] or line["sent"] == 0 or not line["group"] or not line["cipher"]:
        sys.exit(f"figures: {line}")
    expect(lab.log(), line["request_id"], "the log, by the request id")
    lab.curl(NAME, "/digest/two", "--http2", "--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES128-GCM-SHA256", "--data", "12345")
    has(line_of(lab, "/digest/two"), method="POST", protocol="HTTP/2.0", received=5, tls="TLSv1.2", key="RSA",
        cipher="ECDHE-RSA-AES128-GCM-SHA256")
    lab.curl(NAME, "/other", "--http1.1", "-H", "Host: other.example", ok=(22,))
    has(line_of(lab, "/other"), status=421, reason="gateway.other-host")
    lab.curl(QUIET, "/quiet")
    if "secret" in "".join(access(lab)):
        sys.exit("there is a secret in the access log")


def over_tlcp(lab):
    root = lab.data / "trust" / "root-sm2.pem"
    process = Process("forward", lab.directory, AUTARKY, "forward", "--tlcp", "127.0.0.1:0", f"{NAME}:{lab.gateway}",
                      "--root", root)
    wait_for("forward", lambda: process.log.read_text().strip().startswith("127.0.0.1:"))
    base = "http://" + process.log.read_text().split()[0]
    run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "-H", f"Host: {NAME}:{lab.gateway}", f"{base}/tlcp")
    process.stop()
    has(line_of(lab, "/tlcp"), status=200, tls="TLCPv1.1", cipher="ECC_SM4_GCM_SM3", key="SM2")


def resumed(lab):
    """A session of TLS 1.2 comes again: then no key was shown."""
    context = lab.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for path in ("/first", "/again"):
        raw = socket.create_connection(("127.0.0.1", lab.gateway), 30)
        with context.wrap_socket(raw, server_hostname=NAME, session=session) as tls:
            tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            while tls.recv(4096):
                pass
            session = tls.session
    has(line_of(lab, "/first"), resumed=False, key="EC")
    again = line_of(lab, "/again")
    has(again, resumed=True)
    if "key" in again:
        sys.exit(f"a key that was not shown: {again}")


def burst(lab, path, number=BURST):
    run(H2LOAD, "-n", number, "-c", 20, "-m", 10, f"--connect-to=127.0.0.1:{lab.gateway}", f"https://{NAME}:{lab.gateway}{path}")


def in_haste(lab):
    """Every one of them is there while somebody moves the file away."""
    lab.curl(NAME, "/before")
    line_of(lab, "/before")
    moved = 0
    for i in range(3):
        burst(lab, f"/haste/{i}", BURST // 3)
        os.rename(lab.data / "access" / "access.jsonl", lab.data / "access" / f"access.moved{i}.jsonl")
        moved += 1
        lab.curl(NAME, f"/after/{i}")
        line_of(lab, f"/after/{i}")

    def whole():
        lines = all_lines(lab)
        return sum(line["path"].startswith("/haste/") for line in lines) == BURST // 3 * 3
    wait_for(f"{BURST // 3 * 3} lines", whole, 20)
    ids = [line["request_id"] for line in all_lines(lab)]
    if len(ids) != len(set(ids)):
        sys.exit("lines came twice")
    print(f"access log: {len(ids)} lines, {moved} times moved away")


def writer_dies(lab):
    """What it has not confirmed is written by the next one."""
    pid, = lab.processes("courier")
    os.kill(pid, signal.SIGSTOP)
    for i in range(5):
        lab.curl(NAME, f"/meanwhile/{i}")
    os.kill(pid, signal.SIGKILL)
    for i in range(5):
        wait_for(f"line {i}", lambda i=i: any(line["path"] == f"/meanwhile/{i}" for line in all_lines(lab)), 20)


def unwritable(lab):
    """Something else is in its place: requests are answered, and their lines come when it is gone."""
    path = lab.data / "access" / "access.jsonl"
    path.rename(path.with_name("access.last.jsonl"))
    path.mkdir()
    lab.curl(NAME, "/unwritable")
    wait_for("the complaint", lambda: "DATA/access/access.jsonl cannot be written" in lab.log(), 10)
    before = lab.log().count("gateway.access-log-again")
    expect(lab.log(), "gateway.access-log-failed", "the complaint")
    lab.curl(NAME, "/still")
    path.rmdir()
    for name in ("/unwritable", "/still"):
        line_of(lab, name)
    wait_for("the relief", lambda: lab.log().count("gateway.access-log-again") > before, 10)


def reconfigure(lab, text):
    path = lab.data / "autarky.yaml"
    lines = [line for line in path.read_text().splitlines(True) if "access_log: {" not in line or "sites:" in line]
    path.write_text("".join(lines) + text)
    lab.autarky("reload")


def as_apache(lab):
    reconfigure(lab, "  access_log: {format: combined, query: true}\n")
    lab.curl(NAME, '/combined?a=b', "-A", 'x" y', "-e", "https://elsewhere.example/?q")

    def there():
        return [line for line in access(lab, "access.log") if "/combined" in line]
    wait_for("a line as Apache writes it", there, 10)
    asked, status, sent, referrer, agent = COMBINED.fullmatch(there()[0]).groups()
    if (asked, status, referrer, agent) != ("GET /combined?a=b HTTP/2.0", "200", "https://elsewhere.example/?q", 'x\\" y') or sent == "0":
        sys.exit(f"not as Apache writes it: {there()}")


def switched_off(lab):
    reconfigure(lab, "  access_log: {format: \"off\"}\n")
    wait_for("the courier's end", lambda: not lab.processes("courier"), 20)
    before = len(access(lab, "access.log"))
    lab.curl(NAME, "/unseen")
    if len(access(lab, "access.log")) != before:
        sys.exit("a line although it is off")
    modes = {path.name: path.stat().st_mode & 0o7777 for path in (lab.data / "access").iterdir()}
    if set(modes.values()) != {0o640} or (lab.data / "access").stat().st_mode & 0o7777 != 0o750:
        sys.exit(f"modes: {modes}")


def main():
    backend = Backend()
    sites = [{"name": NAME, "backends": [backend.url]},
             {"name": QUIET, "backends": [backend.url], "algorithms": ["ecdsa"], "access_log": False}]
    with SiteLab(sites, "  access_log: {format: json, size: 1MiB}\n") as lab:
        lab.start()
        for site in sites:
            lab.wait_site(site["name"])
        requests(lab, backend)
        over_tlcp(lab)
        resumed(lab)
        in_haste(lab)
        writer_dies(lab)
        unwritable(lab)
        if any(line.get("site") == QUIET for line in all_lines(lab)):
            sys.exit("a line about a site that is left out")
        as_apache(lab)
        switched_off(lab)
    backend.stop()


main()

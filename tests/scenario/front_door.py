#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How clients come in: by plain HTTP, by each hybrid group, without a name in TLS and in TLCP, and too often, with a load balancer
before the gateway and without."""

import http.client
import json
import pathlib
import re
import socket
import ssl
import sys

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, expect, free_port, run, wait_for  # noqa: E402
from sites import SITE, Backend, SiteLab  # noqa: E402

OTHER = f"other.{DOMAIN}"
RATE = 3  # connections at once, of each worker


class World(SiteLab):
    """The ports of plain and gateway are known to the configuration, as they have to be for redirects."""

    def __init__(self, sites):
        self.ports, self.more = (free_port(), free_port()), ""
        super().__init__(sites)

    def configure(self, extra="", policy=None, api=("127.0.0.1:0",)):
        self.workers = 1
        super().configure(extra or self.more, policy, api)
        path = self.data / "autarky.yaml"
        plain, gateway = self.ports
        path.write_text(path.read_text().replace('plain: ["127.0.0.1:0"]', f'plain: ["127.0.0.1:{plain}"]')
                        .replace('gateway: ["127.0.0.1:0"]', f'gateway: ["127.0.0.1:{gateway}"]'))

    def change(self, more):
        self.more = more
        self.configure()
        self.autarky("reload")


def plain(lab, host, method="GET", path="/a/b?c=d"):
    client = http.client.HTTPConnection("127.0.0.1", lab.ports[0], timeout=30)
    client.request(method, path, headers={"Host": host})
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer.status, answer.headers.get("Location", "")


def by_plain_http(lab):
    gateway = lab.ports[1]
    for host, method, wanted in (
            (SITE, "GET", (308, f"https://{SITE}:{gateway}/a/b?c=d")),
            (f"{SITE.upper()}:{lab.ports[0]}", "HEAD", (308, f"https://{SITE}:{gateway}/a/b?c=d")),
            (OTHER, "GET", (308, f"https://{OTHER}:{gateway}/a/b?c=d")),
            (SITE, "POST", (403, ""))):
        got = plain(lab, host, method)
        if got != wanted:
            sys.exit(f"{method} for {host} by plain HTTP: {got}, not {wanted}")
    for host in ("nobody.example", "127.0.0.1"):
        status, location = plain(lab, host)
        if status != 308 or f":{gateway}/" in location or SITE in location:
            sys.exit(f"GET for {host}: {status} {location}")
    if plain(lab, "127.0.0.1", path="/healthz")[0] != 200:
        sys.exit("/healthz is gone")
    # The whole way, as somebody who types the name.
    got = run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--location", "--noproxy", "*", "--cacert", lab.roots, "--resolve",
              f"{SITE}:{lab.ports[0]}:127.0.0.1", "--resolve", f"{SITE}:{gateway}:127.0.0.1", f"http://{SITE}:{lab.ports[0]}/echo/x?y")
    expect(got, '"/echo/x?y"', "followed")


def by_each_group(lab):
    for group in ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "X25519", "secp256r1", "secp384r1"):
        said = run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{lab.ports[1]}", "-servername", SITE, "-CAfile", lab.roots,
                   "-verify_return_error", "-groups", group)
        expect(said.lower(), "verify return code: 0", group)


def nameless(lab):
    context = ssl.create_default_context(cafile=str(lab.roots))
    context.check_hostname = False
    return context.wrap_socket(socket.create_connection(("127.0.0.1", lab.ports[1]), 30))


def asked(lab, host):
    """The status, and the Host that the backend got, of somebody who names no site in the handshake."""
    with nameless(lab) as s:
        s.sendall(f"GET /echo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(s)
        answer.begin()
        body = answer.read()
        return answer.status, dict(json.loads(body)["headers"])["host"] if answer.status == 200 else ""


def without_a_name(lab):
    try:
        nameless(lab)
        sys.exit("a client that names no site is served, and nothing says by which")
    except ssl.SSLError as e:
        expect(str(e).lower(), "unrecognized", "the alert")
    lab.more = "  default_site: none.hospital.example\n"
    lab.configure()
    expect(lab.autarky("config", "check", ok=(65, 78, 1, 2)), "is not among `sites`", "a default that there is not")
    lab.change(f"  default_site: {OTHER}\n")

    def served():
        try:
            return asked(lab, OTHER) == (200, OTHER)
        except ssl.SSLError:
            return False
    wait_for("the default site", served)
    for host in ("127.0.0.1", f"127.0.0.1:{lab.ports[1]}", "[::1]"):
        if asked(lab, host) != (200, OTHER):
            sys.exit(f"Host {host} of who named no site: {asked(lab, host)}")
    for host in (SITE, "nobody.example"):
        if asked(lab, host)[0] != 421:
            sys.exit(f"Host {host} of who named no site: {asked(lab, host)}")
    said = json.loads(run(AUTARKY, "probe", "--tlcp", f"127.0.0.1:{lab.ports[1]}", "--json", ok=(0, 1, 2)))
    expect(json.dumps(said), OTHER, "TLCP without a name")
    with lab.connect(SITE) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        expect(s.recv(100).decode(), " 421 ", "an address at a site that was named")
    try:
        lab.connect("nobody.hospital.example")
        sys.exit("a site that there is not is served")
    except ssl.SSLError:
        pass


def enter(lab, header=b"", source="127.0.0.1"):
    """Whether the handshake comes about."""
    raw = socket.create_connection(("127.0.0.1", lab.ports[1]), 30, (source, 0))
    try:
        raw.sendall(header)
        lab.context().wrap_socket(raw, server_hostname=SITE).close()
        return True
    except OSError:
        return False
    finally:
        raw.close()


def too_often(lab):
    lab.change(f"  connection_rate: 1\n  connection_burst: {RATE}\n")
    wait_for("the rate", lambda: not enter(lab), 60)
    got = [enter(lab, source="127.0.0.2") for _ in range(2 * RATE)]
    if got != [True] * RATE + [False] * RATE:
        sys.exit(f"connections of one client: {got}")
    if not enter(lab, source="127.0.0.3"):
        sys.exit("another client does not get in")
    log = lab.log()
    expect(log, "gateway.connection-rate", "the log")
    expect(log, "client=127.0.0.2", "who it was")
    numbers = run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert", lab.roots, lab.api + "/metrics")
    if not re.search(r"gateway_connections_refused_total\S* [1-9]", numbers):
        sys.exit(f"who was refused is not counted:\n{numbers}")
    lab.change(f"  connection_rate: 1\n  connection_burst: {RATE}\n  proxy_protocol: [127.0.0.9]\n")
    wait_for("the load balancer", lambda: enter(lab, b"PROXY TCP4 192.0.2.77 10.0.0.1 1 443\r\n", "127.0.0.9"), 60)
    for client, wanted in (("192.0.2.1", RATE), ("192.0.2.2", RATE)):
        header = f"PROXY TCP4 {client} 10.0.0.1 1 443\r\n".encode()
        got = [enter(lab, header, "127.0.0.9") for _ in range(RATE + 2)]
        if got.count(True) != wanted or got[wanted:] != [False] * (RATE + 2 - wanted):
            sys.exit(f"connections of {client} by a load balancer: {got}")
    lab.change("")
    wait_for("no rate any more", lambda: enter(lab, source="127.0.0.2"), 60)
    if not all(enter(lab, source="127.0.0.2") for _ in range(4 * RATE)):
        sys.exit("there is a rate still")


def main():
    backend = Backend()
    sites = [{"name": SITE, "backends": [backend.url], "algorithms": ["ecdsa"]},
             {"name": OTHER, "backends": [backend.url], "algorithms": ["ecdsa", "sm2"]}]
    with World(sites) as lab:
        lab.start()
        for name in (SITE, OTHER):
            lab.wait_site(name)
        by_plain_http(lab)
        by_each_group(lab)
        without_a_name(lab)
        too_often(lab)
    backend.stop()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Many sites in one gateway, each with a certificate of ECDSA and one of RSA: how long until the last of them is served, memory, and
what it takes to replace one certificate, beside nginx, HAProxy and Caddy with the same files on the same libssl (Caddy on its own).
The certificates are made here with the installation's own issuers, for issuing them would take longer than all that is measured."""

import contextlib
import json
import pathlib
import socket
import ssl
import time

from cryptography import x509

import gateway
import servers
from gateway import Nginx, SiteLab, lab, our_openssl
from thousands import fill, name_of

READY_SECONDS = 180


def handshake(port, name):
    """The serial number that is shown; None: nothing is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as raw, context.wrap_socket(raw, server_hostname=name) as s:
            shown = x509.load_der_x509_certificate(s.getpeercert(True))
    except OSError:
        return None
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    return shown.serial_number if name in names else None


def until_served(port, name):
    begin = time.monotonic()
    while handshake(port, name) is None:
        if time.monotonic() - begin > READY_SECONDS:
            raise SystemExit(f"{name} is not served on port {port}")
        time.sleep(0.01)
    return time.monotonic() - begin


def measured(pids, port, n):
    """Seconds until the last site is served and all kinds were asked, CPU until then, MiB."""
    seconds = until_served(port, name_of(n - 1))
    for i in range(0, n, max(1, n // 50)):
        if handshake(port, name_of(i)) is None:
            raise SystemExit(f"{name_of(i)} is not served on port {port}")
    return seconds, sum(servers.cpu_clock(p) for p in pids()), sum(servers.pss(p) for p in pids())


def front_nginx(site, port, n):
    own = lab.free_port()
    blocks = "".join(
        f"  server {{ listen 127.0.0.1:{own} ssl; server_name {name_of(i)};"
        + "".join(f" ssl_certificate {site.data}/sites/{name_of(i)}/{a}/fullchain.pem;"
                  f" ssl_certificate_key {site.data}/sites/{name_of(i)}/{a}/privkey.pem;" for a in ("ecdsa", "rsa"))
        + f" location / {{ proxy_pass http://127.0.0.1:{port}; }} }}\n" for i in range(n))
    begin = time.monotonic()
    server = Nginx(site.directory, "many", f"  server_names_hash_max_size 65536;\n  ssl_session_cache off;\n{blocks}", our_openssl(site.directory))
    return begin, server, own


def front_haproxy(site, port, n):
    own = lab.free_port()
    where = pathlib.Path(site.directory) / "many-haproxy"
    where.mkdir()
    crts = where / "crts"
    crts.mkdir()
    for i in range(n):
        for a in ("ecdsa", "rsa"):
            pair = site.data / "sites" / name_of(i) / a
            (crts / f"{name_of(i)}.pem.{a}").write_text((pair / "fullchain.pem").read_text() + (pair / "privkey.pem").read_text())
    conf = where / "haproxy.cfg"
    conf.write_text(f"global\n  maxconn 4096\n  nbthread 1\n  tune.ssl.cachesize 0\n  ssl-default-bind-options ssl-min-ver TLSv1.2\n"
                    f"defaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\n"
                    f"frontend front\n  bind 127.0.0.1:{own} ssl crt {crts}\n  default_backend back\n"
                    f"backend back\n  server one 127.0.0.1:{port}\n")
    begin = time.monotonic()
    server = lab.Process("many-haproxy", site.directory, "/usr/sbin/haproxy", "-db", "-f", conf,
                         env={"PATH": "/usr/sbin:/usr/bin", **our_openssl(site.directory)})
    return begin, server, own


def everybody(site):
    """All processes of the server."""
    return [p["pid"] for p in json.loads(site.autarky("status", "--json"))["processes"]]


def run(n, table):
    with SiteLab() as site, contextlib.ExitStack() as others:
        site.verified = False
        behind, port = gateway.backend(site.directory)
        others.callback(behind.stop)
        site.workers = 1
        site.sites = []
        site.configure()
        site.start()
        site.stop()
        fill(site.data, n)
        site.sites = [{"name": name_of(i), "backends": [f"http://127.0.0.1:{port}"], "algorithms": ["ecdsa", "rsa"]}
                      for i in range(n)]
        site.configure()
        rows = [[f"{n} sites, two certificates each", "served after, s", "CPU, s", "MiB"]]
        begin = time.monotonic()
        site.start()
        at = time.monotonic() - begin
        seconds, spent, memory = measured(lambda: everybody(site), site.gateway, n)
        rows.append(["autarky, all of its processes", f"{at + seconds:.2f}", f"{spent:.2f}", f"{memory:.1f}"])
        for role in ("gateway", "keeper", "core", "supervisor", "front"):
            pids = site.processes(role)
            rows.append([f"  {role}", "", f"{sum(servers.cpu_clock(p) for p in pids):.2f}",
                         f"{sum(servers.pss(p) for p in pids):.1f}"])
        replaced = replace(site, n)
        site.stop()
        for name, front in (("nginx", front_nginx), ("HAProxy", front_haproxy)):
            begin, server, own = front(site, port, n)
            process = server.process if isinstance(server, Nginx) else server
            seconds, spent, memory = measured(lambda p=process: [p.popen.pid], own, n)
            rows.append([name, f"{time.monotonic() - begin:.2f}", f"{spent:.2f}", f"{memory:.1f}"])
            process.stop()
        print(f"\nsites: {n} with two certificates each, one worker")
        table(rows)
        print(f"  one certificate renewed, until its site shows it: {replaced}", flush=True)


def replace(site, n):
    name = name_of(n // 2)
    before = handshake(site.gateway, name)
    roles = {role: site.processes(role) for role in ("gateway", "keeper")}
    start = {role: sum(servers.cpu_clock(p) for p in pids) for role, pids in roles.items()}
    site.autarky("site", "renew", name)
    begin = time.monotonic()
    while handshake(site.gateway, name) == before and time.monotonic() - begin < READY_SECONDS:
        time.sleep(0.05)
    return ", ".join(f"{role} {(sum(servers.cpu_clock(p) for p in pids) - start[role]) * 1e3:.1f} ms of CPU"
                     for role, pids in roles.items())

# SPDX-License-Identifier: Apache-2.0
"""Many sites in one gateway, each with a certificate of ECDSA and one of RSA: how long until the last of them is served, memory, and
what it takes to replace one certificate, beside nginx, HAProxy and Caddy with the same files on the same libssl (Caddy on its own).
The certificates are made here with the installation's own issuers, for issuing them would take longer than all that is measured."""

import contextlib
import datetime
import json
import os
import pathlib
import pwd
import socket
import ssl
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import gateway
import servers
from gateway import Nginx, SiteLab, lab, our_openssl

READY_SECONDS = 180
LIFE = datetime.timedelta(days=60)


def name_of(i):
    return f"s{i}.{lab.DOMAIN}"


class Maker:
    """Certificates by the issuers of an installation; all of RSA have one key, for one takes as long to make as 1000 signatures."""

    def __init__(self, data, passphrase):
        self.issuers = {}
        for algorithm in ("ecdsa", "rsa"):
            key = serialization.load_pem_private_key((data / "ca" / f"{algorithm}-1.key").read_bytes(), passphrase)
            pem = (data / "ca" / f"{algorithm}-1.crt").read_bytes()
            self.issuers[algorithm] = key, x509.load_pem_x509_certificate(pem), pem.decode()
        self.rsa = rsa.generate_private_key(65537, 2048)

    def pair(self, algorithm, name, serial):
        """Chain and key, PEM."""
        issuer_key, issuer, pem = self.issuers[algorithm]
        key = self.rsa if algorithm == "rsa" else ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        made = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
                .issuer_name(issuer.subject).public_key(key.public_key()).serial_number(serial)
                .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + LIFE)
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
                .add_extension(usage, True)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value), False)
                .sign(issuer_key, hashes.SHA256()))
        return (made.public_bytes(serialization.Encoding.PEM).decode() + pem,
                key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()).decode())


def fill(site, n):
    """DATA/sites and DATA/keeper as the keeper would have them when it starts again."""
    maker = Maker(site.data, (site.data / "ca.passphrase").read_bytes().strip())
    owner = pwd.getpwnam("autarky-keeper") if os.geteuid() == 0 else None
    top, states = site.data / "sites", site.data / "keeper"
    made = [t for t in (top, states) if not t.exists()]
    for t in made:
        t.mkdir(mode=0o700)
    now = datetime.datetime.utcnow()
    at = {"renew_at": now + datetime.timedelta(days=20), "look_at": now + datetime.timedelta(hours=6)}
    state = json.dumps({"profile": "default"} | {key: f"{t:%Y-%m-%dT%H:%M:%SZ}" for key, t in at.items()})
    for i in range(n):
        for algorithm in ("ecdsa", "rsa"):
            chain, key = maker.pair(algorithm, name_of(i), 1 + 2 * i + (algorithm == "rsa"))
            where = top / name_of(i) / algorithm
            where.mkdir(parents=True)
            (where / "fullchain.pem").write_text(chain)
            (where / "privkey.pem").write_text(key)
            (where / "privkey.pem").chmod(0o600)
            kept = states / name_of(i) / f"{algorithm}.json"
            kept.parent.mkdir(exist_ok=True, mode=0o700)
            kept.write_text(state)
            kept.chmod(0o600)
            made += [kept.parent, kept, where.parent, where, where / "fullchain.pem", where / "privkey.pem"]
    for path in made:
        if owner:
            os.chown(path, owner.pw_uid, owner.pw_gid)


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
        fill(site, n)
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

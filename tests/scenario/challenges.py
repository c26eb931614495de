#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dns-01, dns-account-01, dns-persist-01, CAA and tls-alpn-01 against real servers: BIND with dynamic updates, a signed zone, aliases and a
cache that remembers what was not there; openssl s_server and TLS servers that misbehave."""

import base64
import datetime
import hashlib
import ipaddress
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from dns_server import DnsServer, free_port  # noqa: E402

TOOL = pathlib.Path(os.environ["AUTARKY"]).parent / "tests" / "validate_tool"
TOKEN = "DGyRejmCefe7v4NfDGDKfA"
KEY = TOKEN + ".LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
DIGEST = hashlib.sha256(KEY.encode()).digest()
TEXT = base64.urlsafe_b64encode(DIGEST).decode().rstrip("=")
ACCOUNT = "https://ca.hospital.example/acme/account/x"
LABEL = "_" + base64.b32encode(hashlib.sha256(ACCOUNT.encode()).digest()[:10]).decode().lower()

SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
TSIG = f'key "acme" {{ algorithm hmac-sha256; secret "{SECRET}"; }};'
DOMAIN = "hospital.example"
HOLDER = ("127.0.0.1", 53)  # NS records have no port


def hashed(domain):
    """draft-ietf-acme-dns-persist-02 section 4.1"""
    octets = bytes([len(domain)]) + f"{domain}{KEY.split('.')[1]}{ACCOUNT}".encode()
    return (f"https://ca.{DOMAIN}/acme/account-hash/sha-256/"
            + base64.urlsafe_b64encode(hashlib.sha256(octets).digest()).decode().rstrip("="))


RECORDS = f"""
tls A 127.0.0.2
_acme-challenge.alias CNAME _acme-challenge.acme
_acme-challenge.acme TXT "{TEXT}"
old DNAME new
_acme-challenge.x.new TXT "{TEXT}"
{LABEL}._acme-challenge.team TXT "{TEXT}"
_acme-challenge.many TXT "one" "{TEXT}"
_acme-challenge.many TXT "two"
_acme-challenge.many TXT "{TEXT}"
_acme-challenge.forbidden TXT "{TEXT}"
forbidden CAA 0 issue "other.example"
_acme-challenge.mine TXT "{TEXT}"
mine CAA 0 issue "ca.{DOMAIN}; accounturi={ACCOUNT}; validationmethods=dns-01"
_acme-challenge.theirs TXT "{TEXT}"
theirs CAA 0 issue "ca.{DOMAIN}; accounturi={ACCOUNT}2"
_acme-challenge.http TXT "{TEXT}"
http CAA 0 issue "ca.{DOMAIN}; validationmethods=http-01"
_acme-challenge.below.forbidden TXT "{TEXT}"
_acme-challenge.wild TXT "{TEXT}"
wild CAA 0 issue "ca.{DOMAIN}"
wild CAA 0 issuewild ";"
_acme-challenge.future TXT "{TEXT}"
future CAA 128 tbs "unknown"
_validation-persist.stays TXT "v=spf1 -all"
_validation-persist.stays TXT "other.example; accounturi=https://other.example/7; policy=wildcard"
_validation-persist.stays TXT "ca.{DOMAIN};" " accounturi={ACCOUNT};" " persistUntil=4102444800"
_validation-persist.hashed TXT "ca.{DOMAIN}; accounturi={hashed("hashed." + DOMAIN)}"
_validation-persist.any TXT "CA.{DOMAIN}; policy=WILDCARD; accounturi={hashed("*")}"
_validation-persist.ended TXT "ca.{DOMAIN}; accounturi={ACCOUNT}; persistUntil=1767225600"
_validation-persist.strange TXT "other.example; accounturi={ACCOUNT}"
_validation-persist.broken TXT "ca.{DOMAIN}; accounturi"
_validation-persist.foreign TXT "ca.{DOMAIN}; accounturi={ACCOUNT}2"
_validation-persist.moved CNAME _validation-persist.stays
_validation-persist.kept TXT "ca.{DOMAIN}; accounturi={ACCOUNT}"
kept CAA 0 issue "ca.{DOMAIN}; validationmethods=dns-persist-01"
_validation-persist.http TXT "ca.{DOMAIN}; accounturi={ACCOUNT}"
"""


class Checks:
    def __init__(self, conf):
        self.conf = conf
        self.failed = 0

    def configure(self, resolvers, tls_port=443, more=""):
        self.conf.write_text(
            f"organization: Example Hospital\ndomain: {DOMAIN}\nurls: {{api: \"https://ca.{DOMAIN}\"}}\n"
            f"resolvers: [{', '.join(resolvers)}]\n"
            f"validation: {{tls_port: {tls_port}, allow: [127.0.0.0/30], timeout: 4s{more}}}\n")

    def check(self, challenge, identifier, problem, words=""):
        """problem None: it must be proven."""
        kind = "ip" if identifier[0].isdigit() or ":" in identifier else "dns"
        out = subprocess.run([TOOL, self.conf, kind, identifier, TOKEN, KEY, challenge, ACCOUNT], stdout=subprocess.PIPE,
                             check=True, timeout=60)
        result = json.loads(out.stdout)
        good = result["type"] == problem and words in result["text"]
        if not good:
            self.failed += 1
        print(f"{'ok' if good else 'FAILED'} {challenge} {identifier}: {result['text'] or result['rc']}")
        if not good:
            print(json.dumps(result, indent=1))
        return result


def nsupdate(server, line):
    subprocess.run(["nsupdate", "-y", f"hmac-sha256:acme:{SECRET}"], check=True, timeout=30, text=True,
                   input=f"server {server.host} {server.port}\nzone {DOMAIN}.\n{line}\nsend\n")


def wait_for_txt(name, there):
    """The signed zone follows the updated one a moment later."""
    def answer():
        out = subprocess.run(["dig", "+dnssec", "+norecurse", f"@{HOLDER[0]}", "-p", str(HOLDER[1]),
                              f"_acme-challenge.{name}.{DOMAIN}", "TXT"], stdout=subprocess.PIPE, text=True, check=False)
        return "RRSIG" in out.stdout and (f'"{TEXT}"' in out.stdout) == there
    end = time.monotonic() + 30
    while not answer():
        if time.monotonic() > end:
            sys.exit(f"BIND does not say that {name} is {'' if there else 'not '}there, signed")
        time.sleep(0.1)


def servers(zone, *addresses, mode="recursive", agree=1):
    listed = f"servers: [{', '.join(json.dumps(a) for a in addresses)}], " if addresses else ""
    return f'{{zone: "{zone}", {listed}mode: {mode}, agree: {agree}}}'


def dns_records(checks):
    checks.check("dns-01", f"acme.{DOMAIN}", None)
    checks.check("dns-01", f"alias.{DOMAIN}", None)
    checks.check("dns-01", f"x.old.{DOMAIN}", None)
    checks.check("dns-01", f"many.{DOMAIN}", None)
    checks.check("dns-account-01", f"team.{DOMAIN}", None)
    checks.check("dns-01", f"team.{DOMAIN}", "unauthorized", "exists, but has no TXT record")
    checks.check("dns-01", f"none.{DOMAIN}", "unauthorized", f"there is no name _acme-challenge.none.{DOMAIN}")
    checks.check("dns-01", f"*.acme.{DOMAIN}", None)


def persistent_records(checks):
    checks.check("dns-persist-01", f"stays.{DOMAIN}", None)
    checks.check("dns-persist-01", f"moved.{DOMAIN}", None)
    checks.check("dns-persist-01", f"hashed.{DOMAIN}", None)
    checks.check("dns-persist-01", f"any.{DOMAIN}", None)
    checks.check("dns-persist-01", f"*.any.{DOMAIN}", None)
    checks.check("dns-persist-01", f"*.stays.{DOMAIN}", "unauthorized", "does not allow wildcards")
    checks.check("dns-persist-01", f"ended.{DOMAIN}", "unauthorized", "ended at 2026-01-01T00:00:00Z")
    checks.check("dns-persist-01", f"strange.{DOMAIN}", "unauthorized", "they name other.example")
    checks.check("dns-persist-01", f"broken.{DOMAIN}", "malformed", "RFC 8659 section 4.2")
    checks.check("dns-persist-01", f"foreign.{DOMAIN}", "unauthorized",
                 f'Write beside them _validation-persist.foreign.{DOMAIN} TXT "ca.{DOMAIN}; accounturi={ACCOUNT}"')
    checks.check("dns-persist-01", f"none.{DOMAIN}", "unauthorized", f"there is no name _validation-persist.none.{DOMAIN}")
    checks.check("dns-persist-01", f"kept.{DOMAIN}", None)
    checks.check("dns-persist-01", f"http.{DOMAIN}", "caa", "this kind of challenge (validationmethods)")


def caa_records(checks):
    checks.check("dns-01", f"forbidden.{DOMAIN}", "caa", "allow other.example and not this CA")
    checks.check("dns-01", f"below.forbidden.{DOMAIN}", "caa", f"at forbidden.{DOMAIN}")
    checks.check("dns-01", f"mine.{DOMAIN}", None)
    checks.check("dns-01", f"theirs.{DOMAIN}", "caa", "another account (accounturi)")
    checks.check("dns-01", f"http.{DOMAIN}", "caa", "this kind of challenge (validationmethods)")
    checks.check("dns-01", f"wild.{DOMAIN}", None)
    checks.check("dns-01", f"*.wild.{DOMAIN}", "caa", "allow nobody")
    checks.check("dns-01", f"future.{DOMAIN}", "caa", "the property \"tbs\"")


def updates(checks, directory):
    """What a cache remembers as not being there is found at once where the zone is held, whoever holds it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind(HOLDER)
        except OSError as e:
            print(f"not checked: servers found by NS records ({e})")
            return
    with DnsServer(directory / "holder", {DOMAIN: RECORDS}, at=HOLDER, keys=TSIG, negative=3600,
                   zone_options='allow-update { key "acme"; }; dnssec-policy default; inline-signing yes; ',
                   options="key-directory \".\";") as holder, \
            DnsServer(directory / "cache", {}, recursive=True, forward={DOMAIN: f"{HOLDER[0]} port {HOLDER[1]}"}) as cache:
        wait_for_txt("acme", True)
        checks.configure([servers(".", cache.address)])
        checks.check("dns-01", f"late.{DOMAIN}", "unauthorized", "there is no name")
        nsupdate(holder, f"update add _acme-challenge.late.{DOMAIN} 1 TXT {TEXT}")
        wait_for_txt("late", True)
        checks.check("dns-01", f"late.{DOMAIN}", "unauthorized", "there is no name")
        checks.configure([servers(".", cache.address), servers(DOMAIN, mode="authoritative")])
        result = checks.check("dns-01", f"late.{DOMAIN}", None)
        if f'"authoritative_for": "{DOMAIN}"' not in json.dumps(result["evidence"]):
            sys.exit("the evidence does not say whose servers were asked")
        checks.check("dns-01", f"acme.{DOMAIN}", None)
        checks.configure([servers(".", cache.address, holder.address, agree=2)])
        checks.check("dns-01", f"acme.{DOMAIN}", None)
        checks.check("dns-01", f"late.{DOMAIN}", "dns", "do not agree about")
        nsupdate(holder, f"update delete _acme-challenge.late.{DOMAIN} TXT")
        wait_for_txt("late", False)
        checks.configure([servers(".", cache.address), servers(DOMAIN, mode="authoritative")])
        checks.check("dns-01", f"late.{DOMAIN}", "unauthorized", "there is no name")


# ---- tls-alpn-01

def certificate(directory, name, names, digest=DIGEST, critical=True):
    """In a file with its key; without the extension when there is no digest."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "challenge")])
    now = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()) \
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=9999))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if digest is not None:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.5.5.7.1.31"), b"\x04" + bytes([len(digest)]) + digest),
            critical=critical)
    path = directory / f"{name}.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) +
                     key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    return path


class Tls:
    """One connection after another, each with a handshake and nothing more; without a certificate: what a stranger says in
    the clear, and then silence."""

    def __init__(self, path, alpn=("acme-tls/1",), clear=None):
        self.listener = socket.create_server(("127.0.0.2", 0))
        self.port = self.listener.getsockname()[1]
        self.path, self.alpn, self.clear, self.names, self.held = path, alpn, clear, [], []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.clear is not None:
                connection.sendall(self.clear)
                self.held.append(connection)
                continue
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.path)
            context.sni_callback = lambda _s, name, _c: self.names.append(name)
            if self.alpn:
                context.set_alpn_protocols(list(self.alpn))
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def tls_case(checks, resolvers, server, problem, words="", identifier=f"tls.{DOMAIN}"):
    with server:
        checks.configure(resolvers, server.port)
        checks.check("tls-alpn-01", identifier, problem, words)
        return server.names


def s_server(checks, resolvers, directory):
    """The distribution's own server, told by its command line alone."""
    path = certificate(directory, "openssl", [x509.DNSName(f"tls.{DOMAIN}")])
    port = free_port("127.0.0.2")
    server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.2:{port}", "-cert", path, "-key", path, "-alpn",
                               "acme-tls/1", "-naccept", "50"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for line in server.stdout:
            if line.startswith("ACCEPT"):
                break
        checks.configure(resolvers, port)
        checks.check("tls-alpn-01", f"tls.{DOMAIN}", None)
    finally:
        server.terminate()
        server.wait()


def tls_servers(checks, resolvers, directory):
    names = [x509.DNSName(f"tls.{DOMAIN}")]
    good = certificate(directory, "good", names)
    asked = tls_case(checks, resolvers, Tls(good), None)
    if asked != [f"tls.{DOMAIN}"]:
        sys.exit(f"the server was asked for {asked}")
    address = certificate(directory, "address", [x509.IPAddress(ipaddress.ip_address("127.0.0.2"))])
    asked = tls_case(checks, resolvers, Tls(address), None, identifier="127.0.0.2")
    if asked != ["2.0.0.127.in-addr.arpa"]:
        sys.exit(f"the server was asked for {asked}")
    tls_case(checks, resolvers, Tls(good), "unauthorized", "exactly one name", identifier="127.0.0.2")
    tls_case(checks, resolvers, Tls(good, alpn=("http/1.1",)), "tls")
    tls_case(checks, resolvers, Tls(good, alpn=()), "tls", "chose none when it was offered")

    def bad(name, words, *args, **options):
        tls_case(checks, resolvers, Tls(certificate(directory, name, *args, **options)), "unauthorized", words)
    bad("ordinary", "no acmeIdentifier extension", names, digest=None)
    bad("digest", "another challenge or account", names, digest=hashlib.sha256(b"other").digest())
    bad("short", "cannot be read", names, digest=b"x")
    bad("optional", "not critical", names, critical=False)
    bad("two", "exactly one name", names + [x509.DNSName(f"other.{DOMAIN}")])
    bad("mail", "exactly one name", names + [x509.RFC822Name("a@b.example")])
    bad("nameless", "exactly one name", [])
    bad("other", "exactly one name", [x509.DNSName(f"other.{DOMAIN}")])
    tls_case(checks, resolvers, Tls(None, clear=b"SSH-2.0-OpenSSH\r\n"), "tls", "handshake failed")
    tls_case(checks, resolvers, Tls(None, clear=b""), "connection", "did not answer within 4s")
    tls_case(checks, resolvers, Tls(None, clear=b"\x16\x03\x03\x40\x00\x02\xff\xff\xff"), "connection", "did not answer")
    checks.configure(resolvers, free_port("127.0.0.2"))
    checks.check("tls-alpn-01", f"tls.{DOMAIN}", "connection", "refused the connection")


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
        directory = pathlib.Path(directory)
        directory.chmod(0o755)
        checks = Checks(directory / "autarky.yaml")
        with DnsServer(directory / "dns", {DOMAIN: RECORDS}) as dns:
            resolvers = [servers(DOMAIN, dns.address, mode="authoritative")]
            checks.configure(resolvers)
            dns_records(checks)
            persistent_records(checks)
            caa_records(checks)
            tls_servers(checks, resolvers, directory)
            s_server(checks, resolvers, directory)
        updates(checks, directory)
    sys.exit(f"{checks.failed} failed" if checks.failed else 0)


main()

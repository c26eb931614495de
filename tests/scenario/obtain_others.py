#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`autarky obtain` from servers of others: pebble as it comes, with its bad nonces and its pauses, bindings and several
chains; and Caddy's acme_server, in a network of its own where port 80 is free."""

import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent.parent / "lib"))
sys.path.insert(0, str(HERE.parent.parent.parent / "bench"))
import servers  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, Dns, expect, free_port, run  # noqa: E402

KID, KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


class Tortured(servers.Pebble):
    """With what it does to clients on purpose."""

    environment = {"PEBBLE_WFE_NONCEREJECT": "20", "PEBBLE_VA_SLEEPTIME": "2", "PEBBLE_ALTERNATE_ROOTS": "2"}
    bindings = {KID: KEY}

    def root(self, i):
        context = ssl.create_default_context(cafile=str(self.roots))
        context.check_hostname = False
        with urllib.request.urlopen(f"https://127.0.0.1:{self.management}/roots/{i}", context=context) as answer:
            return answer.read().decode()


def obtain(server, out, *args, ok=(0,)):
    roots = () if "--ca-file" in args else ("--ca-file", server.roots)
    return run(AUTARKY, "obtain", "--server", server.directory_url, *roots, "--out", out, "--agree-tos", *args, ok=ok)


def subject(text, directory):
    path = directory / "one.pem"
    path.write_text(text)
    return run(OPENSSL, "x509", "-in", path, "-noout", "-subject", "-nameopt", "multiline,utf8").split("commonName")[1] \
        .split("=", 1)[1].strip()


def verify(directory, root, out):
    path = directory / "root.pem"
    path.write_text(root)
    expect(run(OPENSSL, "verify", "-CAfile", path, "-untrusted", out / "chain.pem", out / "cert.pem"), ": OK", "openssl verify")


def sha256(text, directory):
    path = directory / "one.pem"
    path.write_text(text)
    return run(OPENSSL, "x509", "-in", path, "-noout", "-fingerprint", "-sha256").strip().split("=")[1]


def by_fingerprint(server, directory, *options):
    """Of a certificate in the chain, or of the root, which no server sends, where it is trusted here; across a renewal."""
    trusted = directory / "all-roots.pem"
    roots = [server.root(i) for i in range(3)]
    trusted.write_text(server.roots.read_text() + "".join(roots))
    own = [(directory / f"pebble-chain-{i}/chain.pem").read_text() for i in (1, 2)]
    if len({sha256(one, directory) for one in own}) != 2:
        sys.exit("the chains are the same")
    for i in (1, 2):
        for what, text, more in (("issuer", own[i - 1], ()), ("root", roots[i], ("--ca-file", trusted))):
            out = directory / f"pebble-{what}-{i}"
            said = obtain(server, out, *options, *more, "--chain", sha256(text, directory))
            verify(directory, roots[i], out)
            said += run(AUTARKY, "renew", out, "--force")
            verify(directory, roots[i], out)
            if "offers no chain" in said:
                sys.exit(f"{what} {i}: {said}")
    out = directory / "pebble-untrusted"
    expect(obtain(server, out, *options, "--chain", sha256(roots[1], directory)), "the server offers no chain", "a root that nobody knows")
    verify(directory, roots[0], out)


def pebble(directory, dns):
    http_port = free_port()
    server = Tortured(directory, dns.port, http_port)
    server.start()
    http = f"127.0.0.1:{http_port}"
    key = directory / "eab.key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    bound = ("--eab-kid", KID, "--eab-key-file", key)
    account = ("--account-key", directory / "account.pem")
    try:
        out = directory / "pebble-http"
        expect(obtain(server, out, "--name", f"a.{DOMAIN}", "--http-listen", http, ok=(2,)),
               "takes new accounts with an external binding only", "a server that wants a binding")
        said = obtain(server, out, "--name", f"a.{DOMAIN}", "--name", "127.0.0.1", "--http-listen", http, *bound, *account)
        expect(said, "this machine does not trust the root of the new certificate", "a root that nobody knows")
        verify(directory, server.root(0), out)
        text = run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-text")
        expect(text, f"DNS:a.{DOMAIN}, IP Address:127.0.0.1", "the certificate")
        first = (out / "cert.pem").read_text()
        expect(run(AUTARKY, "renew", out, "--force"), "renewed", "renew")
        if (out / "cert.pem").read_text() == first:
            sys.exit("renew left the certificate as it was")

        # The account is there: no binding is needed any more.
        out = directory / "pebble-alpn"
        obtain(server, out, "--name", f"b.{DOMAIN}", "--name", "127.0.0.1", "--alpn-listen", f"127.0.0.1:{server.tls_port}",
               *account, "--key", "p384")
        verify(directory, server.root(0), out)
        expect(obtain(server, out, "--name", f"b.{DOMAIN}", "--http-listen", http, *account, "--profile", "long", ok=(2,)),
               'the server offers no profile "long"; it has: none', "a profile")

        # Another chain, by the name of its root; and one that there is not.
        for i in (1, 2):
            out = directory / f"pebble-chain-{i}"
            said = obtain(server, out, "--name", f"c.{DOMAIN}", "--http-listen", http, *account, "--chain",
                          subject(server.root(i), directory))
            verify(directory, server.root(i), out)
            if "offers no chain" in said:
                sys.exit(said)
        by_fingerprint(server, directory, "--name", f"c.{DOMAIN}", "--http-listen", http, *account)
        expect(obtain(server, out, "--name", f"c.{DOMAIN}", "--http-listen", http, *account, "--chain", "Nobody"),
               'the server offers no chain "Nobody"; its first one is taken', "a chain that there is not")
        verify(directory, server.root(0), out)

        expect(obtain(server, directory / "x", "--name", f"d.{DOMAIN}", "--http-listen", f"127.0.0.1:{free_port()}", *account,
                      ok=(2,)), f"d.{DOMAIN} is not proven: connection", "a proof that is not found")
    finally:
        server.stop()


def caddy(directory):
    """Inside of a network namespace: the hosts file knows localhost, and so does the certificate."""
    server = servers.Caddy(directory)
    server.start()
    try:
        out = directory / "caddy-http"
        obtain(server, out, "--name", "localhost", "--http-listen", "[::]:80")
        expect(run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-text"), "DNS:localhost", "the certificate")
        expect(run(AUTARKY, "renew", out, "--force"), "renewed", "renew")
        obtain(server, directory / "caddy-alpn", "--name", "localhost", "--alpn-listen", "[::]:443")
    finally:
        server.stop()


def main():
    if len(sys.argv) > 1:
        run("ip", "link", "set", "lo", "up")
        caddy(pathlib.Path(sys.argv[1]))
        return
    directory = pathlib.Path(tempfile.mkdtemp(prefix="others.", dir=os.environ.get("TMPDIR")))
    directory.chmod(0o755)
    dns = Dns(directory)
    try:
        pebble(directory, dns)
    finally:
        dns.stop()
    mine = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    subprocess.run([*mine, sys.executable, __file__, str(directory)], check=True, timeout=300)
    shutil.rmtree(directory)


main()

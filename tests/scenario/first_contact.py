#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`autarky obtain --ca-fingerprint`: the root is found, compared, kept and alone trusted; whoever else answers is not believed,
whatever it shows."""

import hashlib
import http.server
import json
import os
import pathlib
import ssl
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, run  # noqa: E402


def fingerprint(pem):
    return "SHA256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(pathlib.Path(pem).read_text())).hexdigest().upper()


def obtain(lab, out, *args, ok=(0,), server=None):
    return run(AUTARKY, "obtain", "--server", server or lab.directory_url, "--out", lab.directory / out, "--agree-tos", "--name",
               f"one.{DOMAIN}", "--http-listen", f"127.0.0.1:{lab.http_port}", *args, ok=ok)


def pinned(lab):
    root = lab.data / "trust" / "root-rsa.pem"
    pin, page = fingerprint(root), lab.plain + "/trust/roots.pem"
    wrong = pin[:-1] + ("0" if pin[-1] != "0" else "1")
    said = obtain(lab, "wrong", "--ca-fingerprint", wrong, "--ca-url", page, ok=(2,))
    expect(said, "no root with the fingerprint", "a fingerprint of something else")
    expect(said, "SHA256:" + pin[7:].lower(), "what was found instead")
    if list((lab.directory / "wrong").rglob("*.pem")):
        sys.exit("a failure left files")
    if json.loads(lab.autarky("account", "list", "--json"))["items"]:
        sys.exit("a server that was not believed got an account")
    said = obtain(lab, "wrong", "--ca-fingerprint", pin, "--ca-file", root, ok=(64,))
    expect(said, "give one of them", "both")
    expect(obtain(lab, "wrong", "--ca-fingerprint", "SHA256:12", ok=(2,)), "is no fingerprint", "a short one")
    expect(obtain(lab, "dry", "--ca-fingerprint", pin, "--ca-url", page, "--dry-run"), "the server is there", "a rehearsal")

    # What is given on paper has colons.
    colons = ":".join(pin[7:][i:i + 2] for i in range(0, 64, 2))
    obtain(lab, "out", "--ca-fingerprint", colons, "--ca-url", page)
    kept = lab.directory / "out/.autarky/ca.pem"
    if fingerprint(kept) != pin:
        sys.exit("another root was kept")
    expect(run(AUTARKY, "renew", lab.directory / "out", "--force"), "renewed", "a renewal by the root that is kept")
    # Somebody exchanges what is kept: it is not believed, and found anew.
    kept.write_text((lab.data / "trust" / "root-sm2.pem").read_text())
    expect(run(AUTARKY, "renew", lab.directory / "out", "--force"), "renewed", "a renewal")
    if fingerprint(kept) != pin:
        sys.exit("the root was not found anew")
    return pin, root


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        body = self.server.pages.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


def serve(pages, chain=None, key=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    server.pages, server.asked = pages, []
    if chain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def certificate(directory, name, issuer=None, *extensions):
    """Made by openssl; the key beside it."""
    signed = ("-CA", directory / f"{issuer}.pem", "-CAkey", directory / f"{issuer}.key") if issuer else ()
    run(OPENSSL, "req", "-config", "/dev/null", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-days",
        "30", "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.pem", *signed,
        *(w for e in extensions for w in ("-addext", e)))
    return (directory / f"{name}.pem").read_text()


def others(lab, pin, root):
    """A stranger that shows the right root behind a certificate of its own; and another CA, whose root is behind the address that
    its issuer's certificate has."""
    work = lab.directory / "others"
    work.mkdir()
    stranger = certificate(work, "stranger", None, "subjectAltName=DNS:localhost")
    (work / "chain.pem").write_text(stranger + root.read_text())
    server = serve({}, work / "chain.pem", work / "stranger.key")
    url = f"https://localhost:{server.server_address[1]}/directory"
    said = obtain(lab, "stranger", "--ca-fingerprint", pin, server=url, ok=(2, 75))
    expect(said, "no TLS connection", "a stranger who shows the right root")
    if server.asked:
        sys.exit(f"a stranger was asked for {server.asked}")

    top = certificate(work, "top", None, "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    page = serve({"/top.cer": ssl.PEM_cert_to_DER_cert(top)})
    middle = certificate(work, "middle", "top", "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign",
                         f"authorityInfoAccess=caIssuers;URI:http://127.0.0.1:{page.server_address[1]}/top.cer")
    leaf = certificate(work, "leaf", "middle", "subjectAltName=DNS:localhost", "basicConstraints=critical,CA:FALSE")
    (work / "chain.pem").write_text(leaf + middle)
    made = {n: "https://localhost/" + n for n in ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")}
    server = serve({"/directory": json.dumps(made).encode()}, work / "chain.pem", work / "leaf.key")
    url = f"https://localhost:{server.server_address[1]}/directory"
    said = obtain(lab, "other", "--ca-fingerprint", fingerprint(work / "top.pem"), "--dry-run", server=url)
    expect(said, "the server is there", "a root behind the address of an issuer")
    if page.asked != ["/top.cer"]:
        sys.exit(f"the page was asked for {page.asked}")
    said = obtain(lab, "other", "--ca-fingerprint", fingerprint(work / "middle.pem"), "--dry-run", server=url, ok=(2,))
    expect(said, "is not the root of a CA", "the fingerprint of an issuer")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab:
        lab.start()
        others(lab, *pinned(lab))


main()

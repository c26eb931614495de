#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""Sites whose TLS is not ended at the gateway, beside one whose is: curl and OpenSSL reach nginx and `openssl s_server` through it and
see their certificates; the ClientHello may come in any pieces, with or without ECH; nginx is told who the client is; backends that are
down are left out; nobody asks for a certificate; a reload takes a site away and brings it back ended here."""

import json
import os
import pathlib
import signal
import socket
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Process, expect, free_port, run, wait_for  # noqa: E402
from services import nginx_command  # noqa: E402
from sites import Backend, SiteLab  # noqa: E402

HERE, THERE, SHELL = f"here.{DOMAIN}", f"there.{DOMAIN}", f"shell.{DOMAIN}"
FAILED = 2
SIZE = 20_000_000


class Own:
    """A self-signed certificate of the backend's own, which the CA has never heard of."""

    def __init__(self, directory, name):
        self.key, self.cert = directory / f"{name}.key", directory / f"{name}.pem"
        (directory / "req.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        run(OPENSSL, "req", "-config", directory / "req.cnf", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.key, "-out", self.cert, "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def nginx(directory, own, ports):
    """With a header of the PROXY protocol before TLS; it answers with the address that was named."""
    command = nginx_command(directory, "".join(f"""
    server {{
        listen 127.0.0.1:{port} ssl http2 proxy_protocol;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {own.cert};
        ssl_certificate_key {own.key};
        root {directory};
        location = /who {{ return 200 "$proxy_protocol_addr {port} $ssl_protocol"; }}
    }}
""" for port in ports))
    (directory / "big").write_bytes(os.urandom(SIZE))
    process = Process("nginx", directory, *command)
    for port in ports:
        wait_for(f"nginx at {port}", lambda port=port: listens(port))
    return process


def s_server(directory, own, port):
    process = Process("s_server", directory, OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", own.cert, "-key", own.key, "-www",
                      "-quiet")
    wait_for("s_server", lambda: listens(port))
    return process


def curl(lab, name, path, own, *options, **how):
    return run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert", own.cert, "--max-time", "60", "--resolve",
               f"{name}:{lab.gateway}:127.0.0.1", *options, f"https://{name}:{lab.gateway}{path}", **how)


def reached(lab, own, there):
    who, port, version = curl(lab, THERE, "/who", own).split()
    if (who, int(port), version) != ("127.0.0.1", there[0], "TLSv1.3"):
        sys.exit(f"nginx saw {who} at {port} by {version}")
    if curl(lab, THERE, "/who", own, "--tls-max", "1.2").split()[2] != "TLSv1.2":
        sys.exit("not by TLS 1.2")
    got = lab.directory / "got"
    curl(lab, THERE, "/big", own, "--output", got)
    curl(lab, THERE, "/big", own, "--http1.1", "--output", f"{got}1")
    if got.read_bytes() != (lab.directory / "big").read_bytes() or pathlib.Path(f"{got}1").read_bytes() != got.read_bytes():
        sys.exit("the bytes are not the same")


def by_openssl(lab, own):
    """Post-quantum groups make the longest ClientHello; the other site's is shown for its name, by the gateway."""
    said = run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{lab.gateway}", "-servername", SHELL, "-CAfile", own.cert, "-verify_return_error",
               "-groups", "X25519MLKEM768")
    expect(said, "Verify return code: 0 (ok)", "s_client")
    expect(said, f"CN={SHELL}", "the backend's certificate")
    expect(lab.curl(HERE, "/hello"), "plain as ever", "the site that is ended here")


def hello(name, size=0):
    """A ClientHello of Python's OpenSSL, the record without its header; `size`: with an extension of so many bytes that nobody knows (RFC 8701)."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    body = bytearray(outgoing.read()[5:])
    if size:
        more = b"\x0a\x0a" + size.to_bytes(2, "big") + bytes(size)
        at = 4 + 2 + 32
        at += 1 + body[at]
        at += 2 + int.from_bytes(body[at:at + 2], "big")
        at += 1 + body[at]
        length = int.from_bytes(body[at:at + 2], "big") + len(more)
        body[at:at + 2] = length.to_bytes(2, "big")
        body += more
        body[1:4] = (len(body) - 4).to_bytes(3, "big")
    return bytes(body)


def answer(lab, pieces):
    """The first bytes that come back."""
    with socket.create_connection(("127.0.0.1", lab.gateway), 20) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            raw.sendall(piece)
        return raw.recv(3)


def records(body, size):
    """The handshake message in records of that many bytes."""
    return [b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece
            for piece in (body[i:i + size] for i in range(0, len(body), size))]


def in_pieces(lab):
    """TCP may cut it anywhere, and TLS into records; behind the ClientHello nothing is lost."""
    whole = b"".join(records(hello(SHELL), 16000))
    for what, pieces in (("whole", [whole]), ("a byte at a time", [whole[i:i + 1] for i in range(len(whole))]),
                         ("in records of 5", records(hello(SHELL), 5)), ("in records of 100", records(hello(SHELL), 100)),
                         ("of 12 KiB", records(hello(SHELL, 12_000), 16000)),
                         ("of 12 KiB in records", records(hello(SHELL, 12_000), 1000))):
        got = answer(lab, pieces)
        if got != b"\x16\x03\x03":
            sys.exit(f"a ClientHello {what}: {got!r}")
    for name, what in ((f"nobody.{DOMAIN}", "a stranger's name"), (HERE, "the other site's name")):
        got = answer(lab, records(hello(name), 16000))
        if got[:1] != (b"\x15" if name != HERE else b"\x16"):
            sys.exit(f"{what}: {got!r}")


def with_ech(lab):
    """Whoever hides a name behind this one sends it as the outer one; what is hidden is for the backend. Here it is GREASE."""
    body = bytearray(hello(SHELL))
    extension = b"\xfe\x0d" + (10 + 32 + 100).to_bytes(2, "big") + b"\x00\x00\x01\x00\x01\x07" + (32).to_bytes(2, "big") + bytes(32) + \
        (100).to_bytes(2, "big") + bytes(100)
    at = 4 + 2 + 32
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at:at + 2], "big")
    at += 1 + body[at]
    body[at:at + 2] = (int.from_bytes(body[at:at + 2], "big") + len(extension)).to_bytes(2, "big")
    body += extension
    body[1:4] = (len(body) - 4).to_bytes(3, "big")
    if answer(lab, records(bytes(body), 16000)) != b"\x16\x03\x03":
        sys.exit("not with ECH")


def no_certificate(lab):
    listed = {site["name"]: site for site in json.loads(run(AUTARKY, "site", "list", "--json", "--data", lab.data))["items"]}
    if listed[THERE]["certificates"] or not listed[THERE]["passes"] or listed[HERE]["passes"]:
        sys.exit(f"site list: {listed}")
    expect(run(AUTARKY, "site", "list", "--data", lab.data), "passed on", "site list")
    if (lab.data / "sites" / THERE).exists():
        sys.exit("there are keys for a site that is passed on")
    if json.loads(lab.autarky("cert", "list", "--name", THERE, "--json"))["items"]:
        sys.exit("a certificate was issued")
    said = run(AUTARKY, "site", "check", SHELL, "--data", lab.data, ok=(0, 1, FAILED))
    expect(said, "is not ended here", "site check")
    expect(said, "a backend answers with a certificate", "site check")
    expect(said, "takes connections", "site check")


def down(lab, own, there, server):
    """Without nginx the client is told by an alert; it comes back by itself."""
    server.stop()
    got = answer(lab, records(hello(THERE), 16000))
    if got != b"\x15\x03\x03":
        sys.exit(f"without a backend: {got!r}")
    wait_for("both to be found down", lambda: lab.log().count("gateway.backend-down") >= 2, 30)
    again = nginx(lab.directory, own, there)
    wait_for("both to be found up", lambda: lab.log().count("gateway.backend-up") >= 2, 30)
    curl(lab, THERE, "/who", own)
    return again


def reload(lab, own, backend):
    """An open connection outlives a reload that does not concern it; one of a site that goes ends when it is silent."""
    context = ssl.create_default_context(cafile=str(own.cert))
    with lab.connect(THERE, context) as tls:
        tls.sendall(f"GET /who HTTP/1.1\r\nHost: {THERE}\r\n\r\n".encode())
        expect(tls.recv(4096).decode(), "200 OK", "before")
        lab.sites[2] = {"name": SHELL, "backends": [backend.url], "algorithms": ["ecdsa"]}
        lab.configure("")
        lab.autarky("reload")
        tls.sendall(f"GET /who HTTP/1.1\r\nHost: {THERE}\r\n\r\n".encode())
        expect(tls.recv(4096).decode(), "200 OK", "after a reload")
        lab.wait_site(SHELL)
        expect(lab.curl(SHELL, "/hello"), "plain as ever", "the site that is ended here now")
        lab.sites.pop(1)
        lab.configure("")
        lab.autarky("reload")
        tls.settimeout(20)
        try:
            rest = tls.recv(4096)
        except ssl.SSLError:
            rest = b""
        if rest:
            sys.exit(f"a site that is gone said {rest!r}")
    curl(lab, THERE, "/who", own, ok=(35,))


def main():
    backend = Backend()
    there, shell = [free_port(), free_port()], free_port()
    sites = [{"name": HERE, "backends": [backend.url], "algorithms": ["ecdsa"]},
             {"name": THERE, "backends": [f"tls://127.0.0.1:{port}" for port in there], "send_proxy": "v2", "check_interval": "1s"},
             {"name": SHELL, "backends": [f"tls://127.0.0.1:{shell}"]}]
    with SiteLab(sites) as lab:
        own, other = Own(lab.directory, THERE), Own(lab.directory, SHELL)
        server, echo = nginx(lab.directory, own, there), s_server(lab.directory, other, shell)
        lab.start()
        lab.wait_site(HERE)
        reached(lab, own, there)
        by_openssl(lab, other)
        in_pieces(lab)
        with_ech(lab)
        no_certificate(lab)
        server = down(lab, own, there, server)
        reload(lab, own, backend)
        expect(lab.log(), f"gateway.passed site={THERE}", "the log")
        server.stop()
        echo.stop(signal.SIGKILL)
    backend.stop()


main()

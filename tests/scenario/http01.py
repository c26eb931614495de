#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""http-01 over the real network stack: BIND answers, Python's web server has the challenges, and both misbehave."""

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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from dns_server import DnsServer, free_port  # noqa: E402

TOOL = pathlib.Path(os.environ["AUTARKY"]).parent / "tests" / "validate_tool"
TOKEN = "DGyRejmCefe7v4NfDGDKfA"
KEY = TOKEN + ".LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
PATH = "/.well-known/acme-challenge/" + TOKEN


class Web(BaseHTTPRequestHandler):
    """What a name's host does is in the name."""
    protocol_version = "HTTP/1.1"
    asked = []
    on_request = None

    def do_GET(self):
        host = self.headers["Host"]
        what = host.split(".")[0]
        Web.asked.append((host, self.path))
        if Web.on_request:
            Web.on_request(self)
        if what == "slow":
            self.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000, 0.3)
            return
        if what == "headers":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 900) for i in range(90)))
            return
        if what == "endless":
            self.send_response(200)
            self.end_headers()
            self.drip(b"x" * (1 << 20), 0)
            return
        location = {"away": f"http://good.hospital.example:{Web.port}{PATH}",
                    "metadata": "http://169.254.169.254/latest/meta-data/",
                    "inward": "http://127.0.0.9/", "secure": f"https://good.hospital.example:{Web.tls_port}{PATH}",
                    "guarded": "https://127.0.0.9/", "file": "file:///etc/passwd",
                    "loop": f"http://loop.hospital.example:{Web.port}{PATH}", "port": "http://good.hospital.example:8555/",
                    "rebind": "/again"}.get(what)
        if location and self.path == PATH:
            self.answer(302, b"", ("Location", location))
        elif what == "chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for c in KEY:
                self.wfile.write(f"1\r\n{c}\r\n".encode())
            self.wfile.write(b"0\r\n\r\n")
        elif what == "wrong":
            self.answer(200, b"top secret page of an intranet")
        elif what == "missing":
            self.answer(404, b"no such thing")
        else:
            self.answer(200, KEY.encode() + b"\r\n")

    def drip(self, text, pause):
        """Byte by byte, until the other side has had enough."""
        self.close_connection = True
        try:
            for byte in text:
                self.wfile.write(bytes([byte]))
                time.sleep(pause)
        except OSError:
            pass

    def answer(self, status, body, *headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


RECORDS = f"""
good A 127.0.0.2
away A 127.0.0.2
metadata A 127.0.0.2
inward A 127.0.0.2
secure A 127.0.0.2
guarded A 127.0.0.2
file A 127.0.0.2
loop A 127.0.0.2
port A 127.0.0.2
headers A 127.0.0.2
chunked A 127.0.0.2
wrong A 127.0.0.2
missing A 127.0.0.2
slow A 127.0.0.2
endless A 127.0.0.2
closed A 127.0.0.3
local A 127.0.0.1
alias CNAME good
outside CNAME good.dmz.example.
round CNAME around
around CNAME round
six AAAA ::ffff:127.0.0.9
two AAAA fd00:1:2:3::4
two A 127.0.0.2
text TXT "nothing to connect to"
""" + "\n".join(f"big A 127.0.{i // 250 + 10}.{i % 250 + 1}" for i in range(91)) + "\n"


class Checks:
    def __init__(self, conf):
        self.conf = conf
        self.failed = 0

    def validate(self, identifier, kind="dns"):
        out = subprocess.run([TOOL, self.conf, kind, identifier, TOKEN, KEY], stdout=subprocess.PIPE, check=True,
                             timeout=60)
        return json.loads(out.stdout)

    def check(self, identifier, problem, words="", kind="dns"):
        """problem None: it must be proven."""
        result = self.validate(identifier, kind)
        good = result["type"] == problem and words in result["text"] and "secret" not in json.dumps(result)
        if not good:
            self.failed += 1
        print(f"{'ok' if good else 'FAILED'} {identifier}: {result['text'] or result['rc']}")
        if not good:
            print(json.dumps(result, indent=1))
        return result


def dead_port():
    """Takes datagrams and answers none."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    return s


def write_conf(path, servers, dmz, port):
    path.write_text(
        "organization: Example Hospital\ndomain: hospital.example\n"
        f"resolvers:\n  - {{zone: hospital.example, servers: [{', '.join(json.dumps(s) for s in servers)}]}}\n"
        f"  - {{zone: dmz.example, servers: [\"{dmz}\"], mode: authoritative}}\n"
        f"validation: {{http_port: {port}, redirect_ports: [80, 443, {Web.tls_port}], allow: [127.0.0.2/31], deny: [\"fd00::/8\"], timeout: 4s}}\n")


def rebinding(checks, dns):
    """The second answer to the same question is another one."""
    dns.set_zone("hospital.example", RECORDS + "rebind A 127.0.0.2\n")

    def change(_):
        Web.on_request = None
        dns.set_zone("hospital.example", RECORDS + "rebind A 127.0.0.1\n")
    Web.on_request = change
    checks.check("rebind.hospital.example", "connection", "127.0.0.1 is a loopback address")
    Web.on_request = None


def secure_server(directory):
    """The same behind TLS, with a certificate that nobody vouches for: a redirect may lead to it."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", directory / "key", "-out", directory / "cert", "-subj",
                    "/CN=other"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert", directory / "key")
    server = ThreadingHTTPServer(("127.0.0.2", Web.tls_port), Web)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def all_checks(checks, dns):
    checks.check("good.hospital.example", None)
    if Web.asked[-1] != (f"good.hospital.example:{Web.port}", PATH):
        sys.exit(f"asked was {Web.asked[-1]}")
    for name in ("alias", "outside", "away", "chunked"):
        checks.check(f"{name}.hospital.example", None)
    checks.check("127.0.0.2", None, kind="ip")
    result = checks.check("two.hospital.example", None)
    if "[fd00:1:2:3::4]" not in json.dumps(result["evidence"]):
        sys.exit("the evidence does not tell of the address that was denied")
    checks.check("wrong.hospital.example", "incorrectResponse", "30 bytes of something else")
    checks.check("missing.hospital.example", "unauthorized", "answered 404")
    checks.check("endless.hospital.example", "incorrectResponse", "more than 512 bytes")
    checks.check("slow.hospital.example", "connection", "did not answer within 4s")
    checks.check("closed.hospital.example", "connection", "refused the connection")
    checks.check("metadata.hospital.example", "connection", "169.254.169.254 is a link-local")
    checks.check("inward.hospital.example", "connection", "127.0.0.9 is a loopback address")
    checks.check("secure.hospital.example", None)
    checks.check("guarded.hospital.example", "connection", "127.0.0.9 is a loopback address")
    checks.check("file.hospital.example", "incorrectResponse", "redirects to file:///etc/passwd")
    checks.check("loop.hospital.example", "connection", "run in a circle")
    checks.check("port.hospital.example", "connection", "validation.redirect_ports")
    checks.check("headers.hospital.example", "incorrectResponse", "cannot be understood")
    checks.check("local.hospital.example", "rejectedIdentifier", "127.0.0.1 is a loopback address")
    checks.check("six.hospital.example", "rejectedIdentifier", "127.0.0.9 is a loopback address")
    checks.check("127.0.0.1", "rejectedIdentifier", "loopback", kind="ip")
    checks.check("none.hospital.example", "dns", "there is no name none.hospital.example")
    checks.check("text.hospital.example", "dns", "has no A record")
    checks.check("round.hospital.example", "dns")  # BIND of late says SERVFAIL to that
    checks.check("www.elsewhere.test", "dns", "no name server is configured")
    checks.check("gone.dmz.example", "dns", "there is no name")
    result = checks.check("big.hospital.example", "rejectedIdentifier")
    if '"tcp": true' not in json.dumps(result["evidence"]):
        sys.exit("ninety addresses did not come by TCP")
    rebinding(checks, dns)


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
        directory = pathlib.Path(directory)
        directory.chmod(0o755)
        Web.port = free_port("127.0.0.2")
        Web.tls_port = free_port("127.0.0.2")
        secure = secure_server(directory)
        web = ThreadingHTTPServer(("127.0.0.2", Web.port), Web)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        conf = directory / "autarky.yaml"
        with DnsServer(directory / "dns", {"hospital.example": RECORDS}, recursive=True) as dns, \
                DnsServer(directory / "dmz", {"dmz.example": "good A 127.0.0.2\n"}) as dmz, dead_port() as dead:
            checks = Checks(conf)
            write_conf(conf, [dns.address], dmz.address, Web.port)
            all_checks(checks, dns)
            write_conf(conf, [f"127.0.0.1:{dead.getsockname()[1]}", dns.address], dmz.address, Web.port)
            checks.check("good.hospital.example", None)
            write_conf(conf, [f"127.0.0.1:{dead.getsockname()[1]}"], dmz.address, Web.port)
            checks.check("good.hospital.example", "dns", "no name server answered in time")
            write_conf(conf, [dmz.address], dmz.address, Web.port)
            checks.check("good.hospital.example", "dns", "(REFUSED)")
            write_conf(conf, [f"127.0.0.1:{free_port()}"], dmz.address, Web.port)
            checks.check("good.hospital.example", "dns", "(unreachable)")
        web.shutdown()
        secure.shutdown()
    sys.exit(f"{checks.failed} failed" if checks.failed else 0)


main()

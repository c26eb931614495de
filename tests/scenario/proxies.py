#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""One gateway behind HAProxy, which passes TCP on with headers of the PROXY protocol, or speaks HTTP itself, and before nginx, which
takes such headers: who the client is, and that no client can be somebody else."""

import json
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer

from backends import until
from gateway import SITES, Gateway, Web, expect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import free_port  # noqa: E402
from services import nginx_command  # noqa: E402

PASSER, SPEAKER, CLIENT, LIAR = "127.0.0.2", "127.0.0.3", "127.0.0.9", "6.6.6.6"


class Program:
    def __init__(self, root, arguments, ports):
        self.log = open(root / "programs.log", "ab")
        self.process = subprocess.Popen(arguments, stdout=self.log, stderr=self.log)
        for port in ports:
            until(f"{arguments[0]} at {port}", lambda port=port: self.listens(port))

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def haproxy(root, gateway):
    """Ports of three: TCP with version 1 and 2 in front, and HTTP."""
    v1, v2, http = ports = [free_port() for _ in range(3)]
    (root / "haproxy.cfg").write_text(f"""
global
    stats timeout 5s
defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen one
    mode tcp
    bind 127.0.0.1:{v1}
    server gateway 127.0.0.1:{gateway.port} send-proxy source {PASSER}
listen two
    mode tcp
    bind 127.0.0.1:{v2}
    server gateway 127.0.0.1:{gateway.port} send-proxy-v2 proxy-v2-options authority,unique-id,crc32c check inter 500ms source {PASSER}
listen http
    mode http
    bind 127.0.0.1:{http}
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    server gateway 127.0.0.1:{gateway.port} ssl verify none sni str({SITES[0]}) source {SPEAKER}
""")
    return Program(root, ["/usr/sbin/haproxy", "-db", "-f", str(root / "haproxy.cfg")], ports), ports


def nginx(root):
    port = free_port()
    return Program(root, nginx_command(root, f"""
    server {{
        listen 127.0.0.1:{port} proxy_protocol;
        location / {{ return 200 "$proxy_protocol_addr $http_x_forwarded_for"; }}
    }}
"""), [port]), port


def configure(gateway, echo, taker):
    (gateway.root / "autarky.yaml").write_text(
        "organization: Example\ndomain: hospital.example\nlisten: {gateway: [\"127.0.0.1:0\"]}\n"
        f"gateway:\n  trusted: [{SPEAKER}]\n  proxy_protocol: [{PASSER}]\n  sites:\n"
        f"    - {{name: {SITES[0]}, backends: [\"http://127.0.0.1:{echo}\"]}}\n"
        f"    - {{name: {SITES[1]}, backends: [\"http://127.0.0.1:{taker}\"], send_proxy: v2, check: /, check_interval: 1s}}\n")
    gateway.process.send_signal(signal.SIGHUP)


def heads(gateway, *options, port=None, scheme="https"):
    to = f"::127.0.0.1:{port or gateway.port}"
    done = subprocess.run(["curl", "-sS", gateway.http, "--max-time", "30", "--cacert", str(gateway.root / "all.pem"), "--interface", CLIENT,
                           "--connect-to", to, *options, f"{scheme}://{SITES[0]}/x"], capture_output=True, check=False)
    expect(f"curl: {done.stderr.decode()}", done.returncode, 0)
    return {k.lower(): v for k, v in json.loads(done.stdout)["headers"].items()}


LIES = ("-H", f"X-Forwarded-For: {LIAR}", "-H", f"Forwarded: for={LIAR}", "-H", f"X-Real-IP: {LIAR}", "-H", "X-Forwarded-Proto: gopher")


def from_strangers(gateway, _):
    got = heads(gateway, *LIES)
    expect("X-Forwarded-For", got["x-forwarded-for"], CLIENT)
    expect("X-Forwarded-Proto", got["x-forwarded-proto"], "https")
    expect("Forwarded", got["forwarded"], f'for={CLIENT};host="{SITES[0]}";proto=https')
    expect("a lie that got through", LIAR in str(got), False)


def through_tcp(gateway, ports):
    for port in ports[:2]:
        got = heads(gateway, *LIES, port=port)
        expect("X-Forwarded-For", got["x-forwarded-for"], CLIENT)
        expect("a lie that got through", LIAR in str(got), False)
    until("the log", lambda: gateway.said(f"client={CLIENT}"))


def through_http(gateway, ports):
    got = heads(gateway, "-H", f"X-Forwarded-For: {LIAR}", port=ports[2], scheme="http")
    expect("X-Forwarded-For", got["x-forwarded-for"], f"{CLIENT}, {SPEAKER}")
    expect("X-Forwarded-Proto", got["x-forwarded-proto"], "http")
    expect("Forwarded", got["forwarded"].startswith(f"for={CLIENT};"), True)
    expect("a lie that got through", LIAR in str(got), False)


def handshake(gateway, source, first):
    """Whether the gateway shakes hands with one who begins like that."""
    context = ssl.create_default_context(cafile=gateway.root / "all.pem")
    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=20, source_address=(source, 0))
    try:
        plain.sendall(first)
        context.wrap_socket(plain, server_hostname=SITES[0]).close()
        return True
    except OSError:
        return False
    finally:
        plain.close()


def headers_where_none_belong(gateway, _):
    header = f"PROXY TCP4 {LIAR} 127.0.0.1 1 443\r\n".encode()
    expect("a header of a load balancer", handshake(gateway, PASSER, header), True)
    expect("a header of a client", handshake(gateway, CLIENT, header), False)
    expect("a header of a proxy that is trusted for something else", handshake(gateway, SPEAKER, header), False)
    expect("two headers", handshake(gateway, PASSER, header + header), False)
    expect("none of a load balancer", handshake(gateway, PASSER, b""), False)
    until("the log", lambda: gateway.said("tls.proxy") or gateway.said("PROXY protocol"))


def to_backends(gateway, _):
    for _ in range(3):
        page = subprocess.run(["curl", "-sS", gateway.http, "--max-time", "30", "--cacert", str(gateway.root / "all.pem"), "--interface", CLIENT,
                               "--connect-to", f"::127.0.0.1:{gateway.port}", f"https://{SITES[1]}/"], capture_output=True, check=True).stdout
        expect("what nginx saw", page.decode(), f"{CLIENT} {CLIENT}")
    time.sleep(2)  # two checks
    expect("the checks", gateway.said("gateway.backend-down"), False)


def main():
    echo = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        programs = []
        gateway = Gateway(root, echo.server_port)
        try:
            taker, port = nginx(root)
            programs.append(taker)
            configure(gateway, echo.server_port, port)
            until("the configuration", lambda: not handshake(gateway, PASSER, b""))
            passer, ports = haproxy(root, gateway)
            programs.append(passer)
            for http in ("--http1.1", "--http2"):
                gateway.http = http
                for step in (from_strangers, through_tcp, through_http, headers_where_none_belong, to_backends):
                    step(gateway, ports)
        except BaseException:
            print(gateway.log.read_text()[-4000:], file=sys.stderr)
            print((root / "programs.log").read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            for program in programs:
                program.stop()
            gateway.process.kill()
            gateway.process.wait()


if __name__ == "__main__":
    main()

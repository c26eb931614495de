#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`autarky obtain` through an HTTP proxy: by option, by the environment, with a password; not for private addresses unless that is
said, nor for what is excepted; and proxies that refuse, babble, hang up or are not there."""

import base64
import json
import os
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, Lab, expect, free_port, run  # noqa: E402


class Proxy:
    """Carries what CONNECT asks for, and writes down its heads; `answer` is said instead."""

    def __init__(self, answer=None, password=None):
        self.answer, self.password, self.asked = answer, password, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            some = client.recv(4096)
            if not some:
                return
            head += some
        self.asked.append(head.decode())
        if self.answer is not None:
            client.sendall(self.answer)
            client.close()
            return
        if self.password and f"Basic {base64.b64encode(self.password.encode()).decode()}" not in head.decode():
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            client.close()
            return
        host, port = head.split()[1].decode().rsplit(":", 1)
        server = socket.create_connection(("127.0.0.1" if host.endswith(DOMAIN) else host, int(port)))
        client.sendall(b"HTTP/1.0 200 Connection established\r\n\r\n")
        threading.Thread(target=self.carry, args=(client, server), daemon=True).start()
        self.carry(server, client)

    @staticmethod
    def carry(a, b):
        try:
            while some := a.recv(65536):
                b.sendall(some)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def obtain(lab, out, *args, ok=(0,), env=None):
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", lab.directory / out, "--agree-tos",
               "--name", f"one.{DOMAIN}", "--http-listen", f"127.0.0.1:{lab.http_port}", *args, ok=ok, env={**clean, **(env or {})})


def used(proxy, wanted, what):
    if bool(proxy.asked) != wanted:
        sys.exit(f"{what}: the proxy was asked for {proxy.asked}")
    proxy.asked.clear()


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab:
        lab.start()
        proxy = Proxy()
        obtain(lab, "a", "--proxy", proxy.url)
        used(proxy, False, "a private address")
        obtain(lab, "b", "--proxy", proxy.url, "--proxy-private")
        port = lab.directory_url.split(":")[2].split("/")[0]
        if not proxy.asked or set(proxy.asked) != {f"CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"}:
            sys.exit(f"the proxy was asked for {proxy.asked}")
        proxy.asked.clear()
        expect(run(AUTARKY, "renew", lab.directory / "b", "--force"), "renewed", "a renewal")
        used(proxy, True, "a renewal remembers it")
        obtain(lab, "c", "--proxy", proxy.url, "--proxy-private", "--no-proxy", "10.0.0.0/8,127.0.0.0/8,::1")
        used(proxy, False, "an exception")

        obtain(lab, "d", "--proxy-private", env={"HTTPS_PROXY": proxy.url})
        used(proxy, True, "the environment")
        obtain(lab, "d", "--proxy-private", env={"HTTPS_PROXY": proxy.url, "NO_PROXY": "localhost"})
        used(proxy, False, "the environment's exception")
        obtain(lab, "d", "--proxy-private", "--proxy", "none", env={"https_proxy": proxy.url})
        used(proxy, False, "none")

        careful = Proxy(password="me:secret")
        said = obtain(lab, "e", "--proxy-private", "--dry-run", ok=(2, 75), env={"HTTPS_PROXY": careful.url})
        expect(said, "the proxy wants a user and a password", "without a password")
        careful.asked.clear()
        obtain(lab, "e", "--proxy-private", env={"HTTPS_PROXY": careful.url.replace("//", "//me:secret@")})
        used(careful, True, "with a password")
        if "secret" in json.dumps(json.loads((lab.directory / "e/.autarky/state.json").read_text())):
            sys.exit("the password is remembered")
        said = obtain(lab, "e", "--proxy", "http://me:secret@127.0.0.1:1", ok=(2,))
        expect(said, "--proxy takes no user and password", "a password on the command line")

        first = (lab.directory / "b/cert.pem").read_text()
        for answer, words in ((b"HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy refuses: 403 Forbidden"),
                              (b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03", "said more than it was asked"),
                              (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20000, "too long"),
                              (b"SSH-2.0-x\r\n", "does not answer as HTTP"),
                              (b"", "the proxy ended the connection")):
            said = obtain(lab, "b", "--proxy", Proxy(answer).url, "--proxy-private", "--dry-run", ok=(2, 75))
            expect(said, words, str(answer[:20]))
            expect(said, "cannot be reached through the proxy", str(answer[:20]))
        said = obtain(lab, "b", "--proxy", f"http://127.0.0.1:{free_port()}", "--proxy-private", "--dry-run", ok=(2, 75))
        expect(said, "cannot be reached through the proxy", "no proxy")
        if (lab.directory / "b/cert.pem").read_text() != first:
            sys.exit("a failure changed the certificate")
        for bad in ("https://127.0.0.1:1", "socks5://127.0.0.1:1"):
            expect(obtain(lab, "b", "--proxy", bad, ok=(2,)), "by http alone", bad)


main()

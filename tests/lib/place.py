# SPDX-License-Identifier: Apache-2.0
"""A directory of `autarky-agent obtain`, and what a service makes of the certificate there."""

import contextlib
import functools
import http.server
import json
import socket
import ssl
import threading

from lab import AGENT, DOMAIN, run, wait_for

NAME = f"mail.{DOMAIN}"
UNPROVEN = 5


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def webroot(lab):
    """A web server for what is written to its directory, by several at once."""
    root = lab.directory / "web"
    root.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", lab.http_port), functools.partial(Quiet, directory=root)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield root
        server.shutdown()


class Place:
    """What `--out` names; `root` is the webroot by which it proves its name, where there is one."""

    def __init__(self, lab, name, key="ecdsa", root=None):
        self.lab, self.key, self.out = lab, key, lab.directory / name
        self.proof = ("--webroot", root) if root else ("--http-listen", f"127.0.0.1:{lab.http_port}")
        self.chain, self.private = self.out / "fullchain.pem", self.out / "privkey.pem"

    def obtain(self, *args, ok=(0,), before=()):
        return run(*before, AGENT, "obtain", "--server", self.lab.directory_url, "--ca-file", self.lab.roots, "--out", self.out,
                   "--agree-tos", "--name", NAME, "--key", self.key, *self.proof,
                   *args, ok=ok)

    def renew(self, *args, ok=(0,)):
        return run(AGENT, "renew", self.out, *args, ok=ok)

    @property
    def state(self):
        return json.loads((self.out / ".autarky/state.json").read_text())

    def change(self, **plan):
        state = self.state
        state["plan"].update(plan)
        (self.out / ".autarky/state.json").write_text(json.dumps(state))

    def leaf(self):
        return (self.out / "cert.pem").read_text()

    @property
    def pair(self):
        return self.chain, self.private


def served(port, address="127.0.0.1"):
    """The leaf that a client of its own sees."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((address, port), 10) as s, context.wrap_socket(s, server_hostname=NAME) as t:
        return ssl.DER_cert_to_PEM_cert(t.getpeercert(True))


def same(a, b):
    return "".join(a.split()) == "".join(b.split())


def serves(port, leaf, address="127.0.0.1"):
    """A worker that is about to end may still take a connection after the proof had another's."""
    wait_for("what is served", lambda: same(served(port, address), leaf))

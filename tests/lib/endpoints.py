#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many TLS servers in one process: each address of 127.0.0.0/8 that it is told shows what its kind shows, at one port. Run
with the path of a description: {"port": N, "kinds": {KIND: {...}}, "hosts": {KIND: [ADDRESS, ...]}}; prints "ready"."""

import json
import resource
import selectors
import socket
import ssl
import sys

CONNECTIONS = 4000  # open at a time; more wait in the backlogs


def context_of(kind):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(kind.get("ciphers", "DEFAULT"))
    context.minimum_version = ssl.TLSVersion[kind.get("min", "TLSv1_2")]
    context.maximum_version = ssl.TLSVersion[kind.get("max", "TLSv1_3")]
    context.num_tickets = 0
    if "curve" in kind:
        context.set_ecdh_curve(kind["curve"])
    context.load_cert_chain(kind["cert"], kind["key"])
    return context


class Server:
    def __init__(self, spec):
        self.selector = selectors.EpollSelector()
        self.open = 0
        self.kinds = {name: kind.get("plain") or context_of(kind) for name, kind in spec["kinds"].items()}
        self.listeners = []
        for name, addresses in spec["hosts"].items():
            for address in addresses:
                s = socket.socket()
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((address, spec["port"]))
                s.listen(64)
                s.setblocking(False)
                self.listeners.append(s)
                self.selector.register(s, selectors.EVENT_READ, (self.accept, self.kinds[name]))

    def accept(self, listener, kind):
        try:
            s, _ = listener.accept()
        except OSError:
            return
        if self.open >= CONNECTIONS:
            s.close()
            return
        s.setblocking(False)
        if isinstance(kind, str):
            s.send(kind.encode())
            step = self.drain
        else:
            s = kind.wrap_socket(s, server_side=True, do_handshake_on_connect=False)
            step = self.shake
        self.open += 1
        self.selector.register(s, selectors.EVENT_READ, (step, None))

    def close(self, s):
        self.selector.unregister(s)
        s.close()
        self.open -= 1

    def shake(self, s, _):
        try:
            s.do_handshake()
            self.selector.modify(s, selectors.EVENT_READ, (self.drain, None))
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, OSError):
            self.close(s)

    def drain(self, s, _):
        """Until the client goes."""
        try:
            if not s.recv(4096):
                self.close(s)
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, OSError):
            self.close(s)

    def run(self):
        while True:
            for key, _ in self.selector.select():
                step, kind = key.data
                step(key.fileobj, kind)


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with open(sys.argv[1], encoding="utf-8") as f:
        server = Server(json.load(f))
    print("ready", flush=True)
    server.run()


if __name__ == "__main__":
    main()

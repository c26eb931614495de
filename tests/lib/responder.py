# SPDX-License-Identifier: Apache-2.0
"""What a client puts up to be asked by http-01."""

import functools
import http.server
import socketserver
import threading

WELL_KNOWN = b"/.well-known/acme-challenge/"


class Http01(socketserver.ThreadingTCPServer):
    """The web server of every name of the lab: answers http-01 for what was added, 404 for the rest."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port, address="127.0.0.1"):
        self.answers = {}
        self.asked = 0
        super().__init__((address, port), _Answer)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def add(self, token, key_authorization):
        self.answers[token.encode()] = key_authorization.encode()

    def remove(self, token):
        self.answers.pop(token.encode(), None)

    def handle_error(self, request, client_address):
        """A prober that was killed hangs up in the middle."""

    def close(self):
        self.shutdown()
        self.server_close()


class _Answer(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self):
        words = self.rfile.readline(4096).split()
        while self.rfile.readline(4096).strip():
            pass
        path = words[1] if len(words) > 1 else b""
        answer = self.server.answers.get(path[len(WELL_KNOWN):]) if path.startswith(WELL_KNOWN) else None
        self.server.asked += 1
        status = b"404 Not Found" if answer is None else b"200 OK"
        body = answer or b"nothing here\n"
        self.wfile.write(b"HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
                         b"Connection: close\r\n\r\n%s" % (status, len(body), body))


class Files:
    """A web server that serves a directory, as most do."""

    def __init__(self, port, root, address="127.0.0.1"):
        handler = functools.partial(_Quiet, directory=str(root))
        self.server = http.server.ThreadingHTTPServer((address, port), handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

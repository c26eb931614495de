#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The plain web site behind the demonstration's gateway: one page, over HTTP, on the loopback address. Prints its port, and
ends with the process that started it."""

import ctypes
import html
import http.server
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Wiki of the demonstration hospital</title>
<style>body{{font:18px/1.6 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}code{{background:#8882;
padding:.1em .3em;border-radius:4px}}:root{{color-scheme:light dark}}</style>
<h1>Wiki of the demonstration hospital</h1>
<p>This page comes from a small server that speaks plain HTTP and knows nothing of certificates. The gateway in front of it
made this connection <strong>{scheme}</strong>.</p>
<p>You asked <code>{host}</code> for <code>{path}</code>, and the gateway says that you are <code>{client}</code>.</p>
</html>
"""


class Wiki(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "demo"
    sys_version = ""

    def do_GET(self):
        shown = {"scheme": "HTTPS" if self.headers.get("X-Forwarded-Proto") == "https" else "nothing but HTTP",
                 "host": self.headers.get("Host", ""), "path": self.path,
                 "client": self.headers.get("X-Forwarded-For", "unknown")}
        page = PAGE.format(**{k: html.escape(v) for k, v in shown.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(page)

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


def main():
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Wiki)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""One gateway whose configuration sends paths to different servers, rewrites them, redirects, answers itself and sets headers, over
HTTP/1.1 and HTTP/2; curl asks, and follows where it is sent."""

import json
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer

from gateway import SITES, Gateway, Web, expect


def start():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def configure(gateway, site, paths):
    lines = "".join(f"    - {{site: {SITES[0]}, {path}}}\n" for path in paths)
    (gateway.root / "autarky.yaml").write_text(
        "organization: Example\ndomain: hospital.example\nlisten: {gateway: [\"127.0.0.1:0\"]}\n"
        f"gateway:\n  sites:\n    - {{name: {SITES[0]}, {site}}}\n  paths:\n{lines}")
    gateway.process.send_signal(signal.SIGHUP)


def status(gateway, path, *options):
    return gateway.curl("--path-as-is", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", *options,
                        gateway.url(path)).decode().strip()


def look(gateway, other):
    def asked(path):
        return json.loads(gateway.curl("--path-as-is", gateway.url(path)))

    expect("the rest of the site", asked("/x?y")["path"], "/x?y")
    expect("a prefix that is replaced", asked("/api/v1/x?y=/api")["path"], "/v1/x?y=/api")
    expect("the same, escaped", asked("/%61pi/x")["path"], "/x")
    expect("no path of ours", asked("/apix")["path"], "/apix")
    expect("the log", gateway.said(f"backend=127.0.0.1:{other}"), True)
    expect("a header of ours", asked("/x")["headers"].get("x-zone"), "inside")
    expect("a redirect", status(gateway, "/old/a?b"), "308 https://wiki.example/x/a?b")
    expect("one that is followed", json.loads(gateway.curl("-L", gateway.url("/old/a?b")))["path"], "/x/a?b")
    expect("an answer", gateway.curl(gateway.url("/robots.txt")), b"User-agent: *\n")
    for path in ("/admin", "/admin/x", "//admin", "/%61dmin"):
        expect(path, status(gateway, path), "403")
    for path in ("/x/../admin", "/x/%2e%2e/admin", "/x%2f..%2fadmin", "/x/..;/admin"):
        expect(path, status(gateway, path), "400")
    head = gateway.curl("-I", gateway.url("/x")).decode().lower()
    expect("HSTS", "strict-transport-security: max-age=31536000\r\n" in head, True)
    expect("a header that is removed", "\r\nserver:" in head, False)


def limit(gateway):
    """`rate: 20, burst: 3`: three at once, then one in three seconds, for each client."""
    def ask(client):
        return subprocess.run(["curl", "-sS", gateway.http, "--max-time", "30", "--cacert", str(gateway.root / "all.pem"), "--interface", client,
                               "--connect-to", f"::127.0.0.1:{gateway.port}", "-o", "/dev/null", "-w", "%{http_code} %header{retry-after}",
                               gateway.url("/x")], capture_output=True, check=True).stdout.decode().strip()

    # Three seconds that pass meanwhile give one more.
    got = [ask("127.0.0.5") for _ in range(10)]
    refused = [one for one in got if one != "200"]
    expect("the burst", got[:3], ["200"] * 3)
    expect(f"more than that: {got}", bool(refused) and set(refused) <= {"429 1", "429 2", "429 3"}, True)
    expect("another client", ask("127.0.0.6"), "200")
    time.sleep(3.1)
    expect("the same, later", ask("127.0.0.5"), "200")
    expect("the log", gateway.said("err=gateway.client-rate"), True)


def main():
    with tempfile.TemporaryDirectory() as name:
        first, other = start(), start()
        backends = f'backends: ["http://127.0.0.1:{first}"]'
        paths = (f'path: /api, replace: /, backends: ["http://127.0.0.1:{other}"]', 'path: /old, redirect: "/x/*"',
                 'path: /robots.txt, answer: "User-agent: *"', "path: /admin, answer: not here, status: 403")
        with Gateway(pathlib.Path(name), first) as gateway:
            configure(gateway, backends + ', hsts: 365d, request_headers: ["X-Zone: inside"], response_headers: ["Server:"]', paths)
            deadline = time.monotonic() + 20
            while status(gateway, "/admin") != "403" and time.monotonic() < deadline:
                pass
            for gateway.http in ("--http1.1", "--http2"):
                look(gateway, other)
            configure(gateway, backends + ", rate: 20, burst: 3", paths)
            deadline = time.monotonic() + 20
            while "429" not in status(gateway, "/x") and time.monotonic() < deadline:
                pass
            limit(gateway)
            configure(gateway, backends + ", maintenance: Back at 14:00.", paths)
            deadline = time.monotonic() + 20
            while status(gateway, "/x") != "503" and time.monotonic() < deadline:
                pass
            page = gateway.curl("-H", "Accept: text/html", "-w", "%{http_code}", gateway.url("/robots.txt"))
            expect("maintenance", b"<p>Back at 14:00.</p>" in page and page.endswith(b"503"), True)


if __name__ == "__main__":
    main()

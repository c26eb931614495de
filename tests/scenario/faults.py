#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""Backends that are down, silent, or die in the middle: the client gets a clean and prompt answer, or a connection that ends
visibly too soon, and the log has the reason. A site whose name the authority may not vouch for says so."""

import http.client
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, expect, free_port, wait_for  # noqa: E402
from sites import SITE, Backend, SiteLab  # noqa: E402

DOWN, SPARE, JUNK = (f"{n}.{DOMAIN}" for n in ("down", "spare", "junk"))
FOREIGN = "www.example.com"


def speaks(text):
    """Answers every connection with that, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                s = listener.accept()[0]
            except OSError:
                return
            with s:
                s.settimeout(5)
                try:
                    s.recv(4096)
                    s.sendall(text)
                except OSError:
                    pass
    threading.Thread(target=serve, daemon=True).start()
    return listener


def port(listener):
    return listener.getsockname()[1]


def get(lab, name, path="/", **headers):
    client = lab.client(name)
    client.request("GET", path, headers=headers)
    return client, client.getresponse()


def refused(lab, name, status, reason):
    client, answer = get(lab, name, Accept="text/html")
    body = answer.read().decode()
    if answer.status != status:
        sys.exit(f"{name}: {answer.status}, not {status}:\n{body}")
    if "127.0.0.1" in body:
        sys.exit(f"the answer tells where the backend is:\n{body}")
    expect(answer.getheader("Content-Type"), "text/html", name)
    expect(body, answer.getheader("X-Request-Id") or "no X-Request-Id", f"{name}: the page")
    wait_for(f"the log's word on {name}", lambda: any(
        name in line and reason in line for line in lab.log().splitlines()), 10)
    client.close()


def cut(lab, path, least):
    """The client must notice that something is missing."""
    client, answer = get(lab, SITE, path)
    try:
        body = answer.read()
    except http.client.IncompleteRead as error:
        body = error.partial
    except (ConnectionError, OSError):
        body = b"x" * least
    else:
        sys.exit(f"{path}: an answer that was cut short looks complete: {len(body)} bytes")
    if len(body) < least:
        sys.exit(f"{path}: only {len(body)} bytes came through")
    client.close()


def main():
    backend = Backend()
    junk = speaks(b"SSH-2.0-OpenSSH_9.2\r\n")
    nobody = free_port()
    sites = [{"name": SITE, "backends": [backend.url]},
             {"name": DOWN, "backends": [f"http://127.0.0.1:{nobody}"]},
             {"name": SPARE, "backends": [f"http://127.0.0.1:{nobody}", backend.url]},
             {"name": JUNK, "backends": [f"http://127.0.0.1:{port(junk)}"]},
             {"name": FOREIGN, "backends": [backend.url]}]
    with SiteLab(sites) as lab:
        lab.start()
        for name in (SITE, DOWN, SPARE, JUNK):
            lab.wait_site(name)
        refused(lab, DOWN, 502, "refused the connection")
        refused(lab, JUNK, 502, "does not begin with HTTP/")
        expect(lab.curl(SPARE, "/hello"), "plain as ever", "the second backend")
        cut(lab, "/cut/5000", 5000)
        cut(lab, "/cut-chunked", 4)
        expect(lab.curl(SITE, "/hello"), "plain as ever", "after cut answers")
        states = lab.certificates(FOREIGN)
        wait_for("the reason why there is no certificate", lambda: all(
            c["reason"] for c in lab.certificates(FOREIGN).values()), 30)
        print(f"{FOREIGN}: {states}")
        plain = socket.create_connection(("127.0.0.1", lab.gateway), 10)
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        expect(plain.recv(4096).decode(), "HTTP/1.1 400", "HTTP on the TLS port")
        plain.close()
        abort(lab, backend)
    backend.stop()
    junk.close()


def abort(lab, backend):
    """A client that goes away takes its request to the backend with it; others are served meanwhile."""
    client = lab.client(SITE)
    client.request("GET", "/wait")
    wait_for("the backend's turn", lambda: backend.counts.get("/wait"), 10)
    expect(lab.curl(SITE, "/hello"), "plain as ever", "beside a request that waits")
    client.close()
    backend.go.set()
    expect(lab.curl(SITE, "/hello"), "plain as ever", "after a client went away")


main()

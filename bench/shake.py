# SPDX-License-Identifier: Apache-2.0
"""Full TLS handshakes, one after another, each with a request: wrk takes sessions up again, whatever it is told. Usage: shake.py NAME
PORT PATH SECONDS; prints how many there were."""

import socket
import ssl
import sys
import time


def main():
    name, port, path, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
    end, done = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        with socket.create_connection(("127.0.0.1", port), 10) as raw, context.wrap_socket(raw, server_hostname=name) as s:
            if s.session_reused:
                raise SystemExit("a session was resumed")
            s.sendall(request)
            if not s.recv(65536).startswith(b"HTTP/1.1 200"):
                raise SystemExit("no 200")
        done += 1
    print(done)


main()

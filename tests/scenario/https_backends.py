#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""One gateway before nginx, which speaks HTTPS: roots, names, keys, sessions, checks; servers that cannot prove who they are, and
that no request ever reaches one of them."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from backends import until
from gateway import OPENSSL, SITES, Gateway, expect
from proxies import Program

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import free_port  # noqa: E402
from services import nginx_command  # noqa: E402

NAME = "app.inside.example"
CERTIFICATES = {  # what each server shows: subject alternative name, signed by the root that is trusted, days
    "right": (f"DNS:{NAME}", "root", "2"),
    "address": ("IP:127.0.0.1", "root", "2"),
    "name": ("DNS:other.inside.example", "root", "2"),
    "stranger": (f"DNS:{NAME},IP:127.0.0.1", "strange", "2"),
    "over": (f"DNS:{NAME},IP:127.0.0.1", "root", None),
}


def openssl(*arguments, **more):
    return subprocess.run([OPENSSL, *map(str, arguments)], check=True, capture_output=True, **more).stdout


def make_certificates(root):
    conf = root / "made.cnf"
    conf.write_text("[req]\ndistinguished_name = dn\n[dn]\n[v3_ca]\nbasicConstraints = critical,CA:TRUE\n")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for ca in ("root", "strange"):
        openssl("req", "-config", conf, "-x509", *new, "-keyout", root / f"{ca}.key", "-out", root / f"{ca}.pem", "-days", "2", "-subj",
                f"/CN={ca}", "-extensions", "v3_ca")
    for name, (san, ca, days) in CERTIFICATES.items():
        openssl("req", "-config", conf, *new, "-keyout", root / f"{name}.key", "-out", root / f"{name}.csr", "-subj", f"/CN={name}")
        (root / "san.cnf").write_text(f"subjectAltName={san}\n")
        when = ("-days", days) if days else ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z")
        openssl("x509", "-req", "-in", root / f"{name}.csr", "-CA", root / f"{ca}.pem", "-CAkey", root / f"{ca}.key", "-extfile", root / "san.cnf",
                *when, "-out", root / f"{name}.pem")


def key_of(root, name):
    spki = openssl("pkey", "-pubin", "-outform", "DER", input=openssl("x509", "-in", root / f"{name}.pem", "-noout", "-pubkey"))
    return openssl("dgst", "-sha256", "-r", input=spki).decode().split()[0]


def nginx(root):
    ports = {name: free_port() for name in CERTIFICATES}
    ports["proxied"] = free_port()
    servers = "".join(
        f"""    server {{
        listen 127.0.0.1:{port} ssl{' proxy_protocol' if name == 'proxied' else ''};
        ssl_certificate {root}/{'right' if name == 'proxied' else name}.pem;
        ssl_certificate_key {root}/{'right' if name == 'proxied' else name}.key;
        ssl_session_cache shared:{name}:1m;
        location / {{ return 200 "{name} $ssl_server_name $ssl_session_reused $proxy_protocol_addr"; }}
        location /once {{ keepalive_timeout 0; return 200 "$ssl_session_reused"; }}
    }}
""" for name, port in ports.items())
    return Program(root, nginx_command(root, servers, root / "nginx-access.log"), ports.values()), ports


class World:
    def __init__(self, root):
        self.root, self.generation = root, 0
        make_certificates(root)
        self.nginx, self.ports = nginx(root)
        self.gateway = Gateway(root, free_port())
        (root / "conf.d").mkdir()
        (root / "conf.d" / "inside.pem").write_bytes((root / "root.pem").read_bytes())

    def configure(self, ports, demands):
        """The site with these backends, in force; the path tells."""
        self.generation += 1
        backends = ", ".join(f'"https://{host}:{port}"' for host, port in ports)
        (self.root / "autarky.yaml").write_text(
            "organization: Example\ndomain: hospital.example\nlisten: {gateway: [\"127.0.0.1:0\"]}\n"
            f"gateway:\n  sites:\n    - {{name: {SITES[0]}, backends: [{backends}], {demands}}}\n"
            f"  paths:\n    - {{site: {SITES[0]}, path: /generation, answer: \"{self.generation}\"}}\n")
        self.gateway.process.send_signal(signal.SIGHUP)
        until("the configuration", lambda: self.gateway.curl(self.gateway.url("/generation")).strip() == b"%d" % self.generation)

    def ask(self, path="/"):
        *body, status = self.gateway.curl("-w", " %{http_code}", self.gateway.url(path)).decode().split(" ")
        return " ".join(body), int(status)

    def stop(self):
        self.nginx.stop()
        self.gateway.process.kill()
        self.gateway.process.wait()


def right_ones(world):
    world.configure([("127.0.0.1", world.ports["right"])], f"backend_ca: inside.pem, backend_name: {NAME}")
    expect("by a root and a name", world.ask()[0].split()[:2], ["right", NAME])
    world.configure([("127.0.0.1", world.ports["address"])], "backend_ca: inside.pem")
    expect("by a root and an address", world.ask()[0].split()[0], "address")
    for name in ("stranger", "over"):
        world.configure([("127.0.0.1", world.ports[name])], f"backend_keys: [{key_of(world.root, name)}]")
        expect("by its key alone", world.ask()[0].split()[0], name)
    world.configure([("127.0.0.1", world.ports["right"])],
                    f"backend_ca: inside.pem, backend_name: {NAME}, backend_keys: [{key_of(world.root, 'right')}]")
    expect("by both", world.ask()[1], 200)


def wrong_ones(world):
    reached = (world.root / "nginx-access.log").read_text().count('" 200 ')
    for name, demands in (("name", f"backend_ca: inside.pem, backend_name: {NAME}"), ("name", "backend_ca: inside.pem"),
                          ("stranger", f"backend_ca: inside.pem, backend_name: {NAME}"), ("over", f"backend_ca: inside.pem, backend_name: {NAME}"),
                          ("right", f"backend_keys: [{key_of(world.root, 'name')}]"),
                          ("right", f"backend_ca: inside.pem, backend_name: {NAME}, backend_keys: [{key_of(world.root, 'name')}]")):
        world.configure([("127.0.0.1", world.ports[name])], demands)
        body, status = world.ask()
        expect(f"{name} with {demands}", status, 502)
        expect("the page", "could not prove" in body, True)
    expect("requests that reached one of them", (world.root / "nginx-access.log").read_text().count('" 200 '), reached)
    expect("the log", world.gateway.said("certificate does not hold") and world.gateway.said("none of those that are expected"), True)


def never_in_the_clear(world):
    """A server that answers in the clear, at once or when it is asked."""
    for eager in (True, False):
        listener = socket.create_server(("127.0.0.1", 0))
        got = []

        def serve(listener=listener, eager=eager, got=got):
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                if eager:
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
                got.append(client.recv(65536))
                if not eager:
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
                client.close()

        threading.Thread(target=serve, daemon=True).start()
        world.configure([("127.0.0.1", listener.getsockname()[1])], "backend_ca: inside.pem")
        expect("an answer in the clear", world.ask("/secret")[1], 502)
        expect("what it was sent", any(b"secret" in piece for piece in got), False)
        listener.close()


def sessions(world):
    world.configure([("127.0.0.1", world.ports["right"])], f"backend_ca: inside.pem, backend_name: {NAME}")
    world.ask("/once")
    expect("a session that was there", [world.ask("/once")[0] for _ in range(3)], ["r"] * 3)


def others_take_over(world):
    world.configure([("127.0.0.1", world.ports["stranger"]), ("127.0.0.1", world.ports["right"])],
                    f"backend_ca: inside.pem, backend_name: {NAME}, check: /, check_interval: 1s")
    for _ in range(5):
        expect("who answers", world.ask()[0].split()[0], "right")
    until("the check", lambda: world.gateway.said("gateway.backend-down"))


def with_a_header(world):
    world.configure([("127.0.0.1", world.ports["proxied"])], f"backend_ca: inside.pem, backend_name: {NAME}, send_proxy: v1, check: /, "
                    "check_interval: 1s")
    expect("who it is for", world.ask()[0].split()[-1], "127.0.0.1")
    time.sleep(2)
    expect("again", world.ask()[1], 200)


def never_round(world):
    """A backend that is the gateway itself."""
    (world.root / "conf.d" / "itself.pem").write_bytes((world.root / f"{SITES[0]}.pem").read_bytes())
    world.configure([("127.0.0.1", world.gateway.port)], f"backend_ca: itself.pem, backend_name: {SITES[0]}")
    expect("a loop", world.ask()[1], 508)


def looked_at(world):
    """`autarky site check` asks as the gateway does, and says where the name leads."""
    data = world.root / "check"
    (data / "conf.d").mkdir(parents=True)
    (data / "conf.d" / "inside.pem").write_bytes((world.root / "root.pem").read_bytes())

    def check(backend, demands, more="", hosts=None):
        (data / "autarky.yaml").write_text(
            f"organization: Example\ndomain: {SITES[0]}\npolicy: [{{name: all, allow: [{SITES[0]}]}}]\n"
            f"gateway:\n  sites: [{{name: {SITES[0]}, backends: [\"{backend}\"], {demands}}}]\n{more}")
        command = [os.environ["AUTARKY"], "site", "check", SITES[0], "--json", "--data", data]
        if hosts:
            (world.root / "hosts").write_text(hosts)
            command = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', world.root / "hosts", *command]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return [(c["name"], c["state"], c["text"]) for c in json.loads(done.stdout)["checks"] if c["name"] in ("backend", "name")]

    def backend(server, demands, state, text, path=""):
        found = [(s, t) for n, s, t in check(f"https://127.0.0.1:{world.ports[server]}{path}", demands) if n == "backend"]
        if len(found) != 1 or found[0][0] != state or text not in found[0][1]:
            raise AssertionError(f"site check of {server} with {demands}: {found}")

    named = f"backend_ca: inside.pem, backend_name: {NAME}"
    backend("right", named, "ok", "/ with status 200")
    backend("right", f"{named}, check: /once", "ok", "/once with status 200")
    backend("right", f"backend_keys: [{key_of(world.root, 'right')}]", "ok", "status 200")
    backend("proxied", f"{named}, send_proxy: v1", "ok", "status 200")
    backend("proxied", f"{named}, send_proxy: v2", "ok", "status 200")
    backend("proxied", named, "failed", "")
    for server, demands in (("name", named), ("stranger", named), ("over", named), ("right", f"backend_keys: [{key_of(world.root, 'name')}]")):
        backend(server, demands, "failed", "")
    found = check(f"https://127.0.0.1:{world.ports['right']}", named, f"  paths: [{{site: {SITES[0]}, path: /x, backends: "
                  f"[\"https://127.0.0.1:{world.ports['stranger']}\"]}}]\n")
    expect("backends of paths", [s for n, s, _ in found if n == "backend"], ["ok", "failed"])
    if os.geteuid() == 0:
        for address, state, said in (("127.0.0.1", "ok", "leads to 127.0.0.1, which the gateway has"),
                                     ("192.0.2.9", "warning", "leads to 192.0.2.9; the gateway here has ")):
            found = [(s, t) for n, s, t in check(f"https://127.0.0.1:{world.ports['right']}", named, hosts=f"{address} {SITES[0]}\n") if n == "name"]
            if found[0][0] != state or said not in found[0][1] or state == "warning" and not found[0][1].endswith("and not 192.0.2.9"):
                raise AssertionError(f"{address}: {found}")


def main():
    with tempfile.TemporaryDirectory() as name:
        world = World(pathlib.Path(name))
        try:
            for step in (right_ones, wrong_ones, never_in_the_clear, sessions, others_take_over, with_a_header, never_round, looked_at):
                step(world)
        except BaseException:
            print(world.gateway.log.read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            world.stop()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""The gateway beside nginx on the same libssl, and beside Caddy: full handshakes, requests on kept connections, large answers, over
HTTP/1.1 and HTTP/2, each as CPU time of the server's processes. wrk and h2load ask, an nginx of its own answers behind all."""

import os
import pathlib
import re
import statistics
import subprocess
import sys

import servers
from servers import lab

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "lib"))
from sites import SITE, SiteLab  # noqa: E402

GROUPS = "X25519MLKEM768:X25519:prime256v1:secp384r1"
LARGE = 10 * 1000 * 1000
SMALL = 1024
LOADS = (
    # name, path, connections, more options, who asks
    ("full handshakes", "/small", 16, ("-H", "Connection: close"), "wrk"),
    ("requests, kept connections", "/small", 16, (), "wrk"),
    ("10 MB answers", "/large", 4, (), "wrk"),
    ("HTTP/2: requests, ten at once", "/small", 16, ("-m10",), "h2load"),
    ("HTTP/2: requests, one at a time", "/small", 16, ("-m1",), "h2load"),
    ("HTTP/2: 10 MB answers", "/large", 4, ("-m2", "-w30", "-W30"), "h2load"),
)


class Nginx:
    """One nginx with one worker and a configuration of ours, all of its files in one directory."""

    def __init__(self, directory, name, body, libraries=None):
        self.directory = pathlib.Path(directory) / name
        self.directory.mkdir()
        self.directory.chmod(0o755)
        conf = self.directory / "nginx.conf"
        conf.write_text(
            f"daemon off;\nmaster_process off;\npid {self.directory}/pid;\nerror_log {self.directory}/error.log;\n"
            "events { worker_connections 1024; }\n"
            f"http {{\n  access_log off;\n  keepalive_requests 100000000;\n"
            + "".join(f"  {kind}_temp_path {self.directory}/{kind};\n"
                      for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + body + "}\n")
        environment = {"PATH": "/usr/sbin:/usr/bin"}
        if libraries:
            environment["LD_LIBRARY_PATH"] = str(libraries)
        self.process = lab.Process(name, directory, "/usr/sbin/nginx", "-p", self.directory, "-c", conf, "-e",
                                   self.directory / "error.log", env=environment)

    def ready(self, port):
        def there():
            if self.process.popen.poll() is not None:
                sys.exit(f"nginx ended:\n{self.process.log.read_text()}{(self.directory / 'error.log').read_text()}")
            try:
                lab.socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
            return True
        lab.wait_for("nginx", there)

    def pids(self):
        return [self.process.popen.pid]

    def libssl(self):
        maps = pathlib.Path(f"/proc/{self.process.popen.pid}/maps").read_text()
        return re.search(r"(\S*libssl\S*)", maps)[1]

    def stop(self):
        self.process.stop()


def backend(directory):
    root = pathlib.Path(directory) / "www"
    root.mkdir()
    root.chmod(0o755)
    (root / "small").write_bytes(os.urandom(SMALL))
    (root / "large").write_bytes(os.urandom(LARGE))
    port = lab.free_port()
    server = Nginx(directory, "backend", f"  sendfile on;\n  open_file_cache max=10;\n  server {{\n"
                   f"    listen 127.0.0.1:{port};\n    root {root};\n  }}\n")
    server.ready(port)
    return server, port


def front(directory, port, site):
    """nginx as a gateway with the same certificates, the same groups, tickets on, and kept connections to the backend."""
    own = lab.free_port()
    certificates = "".join(f"    ssl_certificate {site}/{a}/fullchain.pem;\n    ssl_certificate_key {site}/{a}/privkey.pem;\n"
                           for a in ("ecdsa", "rsa"))
    server = Nginx(directory, "front", f"""
  upstream backend {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{own} ssl http2 backlog=1024;
    server_name {SITE};
{certificates}    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve {GROUPS};
    ssl_session_tickets on;
    ssl_session_cache off;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto https;
    location / {{ proxy_pass http://backend; }}
  }}
""", pathlib.Path(os.environ["AUTARKY_ROOT"]) / ".deps" / "lib")
    server.ready(own)
    return server, own


def wrk(port, path, connections, options, seconds):
    out = subprocess.run(["/usr/bin/wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-H",
                          f"Host: {SITE}", *options, f"https://{SITE}:{port}{path}"], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=True).stdout
    if "Non-2xx" in out or (re.search(r"Socket errors: connect (\d+), read (\d+)", out) or [0, 0])[1] != 0:
        print(out)
    return int(re.search(r"(\d+) requests in", out)[1])


def h2load(port, path, connections, options, seconds):
    out = subprocess.run(["/usr/bin/h2load", "-t1", f"-c{connections}", f"-D{seconds}", "--warm-up-time=0", *options,
                          f"https://{SITE}:{port}{path}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         check=True).stdout
    if not re.search(r" 0 failed, 0 errored", out):
        print(out)
    return int(re.search(r"(\d+) 2xx", out)[1])


ASK = {"wrk": wrk, "h2load": h2load}


class Caddy:
    """Caddy as a gateway with the same certificate."""

    def __init__(self, directory, port, site):
        self.own = lab.free_port()
        conf = pathlib.Path(directory) / "Caddyfile"
        conf.write_text("{\n  admin off\n  auto_https off\n  storage file_system " + f"{directory}/caddy\n" + "}\n"
                        f"https://{SITE}:{self.own} {{\n  bind 127.0.0.1\n  tls {site}/ecdsa/fullchain.pem {site}/ecdsa/privkey.pem\n"
                        f"  reverse_proxy 127.0.0.1:{port}\n}}\n")
        self.process = lab.Process("caddy", directory, "/usr/bin/caddy", "run", "--config", conf, "--adapter", "caddyfile",
                                   env={"PATH": "/usr/bin", "HOME": str(directory), "GOMAXPROCS": "1"})

        def there():
            try:
                lab.socket.create_connection(("127.0.0.1", self.own), 1).close()
            except OSError:
                return False
            return True
        lab.wait_for("caddy", there)

    def pids(self):
        return [self.process.popen.pid]

    def stop(self):
        self.process.stop()


def cpu(pids):
    return sum(servers.cpu_clock(pid) for pid in pids)


def measure(pids, port, load, seconds):
    before = cpu(pids)
    done = ASK[load[4]](port, load[1], load[2], load[3], seconds)
    return (cpu(pids) - before) / max(done, 1) * 1e3


def access_log(site, rounds, seconds, spread):
    """Rows: requests without, with one in JSON, with one as Apache writes it; the courier's time is in it."""
    load, spent = LOADS[1], {"off": [], "json": [], "combined": []}
    for _ in range(rounds):
        for how, values in spent.items():
            site.configure(f'  access_log: {{format: "{how}"}}\n')
            site.autarky("reload")
            lab.wait_for("the courier", lambda how=how: bool(site.processes("courier")) == (how != "off"))
            values.append(measure(site.processes("gateway") + site.processes("courier"), site.gateway, load, seconds))
    base = statistics.median(spent["off"])
    return [["access log, ms CPU each", "", ""]] + [
        [how, spread(values, 1, 4), f"{statistics.median(values) / base:.2f}"] for how, values in spent.items()]


def run(rounds, seconds, table, spread):
    with SiteLab() as site:
        site.verified = False
        if SITE not in pathlib.Path("/etc/hosts").read_text():
            print("\ngateway: left out, for only root can give wrk a hosts file with the site's name")
            return
        behind, port = backend(site.directory)
        site.sites = [{"name": SITE, "backends": [f"http://127.0.0.1:{port}"]}]
        site.workers = 1
        site.configure()
        site.start()
        site.wait_site(SITE)
        peer, own = front(site.directory, port, site.data / "sites" / SITE)
        caddy = Caddy(site.directory, port, site.data / "sites" / SITE)
        beside = {"autarky": (lambda: site.processes("gateway"), site.gateway), "nginx": (peer.pids, own),
                    "caddy": (caddy.pids, caddy.own)}
        rows = [["ms CPU each", "autarky", "nginx", "ratio", "caddy", "ratio"]]
        for load in LOADS:
            spent = {name: [] for name in beside}
            for _ in range(rounds):
                for name, (pids, at) in beside.items():
                    spent[name].append(measure(pids(), at, load, seconds))
            rows.append(row(load[0], [spread(spent[name], 1, 3) for name in beside],
                            [statistics.median(spent[name]) for name in beside]))
        memory = [sum(servers.pss(pid) for pid in pids()) for pids, _ in beside.values()]
        rows.append(row("memory afterwards, MiB", [f"{m:.1f}" for m in memory], memory))
        print(f"\ngateway: one worker each, TLS 1.3, ECDSA P-256, {peer.libssl()}; Caddy on one thread")
        table(rows)
        table(access_log(site, rounds, seconds, spread))
        caddy.stop()
        peer.stop()
        behind.stop()


def row(name, texts, values):
    """Ours, and each other beside the part of it that we take."""
    ours, theirs = values[0], values[1:]
    cells = [cell for text, value in zip(texts[1:], theirs) for cell in (text, f"{ours / value:.2f}")]
    return [name, texts[0], *cells]

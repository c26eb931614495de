# SPDX-License-Identifier: Apache-2.0
"""The gateway beside nginx on the same libssl: full handshakes, requests on kept connections, large answers, each as CPU time
of the server's processes. wrk asks, an nginx of its own answers behind both."""

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
    # name, path, wrk's connections, more of its options, what is counted
    ("full handshakes", "/small", 16, ("-H", "Connection: close"), "ms CPU each"),
    ("requests, kept connections", "/small", 16, (), "ms CPU each"),
    ("10 MB answers", "/large", 4, (), "ms CPU each"),
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
    listen 127.0.0.1:{own} ssl backlog=1024;
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


def cpu(pids):
    return sum(servers.cpu_clock(pid) for pid in pids)


def measure(pids, port, load, seconds):
    before = cpu(pids)
    done = wrk(port, load[1], load[2], load[3], seconds)
    return (cpu(pids) - before) / max(done, 1) * 1e3


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
        rows = [["", "autarky", "nginx", "ratio"]]
        for load in LOADS:
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(measure(site.processes("gateway"), site.gateway, load, seconds))
                theirs.append(measure(peer.pids(), own, load, seconds))
            rows.append([f"{load[0]}, {load[4]}", spread(ours, 1, 3), spread(theirs, 1, 3),
                         f"{statistics.median(ours) / statistics.median(theirs):.2f}"])
        memory = [sum(servers.pss(pid) for pid in pids) for pids in (site.processes("gateway"), peer.pids())]
        rows.append(["memory afterwards, MiB", *(f"{m:.1f}" for m in memory), f"{memory[0] / memory[1]:.2f}"])
        print(f"\ngateway: one worker each, TLS 1.3, ECDSA P-256, {peer.libssl()}")
        table(rows)
        peer.stop()
        behind.stop()

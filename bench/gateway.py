# SPDX-License-Identifier: Apache-2.0
"""The gateway beside nginx and HAProxy on the same libssl, and beside Caddy: full handshakes, requests on kept connections, large
answers, over HTTP/1.1 and HTTP/2, each as CPU time of the server's processes, and memory of idle connections; and what it costs to
have the keys of sites with the keeper. wrk and h2load ask, an nginx of its own answers behind all."""

import contextlib
import os
import pathlib
import re
import ssl
import statistics
import subprocess
import sys

import servers
from servers import lab

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "lib"))
from sites import SITE, SiteLab  # noqa: E402

GROUPS = "X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024:X25519:prime256v1:secp384r1"
LARGE = 10 * 1000 * 1000
SMALL = 1024
CLOSE = ("-H", "Connection: close")
LOADS = (
    # name, path, connections, more options, who asks
    ("full handshakes, ECDSA P-256", "/small", 1, (), "shake"),
    ("full handshakes, RSA 2048", "/small", 1, (), "shake-rsa"),
    ("resumed handshakes", "/small", 16, CLOSE, "wrk"),
    ("requests, kept connections", "/small", 16, (), "wrk"),
    ("10 MB answers", "/large", 4, (), "wrk"),
    ("HTTP/2: requests, ten at once", "/small", 16, ("-m10",), "h2load"),
    ("HTTP/2: requests, one at a time", "/small", 16, ("-m1",), "h2load"),
    ("HTTP/2: 10 MB answers", "/large", 4, ("-m2", "-w30", "-W30"), "h2load"),
)
KEPT = LOADS[3]
QUIET = "log: {level: warn}\n"  # the others are not told to write of requests either


def our_openssl(directory):
    """Environment of a peer that shall use our libssl, and send as many tickets as we do: one, where OpenSSL's default is two."""
    conf = pathlib.Path(directory) / "peer.cnf"
    conf.write_text("openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\nNumTickets = 1\n")
    return {"LD_LIBRARY_PATH": str(pathlib.Path(os.environ["AUTARKY_ROOT"]) / ".deps" / "lib"), "OPENSSL_CONF": str(conf)}


class Nginx:
    """One nginx with one worker and a configuration of ours, all of its files in one directory."""

    def __init__(self, directory, name, body, environment=None, first=""):
        self.directory = pathlib.Path(directory) / name
        self.directory.mkdir()
        self.directory.chmod(0o755)
        conf = self.directory / "nginx.conf"
        conf.write_text(
            f"{first}daemon off;\nmaster_process off;\npid {self.directory}/pid;\nerror_log {self.directory}/error.log;\n"
            "events { worker_connections 1024; }\n"
            f"http {{\n  access_log off;\n  keepalive_requests 100000000;\n"
            + "".join(f"  {kind}_temp_path {self.directory}/{kind};\n"
                      for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + body + "}\n")
        self.process = lab.Process(name, directory, "/usr/sbin/nginx", "-p", self.directory, "-c", conf, "-e",
                                   self.directory / "error.log", env={"PATH": "/usr/sbin:/usr/bin", **(environment or {})})

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


class HAProxy:
    """HAProxy with one thread, the same certificates, groups and library, tickets and no cache of sessions."""

    def __init__(self, directory, port, site, connections=4096):
        self.directory = pathlib.Path(directory) / "haproxy"
        self.directory.mkdir()
        self.own = lab.free_port()
        for algorithm in ("ecdsa", "rsa"):
            (self.directory / f"site.pem.{algorithm}").write_text(
                (site / algorithm / "fullchain.pem").read_text() + (site / algorithm / "privkey.pem").read_text())
        conf = self.directory / "haproxy.cfg"
        conf.write_text(f"""global
  maxconn {connections}
  nbthread 1
  tune.ssl.cachesize 0
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-bind-curves {GROUPS}
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend front
  bind 127.0.0.1:{self.own} ssl crt {self.directory}/site.pem alpn h2,http/1.1 backlog 1024
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https
  default_backend back
backend back
  http-reuse always
  server one 127.0.0.1:{port} pool-max-conn 64
""")
        self.process = lab.Process("haproxy", directory, "/usr/sbin/haproxy", "-db", "-f", conf,
                                   env={"PATH": "/usr/sbin:/usr/bin", **our_openssl(directory)})
        listens("haproxy", self.own)

    def pids(self):
        return [self.process.popen.pid]

    def stop(self):
        self.process.stop()


def listens(name, port):
    def there():
        try:
            lab.socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True
    lab.wait_for(name, there)


def backend(directory, more=""):
    root = pathlib.Path(directory) / "www"
    root.mkdir()
    root.chmod(0o755)
    (root / "small").write_bytes(os.urandom(SMALL))
    (root / "large").write_bytes(os.urandom(LARGE))
    port = lab.free_port()
    server = Nginx(directory, "backend", f"  sendfile on;\n  open_file_cache max=10;\n  server {{\n"
                   f"    listen 127.0.0.1:{port};\n    root {root};\n{more}  }}\n")
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
""", our_openssl(directory))
    server.ready(own)
    return server, own


def wrk(port, path, connections, options, seconds):
    out = subprocess.run(["/usr/bin/wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-H",
                          f"Host: {SITE}", *options, f"https://{SITE}:{port}{path}"], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=True).stdout
    if "Non-2xx" in out or (re.search(r"Socket errors: connect (\d+), read (\d+)", out) or [0, 0])[1] != 0:
        print(out)
    return int(re.search(r"(\d+) requests in", out)[1])


def shake(port, path, _connections, _options, seconds, environment=None):
    script = pathlib.Path(__file__).resolve().parent / "shake.py"
    return int(subprocess.run(["/usr/bin/python3", script, SITE, str(port), path, str(seconds)], stdout=subprocess.PIPE,
                              text=True, check=True, env=environment).stdout)


def shake_rsa(port, path, connections, options, seconds):
    """The same by a client that knows no other signatures, as the configuration of its OpenSSL says."""
    conf = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"bench-rsa-{os.getpid()}.cnf"
    conf.write_text("openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n"
                    "SignatureAlgorithms = rsa_pss_rsae_sha256:RSA+SHA256\n")  # HAProxy looks for the second
    try:
        return shake(port, path, connections, options, seconds, {**os.environ, "OPENSSL_CONF": str(conf)})
    finally:
        conf.unlink()


def h2load(port, path, connections, options, seconds):
    out = subprocess.run(["/usr/bin/h2load", "-t1", f"-c{connections}", f"-D{seconds}", "--warm-up-time=0", *options,
                          f"https://{SITE}:{port}{path}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         check=True).stdout
    if not re.search(r" 0 failed, 0 errored", out):
        print(out)
    return int(re.search(r"(\d+) 2xx", out)[1])


ASK = {"wrk": wrk, "shake": shake, "shake-rsa": shake_rsa, "h2load": h2load}


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
        listens("caddy", self.own)

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
    """Rows: requests of which nothing is written, a line in the program's own log, or an access log in JSON or as Apache
    writes it; the courier's time is in it."""
    load, spent = KEPT, {"nothing": [], "own log": [], "json": [], "combined": []}
    for _ in range(rounds):
        for how, values in spent.items():
            access = how if how in ("json", "combined") else "off"
            site.configure(f'  access_log: {{format: "{access}"}}\n{"" if how == "own log" else QUIET}')
            site.autarky("reload")
            lab.wait_for("the courier", lambda access=access: bool(site.processes("courier")) == (access != "off"))
            values.append(measure(site.processes("gateway") + site.processes("courier"), site.gateway, load, seconds))
    base = statistics.median(spent["nothing"])
    return [["what is written of a request, ms CPU each", "", ""]] + [
        [how, spread(values, 1, 4), f"{statistics.median(values) / base:.2f}"] for how, values in spent.items()]


def keys(site, rounds, seconds, spread):
    """Rows: handshakes with the keys in the workers and with the keeper, whose time is in it."""
    rows = [["keys of sites, ms CPU each", "with the workers", "with the keeper", "ratio"]]
    spent = {(load, where): [] for load in LOADS[:2] for where in ("workers", "keeper")}

    def move(where):
        before = site.processes("gateway")
        site.configure(f"  keys: {where}\n{QUIET}")
        site.autarky("reload")
        if where != "workers" or spent[LOADS[0], "keeper"]:
            lab.wait_for("other workers", lambda: not set(before) & set(site.processes("gateway")))
        lab.wait_for("an answer", lambda: "200" in site.curl(SITE, "/small", "--output", "/dev/null", "--write-out", "%{http_code}",
                                                         ok=(0, 7, 35, 52, 56)))

    for _ in range(rounds):
        for where in ("workers", "keeper"):
            move(where)
            for load in LOADS[:2]:
                spent[load, where].append(
                    measure(site.processes("gateway") + site.processes("keeper"), site.gateway, load, seconds))
    move("workers")
    for load in LOADS[:2]:
        ours, theirs = spent[load, "workers"], spent[load, "keeper"]
        rows.append([load[0], spread(ours, 1, 4), spread(theirs, 1, 4),
                     f"{statistics.median(theirs) / statistics.median(ours):.2f}"])
    return rows


def idle(pids, port):
    """Bytes of memory, in KiB, for each connection that has shaken hands and says nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def some(n):
        found = []
        for _ in range(n):
            found.append(context.wrap_socket(lab.socket.create_connection(("127.0.0.1", port), 20), server_hostname=SITE))
            found[-1].sendall(f"GET /small HTTP/1.1\r\nHost: {SITE}\r\n\r\n".encode())
            got = 0
            while got < SMALL:
                piece = found[-1].recv(65536)
                if not piece:
                    raise SystemExit(f"port {port} closed connection {len(found)}")
                got += len(piece)
        return found

    first = some(FIRST)
    before = sum(servers.pss(pid) for pid in pids)
    more = some(IDLE)
    after = sum(servers.pss(pid) for pid in pids)
    for s in first + more:
        s.close()
    return (after - before) * 1024 / IDLE


FIRST, IDLE = 50, 800


def run(rounds, seconds, table, spread):
    with SiteLab() as site, contextlib.ExitStack() as others:
        site.verified = False
        if SITE not in pathlib.Path("/etc/hosts").read_text():
            print("\ngateway: left out, for only root can give wrk a hosts file with the site's name")
            return
        behind, port = backend(site.directory)
        others.callback(behind.stop)
        site.sites = [{"name": SITE, "backends": [f"http://127.0.0.1:{port}"]}]
        site.workers = 1
        site.configure(QUIET)
        site.start()
        site.wait_site(SITE)
        peer, own = front(site.directory, port, site.data / "sites" / SITE)
        others.callback(peer.stop)
        caddy = Caddy(site.directory, port, site.data / "sites" / SITE)
        others.callback(caddy.stop)
        haproxy = HAProxy(site.directory, port, site.data / "sites" / SITE)
        others.callback(haproxy.stop)
        beside = {"autarky": (lambda: site.processes("gateway"), site.gateway), "nginx": (peer.pids, own),
                  "haproxy": (haproxy.pids, haproxy.own), "caddy": (caddy.pids, caddy.own)}
        rows = [["ms CPU each", "autarky", "nginx", "ratio", "haproxy", "ratio", "caddy", "ratio"]]
        for load in LOADS:
            spent = {name: [] for name in beside if (name, load[4]) != ("caddy", "shake-rsa")}
            for _ in range(rounds):
                for name, values in spent.items():
                    values.append(measure(beside[name][0](), beside[name][1], load, seconds))
            rows.append(row(load[0], [spread(spent[name], 1, 3) if name in spent else "-" for name in beside],
                            [statistics.median(spent[name]) if name in spent else 0 for name in beside]))
        each = [idle(pids(), at) for pids, at in beside.values()]
        rows.append(row("an idle connection, KiB", [f"{m:.1f}" for m in each], each))
        memory = [sum(servers.pss(pid) for pid in pids()) for pids, _ in beside.values()]
        rows.append(row("memory afterwards, MiB", [f"{m:.1f}" for m in memory], memory))
        print(f"\ngateway: one worker each, TLS 1.3, {peer.libssl()}; Caddy on one thread, and with ECDSA alone")
        table(rows)
        table(keys(site, rounds, seconds, spread))
        table(access_log(site, rounds, seconds, spread))


def row(name, texts, values):
    """Ours, and each other beside the part of it that we take."""
    ours, theirs = values[0], values[1:]
    cells = [cell for text, value in zip(texts[1:], theirs) for cell in (text, f"{ours / value:.2f}" if value else "-")]
    return [name, texts[0], *cells]

# SPDX-License-Identifier: Apache-2.0
"""A running Autarky with a network around it, for the scenarios: a data directory of its own, BIND on a free port for its
names, ports chosen by the system, and everything stopped at the end by process id."""

import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import trail
import verify

AUTARKY = os.environ["AUTARKY"]
AGENT = f"{AUTARKY}-agent"  # the client alone, of the same build
OPENSSL = os.environ.get("AUTARKY_OPENSSL", "openssl")
DOMAIN = "hospital.example"
TRIES = 10  # of what wait_for looks at, at the least


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def steady_port():
    """A port that stays free while nobody listens on it: below those that the system takes for outgoing connections."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def run(*args, ok=(0,), **options):
    """Runs a command to its end; its output is returned and, when the status is not expected, shown."""
    options.setdefault("timeout", 180)
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode not in ok:
        sys.exit(f"{' '.join(map(str, args))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def expect(text, wanted, what):
    if wanted not in text:
        sys.exit(f"{what}: \"{wanted}\" is not in:\n{text}")


def wait_for(what, condition, seconds=30):
    """Tries often enough, too: the clock of a machine that was paused says that the time is over before the second try."""
    end, tries = time.monotonic() + seconds, 0
    while time.monotonic() < end or tries < TRIES:
        if condition():
            return
        tries += 1
        time.sleep(0.05)
    sys.exit(f"{what}: not after {seconds} s and {tries} tries")


class Clock:
    """What the program takes for the time: the machine's, and as much as this file says."""

    def __init__(self, path):
        self.path, self.offset = path, 0
        path.write_bytes(bytes(16))
        path.chmod(0o644)

    def advance(self, seconds):
        self.offset += seconds * 1_000_000
        with open(self.path, "r+b") as f:
            f.write(struct.pack("=qq", self.offset, self.offset))


class Process:
    """A program in the background, its output in a file."""

    def __init__(self, name, directory, *args, **options):
        self.log = pathlib.Path(directory) / f"{name}.log"
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, **options)

    def stop(self, how=signal.SIGTERM, seconds=30):
        if self.popen.poll() is None:
            self.popen.send_signal(how)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            sys.exit(f"{self.popen.args[0]} did not end within {seconds} s:\n{self.log.read_text()}")


class Dns:
    """BIND, authoritative for the domain: every name in it is this machine."""

    def __init__(self, directory, records="", domain=DOMAIN):
        self.directory = pathlib.Path(directory) / "dns"
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.port = free_port(socket.SOCK_DGRAM)
        self.domain = domain
        (self.directory / "zone").write_text(
            f"$TTL 1\n@ IN SOA ns hostmaster 1 3600 600 86400 1\n@ IN NS ns\nns IN A 127.0.0.1\n"
            f"@ IN A 127.0.0.1\n* IN A 127.0.0.1\n{records}\n")
        (self.directory / "named.conf").write_text(
            f"options {{ directory \"{self.directory}\"; listen-on port {self.port} {{ 127.0.0.1; }};\n"
            f"  listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion no; notify no;\n"
            f"  dnssec-validation no; allow-query {{ any; }}; }};\ncontrols {{ }};\n"
            f"zone \"{domain}\" {{ type primary; file \"zone\"; }};\n")
        self.process = Process("named", directory, "/usr/sbin/named", "-g", "-c",
                               self.directory / "named.conf")
        wait_for("BIND", self._running)

    def _running(self):
        if self.process.popen.poll() is not None:
            sys.exit(f"BIND ended:\n{self.process.log.read_text()}")
        return "running" in self.process.log.read_text(errors="replace").split()

    def stop(self):
        self.process.stop()


# As init writes it.
OPERATORS = '  - {name: operators, from: [operators], allow: ["*"], addresses: [0.0.0.0/0, "::/0"], wildcards: allow}\n'


class Lab:
    def __init__(self, extra="", dns_records="", policy=None, init_options=()):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lab.", dir=os.environ.get("TMPDIR")))
        self.directory.chmod(0o755)
        self.data = self.directory / "data"
        self.roots = self.data / "trust" / "roots.pem"
        self.http_port = free_port()
        self.tls_port = free_port()
        self.server = None
        self.stale = None
        self.verified = True  # at the end, what is in the register
        self.secrets = set()  # that commands told; at the end, none is in the audit log
        self.dns = Dns(self.directory, dns_records)
        run(AUTARKY, "init", "--data", self.data, "--organization", "Example Hospital", "--domain", DOMAIN,
            *init_options)
        self.configure(extra, policy)

    def configure(self, extra="", policy=None, api=("127.0.0.1:0",)):
        policy = policy or f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n" + OPERATORS
        (self.data / "autarky.yaml").write_text(
            f"organization: Example Hospital\ndomain: {DOMAIN}\n"
            f"listen: {{api: {json.dumps(api)}, plain: [\"127.0.0.1:0\"]}}\n"
            f"resolvers:\n  - {{zone: \".\", servers: [\"127.0.0.1:{self.dns.port}\"]}}\n"
            f"validation: {{http_port: {self.http_port}, tls_port: {self.tls_port}, allow: [127.0.0.0/8]}}\n"
            f"policy:\n{policy}{extra}")

    def _published(self):
        """What tells one listeners.json from the one before, that a killed server left behind."""
        try:
            st = (self.data / "listeners.json").stat()
        except FileNotFoundError:
            return None
        return st.st_ino, st.st_mtime_ns

    def start(self, **options):
        self.stale = self._published()
        self.server = Process("serve", self.directory, AUTARKY, "serve", "--data", self.data, **options)
        self.wait_ready()

    def wait_ready(self, seconds=60):
        def ready():
            if self.server.popen.poll() is not None:
                sys.exit(f"serve ended:\n{self.server.log.read_text()}")
            return self._published() not in (None, self.stale)
        wait_for("listeners.json", ready, seconds)

    def listeners(self):
        return json.loads((self.data / "listeners.json").read_text())

    @property
    def api(self):
        return "https://localhost:" + self.listeners()["api"][0].rsplit(":", 1)[1]

    @property
    def plain(self):
        return "http://" + self.listeners()["plain"][0]

    @property
    def directory_url(self):
        return self.api + "/acme/directory"

    def autarky(self, *args, **options):
        output = run(AUTARKY, *args, "--data", self.data, **options)
        self.secrets |= trail.told(args, output)
        return output

    def log(self):
        return self.server.log.read_text(errors="replace")

    def stop(self, **options):
        if self.server:
            status = self.server.stop(**options)
            log = self.log()
            self.server = None
            for fault in ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer"):
                if fault in log:
                    sys.exit(f"the server's log has \"{fault}\":\n{log}")
            return status
        return None

    def close(self):
        self.stop()
        self.dns.stop()
        if self.verified:
            verify.register(self.data)
        trail.check(self.data, self.directory, self.secrets)
        shutil.rmtree(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.close()
            return
        if self.server:
            print(self.log()[-20000:])
            self.server.stop(signal.SIGKILL)
        self.dns.stop()


def verify_chain(roots, cert, chain, fullchain, name):
    """The certificate as three independent libraries see it, by what they print."""
    out = run(OPENSSL, "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile",
              roots, "-untrusted", chain, cert)
    expect(out, f"{cert}: OK", "openssl verify")
    out = run("certtool", "--verify", "--verify-hostname", name, "--verify-purpose", "1.3.6.1.5.5.7.3.1",
              "--load-ca-certificate", roots, "--infile", fullchain)
    expect(out, "Chain verification output: Verified. The certificate is trusted.", "GnuTLS")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as db:
        run("certutil", "-N", "-d", f"sql:{db}", "--empty-password")
        run("certutil", "-A", "-d", f"sql:{db}", "-n", "root", "-t", "C,,", "-a", "-i", roots)
        run("certutil", "-A", "-d", f"sql:{db}", "-n", "issuer", "-t", ",,", "-a", "-i", chain)
        run("certutil", "-A", "-d", f"sql:{db}", "-n", "leaf", "-t", ",,", "-a", "-i", cert)
        out = run("certutil", "-V", "-d", f"sql:{db}", "-n", "leaf", "-u", "V", "-e")
        expect(out, "certutil: certificate is valid", "NSS")

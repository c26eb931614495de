# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured, each with what its processes use: Autarky as the scenarios run it, and pebble."""

import datetime
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import sys
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "lib"))
import lab  # noqa: E402

SECONDS = 1e-9
READY_SECONDS = 60


def process_tree(root):
    """The process and all that descend from it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def process_name(pid):
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    for word in words:
        if word.startswith(b"--role="):
            return word[7:].decode()
    return "supervisor" if b"serve" in words else pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def cpu_clock(pid):
    """User and system time of all threads of a process, past ones too, in seconds: the clock of clock_getcpuclockid(3),
    which counts nanoseconds where /proc/PID/stat counts ticks of 10 ms."""
    return time.clock_gettime_ns((~pid << 3) | 2) * SECONDS


def cpu_of_dead_children(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def pss(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0


def first_answer(url, roots):
    """Waits until `url` is answered with 200 over TLS."""
    parts = urllib.parse.urlsplit(url)
    context = ssl.create_default_context(cafile=str(roots))
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=context, timeout=READY_SECONDS)
        try:
            connection.request("GET", parts.path)
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.001)
    sys.exit(f"{url}: no answer after {READY_SECONDS} s")


class Server:
    """`name` for tables; `directory_url`, `roots`; `process` while it runs."""

    process = None

    def pids(self):
        return process_tree(self.process.popen.pid)

    def cpu_by_process(self):
        """Seconds used so far, by name of process."""
        used = {}
        for pid in self.pids():
            name = process_name(pid)
            used[name] = used.get(name, 0) + cpu_clock(pid) + cpu_of_dead_children(pid)
        return used

    def cpu(self):
        return sum(self.cpu_by_process().values())

    def memory(self):
        """MiB, proportional set size of all processes together."""
        return sum(pss(pid) for pid in self.pids())

    def timed_start(self):
        """Seconds from the start of the program to the first directory, and CPU seconds used until then."""
        begin = time.monotonic()
        self.launch()
        first_answer(self.directory_url, self.roots)
        took = time.monotonic() - begin
        return took, self.cpu()


class Autarky(Server):
    def __init__(self, the_lab):
        self.name = "autarky"
        self.lab = the_lab
        self.port = lab.free_port()
        config = the_lab.data / "autarky.yaml"
        config.write_text(config.read_text().replace('api: ["127.0.0.1:0"]', f'api: ["127.0.0.1:{self.port}"]'))
        self.directory_url = f"https://localhost:{self.port}/acme/directory"
        self.roots = the_lab.roots

    def launch(self):
        self.process = lab.Process("serve", self.lab.directory, lab.AUTARKY, "serve", "--data", self.lab.data)

    def start(self):
        self.timed_start()
        self.wait_ready()

    def wait_ready(self):
        """All roles are."""
        end = time.monotonic() + READY_SECONDS
        while not (self.lab.data / "listeners.json").exists():
            if self.process.popen.poll() is not None or time.monotonic() > end:
                sys.exit("the server did not become ready; its log:\n" + self.process.log.read_text()[-4000:])
            time.sleep(0.002)

    def stop(self):
        self.process.stop()


def own_certificate(cert_file, key_file):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    day = datetime.timedelta(days=1)
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))


class Pebble(Server):
    """Debian's, as it comes, but for what only slows it down on purpose: no pause before a validation, no nonce refused
    at random, no authorization used twice. Who wants it otherwise sets these two."""

    environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
    bindings = {}  # external account keys, by their identifiers; where there are some, one is required

    def __init__(self, directory, dns_port, http_port, tls_port=None, name="pebble"):
        self.name = name
        self.directory = pathlib.Path(directory) / name
        self.directory.mkdir()
        self.port, self.management = lab.free_port(), lab.free_port()
        self.tls_port = tls_port or lab.free_port()
        self.dns_port = dns_port
        self.directory_url = f"https://localhost:{self.port}/dir"
        self.roots = self.directory / "cert.pem"
        key = self.directory / "key.pem"
        own_certificate(self.roots, key)
        (self.directory / "config.json").write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.roots), "privateKey": str(key), "httpPort": http_port, "tlsPort": self.tls_port,
            "ocspResponderURL": "", "externalAccountBindingRequired": bool(self.bindings),
            "externalAccountMACKeys": self.bindings}}))

    def launch(self):
        self.process = lab.Process(self.name, self.directory, "/usr/bin/pebble", "-config",
                                   self.directory / "config.json", "-dnsserver", f"127.0.0.1:{self.dns_port}",
                                   env={**os.environ, **self.environment})

    def start(self):
        self.timed_start()

    def wait_ready(self):
        """It is once it answers."""

    def stop(self):
        self.process.stop()

    @staticmethod
    def version():
        return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "pebble"], stdout=subprocess.PIPE, text=True,
                              check=False).stdout


class Caddy(Server):
    """Debian's, with the ACME server of its internal authority; ECDSA, as it comes. It asks the system's resolver for names
    and connects to port 80, so it runs only where both can be ours (script/bench as root)."""

    def __init__(self, directory):
        self.name = "caddy"
        self.directory = pathlib.Path(directory) / "caddy"
        self.directory.mkdir()
        self.port = lab.free_port()
        self.directory_url = f"https://localhost:{self.port}/acme/local/directory"
        self.roots = self.directory / "cert.pem"
        key = self.directory / "key.pem"
        own_certificate(self.roots, key)
        (self.directory / "Caddyfile").write_text(
            "{\n admin off\n auto_https off\n skip_install_trust\n"
            f" storage file_system {self.directory}/storage\n}}\n"
            f"https://localhost:{self.port} {{\n tls {self.roots} {key}\n acme_server\n}}\n")

    def launch(self):
        self.process = lab.Process("caddy", self.directory, "/usr/bin/caddy", "run", "--config",
                                   self.directory / "Caddyfile", "--adapter", "caddyfile",
                                   env={**os.environ, "HOME": str(self.directory), "GODEBUG": "netdns=go"})

    def start(self):
        self.timed_start()

    def wait_ready(self):
        """It is once it answers."""

    def stop(self):
        self.process.stop()

    @staticmethod
    def version():
        return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "caddy"], stdout=subprocess.PIPE, text=True,
                              check=False).stdout

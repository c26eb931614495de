# SPDX-License-Identifier: Apache-2.0
"""Services that serve a certificate, each with a configuration of its own in one directory and free ports: nginx, Apache, HAProxy, Prometheus, Postfix, Exim, Dovecot, PostgreSQL, and one of TLCP. They are told to reload by whoever tests that, and stopped at the end by process id."""

import grp
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from lab import AUTARKY, Process, free_port, run, wait_for

ROOT = os.geteuid() == 0


def listens(port, address="127.0.0.1"):
    try:
        with socket.create_connection((address, port), 1):
            return True
    except OSError:
        return False


def nginx_command(root, servers, access_log="off"):
    """Writes nginx.conf with that inside of its http block; what runs it in the foreground, as one process."""
    temporary = "".join(f"    {kind}_temp_path {root}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (root / "nginx.conf").write_text(f"daemon off;\nmaster_process off;\npid {root}/nginx.pid;\nerror_log {root}/nginx-error.log;\n"
                                     f"events {{ }}\nhttp {{\n    access_log {access_log};\n{temporary}{servers}}}\n")
    return ["/usr/sbin/nginx", "-p", str(root), "-c", str(root / "nginx.conf"), "-e", str(root / "nginx-error.log")]


class Service:
    """One of them; `start` brings up `self.process`, and waits until all of `self.ports` are there."""

    name = ""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory) / self.name
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.process = None

    def run(self, *args, ports, address="127.0.0.1", **options):
        self.process = Process(self.name, self.directory, *args, **options)

        def there():
            if self.process.popen.poll() is not None:
                sys.exit(f"{self.name} ended:\n{self.process.log.read_text()}")
            return all(listens(p, address) for p in ports)
        wait_for(self.name, there)

    def stop(self):
        if self.process:
            self.process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Nginx(Service):
    """`pairs` are certificate and key, several of them of different kinds; `address` is where it listens."""

    def __init__(self, directory, pairs, address="127.0.0.1", port=None, name="nginx"):
        self.name = name
        super().__init__(directory)
        self.port, self.pid = port or free_port(), self.directory / "pid"
        (self.directory / "tmp").mkdir()
        lines = "".join(f"ssl_certificate {c}; ssl_certificate_key {k};\n" for c, k in pairs)
        temporary = "".join(f"{t}_temp_path {self.directory}/tmp;\n"
                            for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = self.directory / "nginx.conf"
        conf.write_text(f"{'user root;' if ROOT else ''} worker_processes 1; daemon off; pid {self.pid};\n"
                        f"events {{ }}\nhttp {{ access_log off; {temporary}\nserver {{ listen {address}:{self.port} ssl;\n"
                        f"{lines} return 200; }} }}\n")
        self.run("/usr/sbin/nginx", "-p", self.directory, "-c", conf, "-e", self.directory / "error.log", ports=[self.port],
                 address=address)


class Apache(Service):
    """Debian's modules; it is told by USR1."""

    name = "apache"

    def __init__(self, directory, chain, key, name="apache"):
        self.name = name
        super().__init__(directory)
        self.port, self.pid = free_port(), self.directory / "pid"
        modules = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n"
                          for m in ("mpm_event", "authz_core", "socache_shmcb", "ssl"))
        conf = self.directory / "apache.conf"
        conf.write_text(f"{modules}ServerName mail.hospital.example\nServerRoot {self.directory}\nPidFile {self.pid}\n"
                        f"DefaultRuntimeDir {self.directory}\nMutex posixsem\nErrorLog {self.directory}/error.log\n"
                        f"{'User www-data' + chr(10) + 'Group www-data' + chr(10) if ROOT else ''}"
                        f"Listen 127.0.0.1:{self.port}\nSSLEngine on\nSSLCertificateFile {chain}\nSSLCertificateKeyFile {key}\n")
        self.run("/usr/sbin/apache2", "-D", "FOREGROUND", "-f", conf, ports=[self.port])


class Haproxy(Service):
    """A master and its worker, as Debian's unit has them; the master is told by USR2, and starts another worker."""

    name = "haproxy"

    def __init__(self, directory, combined, address="127.0.0.1", port=None, name="haproxy"):
        self.name = name
        super().__init__(directory)
        self.port, self.pid = port or free_port(), self.directory / "pid"
        conf = self.directory / "haproxy.cfg"
        conf.write_text(f"global\n    maxconn 100\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n"
                        f"    timeout server 30s\nfrontend web\n    bind {address}:{self.port} ssl crt {combined}\n"
                        "    http-request return status 200\n")
        self.run("/usr/sbin/haproxy", "-Ws", "-f", conf, "-p", self.pid, ports=[self.port], address=address)


class Prometheus(Service):
    """Reads both files for each handshake, as all exporters with a web.config.file do."""

    name = "prometheus"

    def __init__(self, directory, chain, key):
        super().__init__(directory)
        self.port = free_port()
        (self.directory / "prometheus.yml").write_text("scrape_configs: []\n")
        (self.directory / "web.yml").write_text(f"tls_server_config:\n  cert_file: {chain}\n  key_file: {key}\n")
        self.run("/usr/bin/prometheus", f"--config.file={self.directory}/prometheus.yml", f"--web.config.file={self.directory}/web.yml",
                 f"--web.listen-address=127.0.0.1:{self.port}", f"--storage.tsdb.path={self.directory}/data", ports=[self.port])


class Tlcp(Service):
    """A server of TLCP that reads both pairs from their files, again when it is told to, as servers of others do."""

    name = "tlcp"

    def __init__(self, directory, sign, encrypt):
        super().__init__(directory)
        self.port, tool = free_port(), pathlib.Path(AUTARKY).resolve().parent.parent / "tests" / "tlcp_server"
        self.run(tool, self.port, *sign, *encrypt, ports=(self.port,))
        self.reload = f"shell:kill -HUP {self.process.popen.pid}"

    def shown(self):
        """What somebody else sees."""
        return json.loads(run(AUTARKY, "probe", "--tlcp", f"127.0.0.1:{self.port}", "--json"))


class Postfix(Service):
    """Needs root, as its master does."""

    name = "postfix"

    def __init__(self, directory, chain, key, address="127.0.0.1", port=None, name="postfix"):
        self.name = name
        super().__init__(directory)
        self.port = port or free_port()
        owner = pwd.getpwnam("postfix")
        for part in ("queue", "data"):
            (self.directory / part).mkdir()
        os.chown(self.directory / "data", owner.pw_uid, owner.pw_gid)
        shutil.copytree("/etc/postfix", self.directory / "etc", symlinks=True)
        self.etc = self.directory / "etc"
        (self.etc / "main.cf").write_text(
            f"compatibility_level = 3.6\nqueue_directory = {self.directory}/queue\ndata_directory = {self.directory}/data\n"
            f"mail_owner = postfix\nsetgid_group = postdrop\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"
            f"myhostname = mail.hospital.example\nmydestination =\nsmtpd_tls_security_level = may\n"
            f"smtpd_tls_cert_file = {chain}\nsmtpd_tls_key_file = {key}\nmaillog_file = {self.directory}/mail.log\n"
            f"maillog_file_prefixes = {self.directory}\nalias_maps =\n")
        # The same services as Debian's, none in a jail; smtp where nobody else is.
        lines = []
        for line in pathlib.Path("/usr/share/postfix/master.cf.dist").read_text().splitlines():
            words = line.split()
            if line.startswith("#") or len(words) < 8 or line[0].isspace() or words[1] == "inet":
                continue
            words[4] = "n"
            lines.append(" ".join(words))
        (self.etc / "master.cf").write_text("\n".join([f"{address}:{self.port} inet n - n - - smtpd", *lines,
                                                       "postlog unix-dgram n - n - 1 postlogd"]) + "\n")
        run("/usr/sbin/postfix", "-c", self.etc, "start")
        self.pid = self.directory / "queue/pid/master.pid"
        wait_for("postfix", lambda: listens(self.port, address))

    @property
    def reload(self):
        return f"/usr/sbin/postfix -c {self.etc} reload"

    def stop(self):
        pid = int(self.pid.read_text())
        os.kill(pid, signal.SIGTERM)
        wait_for("the end of postfix", lambda: not pathlib.Path(f"/proc/{pid}").exists())


EXIM_PACKAGES = ("exim4-daemon-light", "libidn12")
EXIM_USER, EXIM_ID = "Debian-exim", 64123


def unpacked(name, packages):
    """Debian's packages, unpacked where the build keeps what others need as well, for they have no place beside others here, or would change
    the machine. None: the mirror is not reached. They are fetched by the system's apt, which verifies them."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "autarky" / name
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent) as new:
            try:
                subprocess.run(["apt-get", "download", "-q", *packages], cwd=new, check=True, capture_output=True, timeout=120)
                (pathlib.Path(new) / "root").mkdir()
                for package in pathlib.Path(new).glob("*.deb"):
                    subprocess.run(["dpkg-deb", "-x", package, pathlib.Path(new) / "root"], check=True, timeout=60)
            except (subprocess.SubprocessError, OSError):
                return None
            try:
                (pathlib.Path(new) / "root").rename(cache)
            except OSError:  # another test was faster
                pass
    return cache


def exim_root():
    """Debian's Exim, which cannot be installed beside Postfix."""
    return unpacked("exim", EXIM_PACKAGES)


class Exim(Service):
    """Needs root, and a namespace in which its user is there: `within` runs anything in such a one."""

    name = "exim"

    def __init__(self, directory, root, chain, key):
        super().__init__(directory)
        self.port, self.pid = free_port(), self.directory / "pid"
        # Told by HUP it executes itself anew, as its user, who has to reach it, and without variables: its library is found as others are.
        libraries = self.directory / "lib"
        libraries.mkdir()
        shutil.copy(next((root / "usr/lib").glob("*/libidn.so.12")), libraries)
        program = shutil.copy(root / "usr/sbin/exim4", self.directory)
        run("/sbin/ldconfig", "-X", "-C", self.directory / "ld.so.cache", libraries)
        for part in ("spool", "log"):
            (self.directory / part).mkdir()
            os.chown(self.directory / part, EXIM_ID, EXIM_ID)
        self.within = exim_namespace(self.directory, "ld.so.cache")
        (self.directory / "exim.conf").write_text(
            f"exim_path = {program}\nspool_directory = {self.directory}/spool\n"
            f"log_file_path = {self.directory}/log/%slog\npid_file_path = {self.pid}\n"
            f"primary_hostname = mail.hospital.example\nlocal_interfaces = 127.0.0.1\ndaemon_smtp_ports = {self.port}\n"
            f"tls_advertise_hosts = *\ntls_certificate = {chain}\ntls_privatekey = {key}\nacl_smtp_rcpt = deny\n"
            "keep_environment =\nnever_users =\nbegin routers\nbegin transports\n")
        self.run(*self.within, program, "-C", self.directory / "exim.conf", "-bdf", ports=[self.port])


def namespace(directory, users, more=None):
    """The words before a command that has it run where there are these users, a name and a number each, and nowhere else; `more` are files that
    are seen there in place of those that they name."""
    lines = {"passwd": "".join(f"{name}:x:{n}:{n}::/:/usr/sbin/nologin\n" for name, n in users),
             "group": "".join(f"{name}:x:{n}:\n" for name, n in users)}
    for file, text in lines.items():
        (directory / file).write_text(pathlib.Path(f"/etc/{file}").read_text() + text)
        (directory / file).chmod(0o644)
    mounts = {**{directory / file: f"/etc/{file}" for file in lines}, **(more or {})}
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c",
            "".join(f"mount --bind {mine} {theirs} && " for mine, theirs in mounts.items()) + 'exec "$@"', "within")


def exim_namespace(directory, *more):
    return namespace(directory, [(EXIM_USER, EXIM_ID)], {directory / file: f"/etc/{file}" for file in more})


class Dovecot(Service):
    """Needs root, as its processes are of several users."""

    name = "dovecot"

    def __init__(self, directory, chain, key, address="127.0.0.1", imap=None, name="dovecot"):
        self.name = name
        super().__init__(directory)
        self.imap, self.pop3 = imap or free_port(), free_port()
        self.pid = self.directory / "run/master.pid"
        conf = self.directory / "dovecot.conf"
        conf.write_text(
            f"base_dir = {self.directory}/run\nstate_dir = {self.directory}/state\nprotocols = imap pop3\nlisten = {address}\n"
            f"ssl = yes\nssl_cert = <{chain}\nssl_key = <{key}\nlog_path = {self.directory}/dovecot.log\n"
            f"passdb {{\n  driver = static\n  args = nopassword\n}}\nuserdb {{\n  driver = static\n"
            f"  args = uid=mail gid=mail home={self.directory}/mail\n}}\n"
            f"service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {self.imap}\n  }}\n"
            f"  inet_listener imaps {{\n    port = 0\n  }}\n}}\n"
            f"service pop3-login {{\n  chroot =\n  inet_listener pop3 {{\n    port = {self.pop3}\n  }}\n"
            f"  inet_listener pop3s {{\n    port = 0\n  }}\n}}\n")
        self.run("/usr/sbin/dovecot", "-F", "-c", conf, ports=[self.imap, self.pop3], address=address)


class Postgres(Service):
    """As the user postgres where we are root, which it refuses to be."""

    name = "postgres"

    def __init__(self, directory, chain, key, address="127.0.0.1", port=None, name="postgres"):
        self.name = name
        super().__init__(directory)
        self.port = port or free_port()
        self.data = self.directory / "data"
        self.pid = self.data / "postmaster.pid"
        binaries = max(pathlib.Path("/usr/lib/postgresql").iterdir(), key=lambda p: int(p.name)) / "bin"
        options = {}
        if ROOT:
            user = pwd.getpwnam("postgres")
            options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
            os.chown(self.directory, user.pw_uid, user.pw_gid)
        subprocess.run([binaries / "initdb", "-D", self.data, "-A", "trust", "-N"], check=True, stdout=subprocess.DEVNULL,
                       timeout=120, **options)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            f.write(f"listen_addresses = '{address}'\nport = {self.port}\nunix_socket_directories = '{self.directory}'\n"
                    f"ssl = on\nssl_cert_file = '{chain}'\nssl_key_file = '{key}'\nfsync = off\n")
        self.run(binaries / "postgres", "-D", self.data, ports=[self.port], address=address, **options)

    def stop(self):
        self.process.stop(signal.SIGINT)


def group_of(user):
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name

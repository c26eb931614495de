# SPDX-License-Identifier: Apache-2.0
"""Services with STARTTLS in protocols other than those of mail and PostgreSQL, as Debian has them: OpenLDAP's slapd, MariaDB, vsftpd and Prosody.
Each has a configuration of its own and free ports of loopback; most take root, for they run as users of their own."""

import os
import pwd
import subprocess

from lab import free_port, run
from services import ROOT, Service


def name_of(user):
    """Who it is here: the package with the server of MariaDB alone makes none."""
    try:
        return pwd.getpwnam(user).pw_name
    except KeyError:
        return "nobody"


def user_of(name):
    """How a process becomes this user: what systemd does for Debian's units."""
    user = pwd.getpwnam(name_of(name))
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"} if ROOT else {"cwd": "/"}


def as_unit(pid, *args):
    """A service that is started anew whenever it ends, as systemd would on a restart, which here is to end it; `pid` is the file with its number."""
    return ("/bin/sh", "-c", "pid=$1; shift; trap 'trap - TERM; kill $!; wait $!; exit' TERM\n"
            "while :; do \"$@\" & echo $! >$pid.new; mv $pid.new $pid; wait $!; sleep 0.1; done", "unit", pid, *args)


class Slapd(Service):
    """With its configuration in a tree of its own, as Debian's; built with GnuTLS. It reads certificate and key when it starts, and when an
    administrator writes their names into that tree again."""

    name, user = "slapd", "openldap"

    def __init__(self, directory, chain, key, tls=True, name="slapd"):
        self.name = name
        super().__init__(directory)
        self.port, self.pid, options = free_port(), self.directory / "unit.pid", user_of(self.user)
        conf, tree = self.directory / "slapd.conf", self.directory / "slapd.d"
        names = f"TLSCertificateFile {chain}\nTLSCertificateKeyFile {key}\nTLSVerifyClient never\n" if tls else ""
        me = f"gidNumber={os.getgid()}+uidNumber={os.getuid()},cn=peercred,cn=external,cn=auth"
        conf.write_text(f"pidfile {self.directory}/pid\nargsfile {self.directory}/args\n{names}"
                        f"database config\nrootdn \"{me}\"\n")
        tree.mkdir()
        for path in (self.directory, tree, conf):
            if ROOT:
                os.chown(path, options["user"], options["group"])
        run("/usr/sbin/slaptest", "-f", conf, "-F", tree, **options)
        (self.directory / "again.ldif").write_text(
            f"dn: cn=config\nchangetype: modify\nreplace: olcTLSCertificateFile\nolcTLSCertificateFile: {chain}\n-\n"
            f"replace: olcTLSCertificateKeyFile\nolcTLSCertificateKeyFile: {key}\n-\n")
        socket = "ldapi://" + str(self.directory / "ldapi").replace("/", "%2F")
        self.reload = f"/usr/bin/ldapmodify -Q -Y EXTERNAL -H {socket} -f {self.directory}/again.ldif"
        self.run(*as_unit(self.pid, "/usr/sbin/slapd", "-d", "0", "-F", tree, "-h", f"ldap://127.0.0.1:{self.port}/ {socket}"),
                 ports=[self.port], **options)


class MariaDb(Service):
    """It reads them when it starts, and at FLUSH SSL; root of the machine is its administrator, by its socket."""

    name, user = "mariadb", "mysql"

    def __init__(self, directory, chain, key, tls=True, name="mariadb"):
        self.name = name
        super().__init__(directory)
        self.port, data = free_port(), self.directory / "data"
        options = user_of(self.user)
        data.mkdir()
        if ROOT:
            os.chown(self.directory, options["user"], options["group"])
            os.chown(data, options["user"], options["group"])
        subprocess.run(["/usr/bin/mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--tmpdir={data}", "--skip-test-db",
                        f"--auth-root-authentication-method={'socket' if ROOT else 'normal'}"],
                       check=True, stdout=subprocess.DEVNULL, timeout=300, **options)
        files = (f"--ssl-cert={chain}", f"--ssl-key={key}") if tls else ("--skip-ssl",)
        self.socket = self.directory / "socket"
        self.run("/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}", f"--tmpdir={data}", f"--socket={self.socket}", "--bind-address=127.0.0.1",
                 f"--port={self.port}", f"--pid-file={self.directory}/pid", "--innodb-buffer-pool-size=8M",
                 "--max-connect-errors=1000000", *files, ports=[self.port], **options)

        self.reload = f"/usr/bin/mariadb --no-defaults --socket={self.socket} --execute 'FLUSH LOCAL SSL'"


class Vsftpd(Service):
    """It reads both files when it starts, and not when it is told by HUP: it has to be started anew."""

    name = "vsftpd"

    def __init__(self, directory, chain, key, tls=True, name="vsftpd"):
        self.name = name
        super().__init__(directory)
        self.port, self.pid = free_port(), self.directory / "pid"
        empty, conf = self.directory / "empty", self.directory / "vsftpd.conf"
        empty.mkdir()
        names = f"ssl_enable=YES\nssl_ciphers=HIGH\nrsa_cert_file={chain}\nrsa_private_key_file={key}\n" if tls else ""
        conf.write_text(f"listen=YES\nlisten_ipv6=NO\nlisten_address=127.0.0.1\nlisten_port={self.port}\nbackground=NO\n"
                        f"anonymous_enable=NO\nlocal_enable=YES\nsecure_chroot_dir={empty}\nvsftpd_log_file={self.directory}/vsftpd.log\n"
                        f"seccomp_sandbox=NO\n{names}")
        self.run(*as_unit(self.pid, "/usr/sbin/vsftpd", conf), ports=[self.port])


class Prosody(Service):
    """Clients and other servers on a port each; it is told by HUP, and reads its configuration and these files again."""

    name, user = "prosody", "prosody"

    def __init__(self, directory, host, chain, key, tls=True, name="prosody"):
        self.name = name
        super().__init__(directory)
        self.port, self.servers = free_port(), free_port()
        self.pid = self.directory / "pid"
        conf = self.directory / "prosody.cfg.lua"
        lists = ", ".join(f'"{m}"' for m in (["tls"] if tls else []) + ["saslauth", "disco"])
        conf.write_text(
            f'data_path = "{self.directory}"\npidfile = "{self.pid}"\ndaemonize = false\nlog = {{ info = "{self.directory}/info.log" }}\n'
            f'modules_enabled = {{ {lists} }}\nmodules_disabled = {{ "s2s_auth_certs" }}\n'
            f'c2s_interfaces = {{ "127.0.0.1" }}\nc2s_ports = {{ {self.port} }}\n'
            f's2s_interfaces = {{ "127.0.0.1" }}\ns2s_ports = {{ {self.servers} }}\nallow_unencrypted_plain_auth = false\n'
            f'certificates = "{self.directory}"\nssl = {{ certificate = "{chain}", key = "{key}" }}\nVirtualHost "{host}"\n')
        options = user_of(self.user)
        if ROOT:
            os.chown(self.directory, options["user"], options["group"])
        self.run("/usr/bin/prosody", "-F", "--config", conf, ports=[self.port, self.servers], **options)


#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=1200
"""Each service that `--for` knows is told as it says, word by word: a systemctl in place of the system's writes down what it is asked, and does to
the real service what the unit of Debian's package of that name would, as is read there; MariaDB is asked as its administrator. Each is then seen to
serve the new certificate, with a key that its user can read; and a systemctl that fails ends with the one before."""

import os
import pathlib
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, Lab, expect, run  # noqa: E402
from place import NAME, UNPROVEN, Place, same  # noqa: E402
from services import EXIM_ID, EXIM_USER, ROOT, Apache, Dovecot, Exim, Haproxy, Nginx, Postfix, Postgres, Prometheus  # noqa: E402
from services import exim_root, namespace, unpacked  # noqa: E402
from starttls_services import MariaDb, Prosody, Slapd, Vsftpd, name_of, user_of  # noqa: E402

RELOAD, RESTART = "try-reload-or-restart", "try-restart"
# Of the package's files: what says that the unit of this name reloads like that. None: that it has no reload, and so is started anew.
UNITS = {
    "nginx": ("lib/systemd/system/nginx.service", "ExecReload=/usr/sbin/nginx -g 'daemon on; master_process on;' -s reload"),
    "apache2": ("lib/systemd/system/apache2.service", "ExecReload=/usr/sbin/apachectl graceful"),
    "haproxy": ("lib/systemd/system/haproxy.service", "ExecReload=/bin/kill -USR2 $MAINPID"),
    "postfix": ("lib/systemd/system/postfix@.service", "ReloadPropagatedFrom=postfix.service", "ExecReload=/usr/sbin/postmulti -i %i -p reload"),
    "dovecot": ("lib/systemd/system/dovecot.service", "ExecReload=/usr/bin/doveadm reload"),
    "postgresql": ("lib/systemd/system/postgresql@.service", "ReloadPropagatedFrom=postgresql.service",
                   "ExecReload=/usr/bin/pg_ctlcluster --skip-systemctl-redirect %i reload"),
    # systemd makes the unit of what init starts, with a reload where its usage has the word.
    "exim4": ("etc/init.d/exim4", "|reload|"),
    "slapd": ("etc/init.d/slapd", None),
    "prosody": ("lib/systemd/system/prosody.service", "ExecReload=/bin/kill -HUP $MAINPID"),
    "vsftpd": ("lib/systemd/system/vsftpd.service", "ExecReload=/bin/kill -HUP $MAINPID"),
    "mariadb": ("lib/systemd/system/mariadb.service", None),
}


class Recorder:
    """A systemctl: what it is asked is in `log`; what it does for one unit is `does`."""

    def __init__(self, lab):
        self.directory = lab.directory / "systemctl.d"
        self.directory.mkdir()
        self.log, self.program = self.directory / "log", self.directory / "systemctl"
        self.program.write_text(f"#!/bin/sh\nfor word; do printf '[%s]' \"$word\"; done >>{self.log}\necho >>{self.log}\n"
                                f"exec {self.directory}/do\n")
        self.program.chmod(0o755)
        self.mysql = self.directory / "my.cnf"
        self.mysql.write_text("")
        users = [(EXIM_USER, EXIM_ID), *([("mysql", user_of("mysql")["user"])] if name_of("mysql") != "mysql" else [])]
        self.within = namespace(self.directory, users, {self.program: "/usr/bin/systemctl", self.mysql: "/etc/mysql/my.cnf"})

    def does(self, command):
        self.log.write_text("")
        (self.directory / "do").write_text(f"#!/bin/sh\n{command}\n")
        (self.directory / "do").chmod(0o755)

    def asked(self):
        return self.log.read_text().splitlines()


class Known:
    """One of them, in a directory of its own."""

    def __init__(self, lab, recorder, name):
        self.lab, self.recorder, self.name = lab, recorder, name
        self.place = Place(lab, f"for-{name}")
        self.more = ()

    def first(self, *more):
        """Before there is a service: what `--for` says of the key."""
        self.more = more
        self.recorder.does("exit 0")
        self.place.obtain("--for", self.name, "--reload", "/bin/true", "--prove", "127.0.0.1:1", "--prove-for", "1s", *more,
                          before=self.recorder.within, ok=(UNPROVEN,))
        return self.place.pair

    def key(self, mode, group, owner="root"):
        found = self.place.private.stat()
        wanted = [int(run(*self.recorder.within, "getent", kind, name).split(":")[2]) for kind, name in (("passwd", owner), ("group", group))]
        if stat.S_IMODE(found.st_mode) != mode or [found.st_uid, found.st_gid] != wanted:
            sys.exit(f"{self.name}: the key has mode {found.st_mode:o}, and is of {found.st_uid} and {found.st_gid}")

    def told(self, places, asked, command):
        """It is obtained again, with what --for says alone, then renewed; what was asked of systemctl has to be exactly that."""
        self.recorder.does(command)
        at = [a for place in places for a in ("--prove", place)]
        for renew in (False, True):
            self.recorder.log.write_text("")
            before = self.place.leaf()
            if renew:
                said = run(*self.recorder.within, AGENT, "renew", "--force", self.place.out)
            else:
                said = self.place.obtain("--for", self.name, *at, *self.more, before=self.recorder.within)
            if self.recorder.asked() != asked or same(self.place.leaf(), before):
                sys.exit(f"{self.name}: systemctl was asked {self.recorder.asked()}, not {asked}:\n{said}")

    def fails(self, asked):
        """There is no such unit, or its reload fails: the one before is in place again."""
        self.recorder.does("echo 'Job for it failed.' >&2; exit 1")
        before = self.place.leaf()
        said = run(*self.recorder.within, AGENT, "renew", "--force", self.place.out, ok=(UNPROVEN,))
        unit = asked[0][1:-1].split("][")[1]
        expect(said, f"{unit} was not reloaded: /usr/bin/systemctl {RELOAD} ended with status 1", self.name)
        expect(said, f"Job for it failed.; `systemctl status {unit}` and `journalctl -u {unit}` say why", self.name)
        expect(said, "The one before is in place again, and is served", self.name)
        if not same(self.place.leaf(), before) or self.recorder.asked() != asked * 2:
            sys.exit(f"{self.name}: after a reload that failed: {self.recorder.asked()}")


def of_debian(unit, root):
    """What its package says of the unit."""
    path, *wanted = UNITS[unit]
    file = next((r / path for r in (pathlib.Path("/"), *([root] if root else [])) if (r / path).exists()), None)
    if file is None:
        print(f"Debian's {path} is not here, and cannot be fetched; not looked at")
        return
    text = file.read_text()
    for words in wanted:
        if words is None:
            if "ExecReload" in text or "|reload|" in text or "{reload" in text:
                sys.exit(f"{file} has a reload")
        elif words not in text:
            sys.exit(f"{file} has no {words}")


def asks(verb, unit):
    return [f"[{verb}][{unit}.service]"]


def web(lab, recorder):
    known = Known(lab, recorder, "nginx")
    with Nginx(lab.directory, [known.first()]) as service:
        known.told([f"127.0.0.1:{service.port}"], asks(RELOAD, "nginx"),
                   f"/usr/sbin/nginx -p {service.directory} -c {service.directory}/nginx.conf -e {service.directory}/error.log -s reload")
        known.fails(asks(RELOAD, "nginx"))
    # Red Hat's has another name.
    for name, unit in (("apache", "apache2"), ("httpd", "httpd")):
        known = Known(lab, recorder, name)
        with Apache(lab.directory, *known.first(), name=name) as service:
            known.told([f"127.0.0.1:{service.port}"], asks(RELOAD, unit), f"/usr/sbin/apache2 -f {service.directory}/apache.conf -k graceful")
    known, both = Known(lab, recorder, "haproxy"), lab.directory / "haproxy.pem"
    known.first("--combined", both)
    with Haproxy(lab.directory, both) as service:
        known.told([f"127.0.0.1:{service.port}"], asks(RELOAD, "haproxy"),
                   f"/usr/sbin/haproxy -Ws -f {service.directory}/haproxy.cfg -c -q && kill -USR2 $(cat {service.pid})")
    known = Known(lab, recorder, "prometheus")
    with Prometheus(lab.directory, *known.first()) as service:
        known.key(0o640, "prometheus")
        known.told([f"127.0.0.1:{service.port}"], [], "exit 1")


def mail(lab, recorder):
    known = Known(lab, recorder, "postfix")
    with Postfix(lab.directory, *known.first()) as service:
        known.told([f"smtp:127.0.0.1:{service.port}"], asks(RELOAD, "postfix"), service.reload)
    known = Known(lab, recorder, "dovecot")
    with Dovecot(lab.directory, *known.first()) as service:
        known.told([f"imap:127.0.0.1:{service.imap}", f"pop3:127.0.0.1:{service.pop3}"], asks(RELOAD, "dovecot"),
                   f"/usr/bin/doveadm -c {service.directory}/dovecot.conf reload")
    root = exim_root()
    if root is None:
        print("Exim's package cannot be fetched; left out")
        return
    known = Known(lab, recorder, "exim")
    with Exim(lab.directory, root, *known.first()) as service:
        known.key(0o640, EXIM_USER)
        known.told([f"smtp:127.0.0.1:{service.port}"], asks(RELOAD, "exim4"), f"kill -HUP $(cat {service.pid})")


def databases(lab, recorder):
    known = Known(lab, recorder, "postgresql")
    with Postgres(lab.directory, *known.first()) as service:
        known.key(0o600, "postgres", "postgres")
        known.told([f"postgres:127.0.0.1:{service.port}"], asks(RELOAD, "postgresql"), f"kill -HUP $(head -n 1 {service.pid})")
    known = Known(lab, recorder, "mariadb")
    with MariaDb(lab.directory, *known.first()) as service:
        known.key(0o640, "mysql")
        recorder.mysql.write_text(f"[client]\nsocket={service.socket}\n")
        known.told([f"mysql:127.0.0.1:{service.port}"], [], "exit 1")
        recorder.mysql.write_text("[client]\nsocket=/nowhere\n")
        before = known.place.leaf()
        said = run(*recorder.within, AGENT, "renew", "--force", known.place.out, ok=(UNPROVEN,))
        expect(said, "/usr/bin/mariadb --execute ended with status 1: ERROR 2002", "a database that is away")
        expect(said, "The one before is in place again, and is served", "a database that is away")
        if not same(known.place.leaf(), before):
            sys.exit("a database that is away: the one before is to be in place")


def others(lab, recorder):
    known = Known(lab, recorder, "slapd")
    with Slapd(lab.directory, *known.first()) as service:
        known.key(0o640, "openldap")
        known.told([f"ldap:127.0.0.1:{service.port}"], asks(RELOAD, "slapd"), f"kill $(cat {service.pid})")
    known = Known(lab, recorder, "prosody")
    with Prosody(lab.directory, NAME, *known.first()) as service:
        known.key(0o640, "prosody")
        known.told([f"xmpp:127.0.0.1:{service.port}", f"xmpp-server:127.0.0.1:{service.servers}"], asks(RELOAD, "prosody"),
                   f"kill -HUP $(cat {service.pid})")
    known = Known(lab, recorder, "vsftpd")
    with Vsftpd(lab.directory, *known.first()) as service:
        known.told([f"ftp:127.0.0.1:{service.port}"], asks(RESTART, "vsftpd"), f"kill $(cat {service.pid})")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    if not ROOT:
        print("these services run as users of their own, which takes root")
        sys.exit(77)
    root = unpacked("units", ("apache2", "exim4-base", "mariadb-server"))
    for unit in UNITS:
        of_debian(unit, root)
    with Lab() as lab:
        lab.start()
        recorder = Recorder(lab)
        for part in (web, mail, databases, others):
            part(lab, recorder)


main()

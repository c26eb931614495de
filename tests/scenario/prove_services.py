#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Services that are told of a new certificate each in its own way, and looked at: Apache, HAProxy, Prometheus, PostgreSQL, Postfix,
Exim and Dovecot; what `--for` knows of them, and the one file that HAProxy reads."""

import os
import pathlib
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, OPENSSL, Lab, expect, free_port, run  # noqa: E402
from place import UNPROVEN, Place, serves  # noqa: E402
from services import EXIM_ID, ROOT, Apache, Dovecot, Exim, Haproxy, Postfix, Postgres, Prometheus  # noqa: E402
from services import exim_namespace, exim_root, group_of  # noqa: E402


def others(lab):
    """Apache, told by a signal; HAProxy, which reads one file; Prometheus, which has to be told nothing."""
    place = Place(lab, "others")
    place.obtain()
    with Apache(lab.directory, *place.pair) as service:
        at = f"127.0.0.1:{service.port}"
        place.obtain("--for", "apache", "--reload", f"signal:USR1:{service.pid}", "--prove", at)
        said = place.obtain("--reload", "/bin/true", "--prove", at, "--prove-for", "1s", ok=(UNPROVEN,))
        expect(said, "it has not read the new files", "Apache without a reload")
        serves(service.port, place.leaf())
    with Prometheus(lab.directory, *place.pair) as service:
        place.obtain("--prove", f"127.0.0.1:{service.port}")
    site = lab.directory / "site"
    site.mkdir()
    both = site / "combined.pem"
    said = place.obtain("--for", "haproxy", ok=(64,))
    expect(said, "--combined FILE says which", "HAProxy without that file")
    place.obtain("--combined", both)
    if both.read_text() != "".join(p.read_text() for p in place.pair) or stat.S_IMODE(both.stat().st_mode) != 0o600:
        sys.exit("the file for HAProxy")
    both.chmod(0o640)
    with Haproxy(lab.directory, both) as service:
        at = ("--combined", both, "--prove", f"127.0.0.1:{service.port}")
        place.obtain("--for", "haproxy", "--reload", f"signal:USR2:{service.pid}", *at)
        place.renew("--force")
        serves(service.port, place.leaf())
        if stat.S_IMODE(both.stat().st_mode) != 0o640:
            sys.exit("HAProxy after a renewal")
        before = both.read_text()
        said = place.obtain("--reload", "/bin/true", *at, "--prove-for", "1s", ok=(UNPROVEN,))
        expect(said, "The one before is in place again, and is served", "HAProxy without a reload")
        if both.read_text() != before:
            sys.exit("the file for HAProxy did not come back")
    site.chmod(0o777)
    expect(place.obtain("--combined", both, ok=(2,)), "can be written to by others than root", "a file that can be led elsewhere")
    expect(place.obtain("--for", "iis", ok=(64,)), "there is something known of apache, dovecot", "a service of others")


def mail(lab):
    place = Place(lab, "mail")
    place.obtain()
    with Postfix(lab.directory, *place.pair) as service:
        prove = ("--prove", f"smtp:127.0.0.1:{service.port}")
        place.obtain("--reload", service.reload, *prove)
        expect(run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{service.port}", "-starttls", "smtp", "-verify_quiet",
                   "-CAfile", lab.roots, ok=(0, 1)), "BEGIN CERTIFICATE", "Postfix")
        place.renew("--force")
        log = (service.directory / "mail.log").read_text()
        if "AUTH" in log or "MAIL FROM" in log:
            sys.exit(f"more was said than begins TLS:\n{log}")
    with Dovecot(lab.directory, *place.pair) as service:
        prove = ("--prove", f"imap:127.0.0.1:{service.imap}", "--prove", f"pop3:127.0.0.1:{service.pop3}")
        place.obtain("--reload", f"signal:HUP:{service.pid}", *prove)
        said = place.obtain("--reload", "/bin/true", *prove, "--prove-for", "1s", ok=(UNPROVEN,))
        expect(said, "it has not read the new files", "Dovecot without a reload")
        expect(said, "at 1 more of 2 places", "Dovecot without a reload")
        expect(place.obtain("--prove", f"smtp:127.0.0.1:{service.imap}", "--prove-for", "1s", ok=(UNPROVEN,)),
               "what the server says is not smtp: * OK", "IMAP is no SMTP")


def exim(lab):
    """It has read both beforehand, and its group reads the key, as --for says."""
    root = exim_root()
    if root is None:
        print("Exim's package cannot be fetched; left out")
        return
    place, names = Place(lab, "mail-exim"), lab.directory / "exim.names"
    names.mkdir()
    within = exim_namespace(names)
    at = ("--prove", f"smtp:127.0.0.1:{free_port()}", "--prove-for", "1s")
    place.obtain("--for", "exim", "--reload", "/bin/true", *at, before=within, ok=(UNPROVEN,))
    found = place.private.stat()
    if stat.S_IMODE(found.st_mode) != 0o640 or found.st_gid != EXIM_ID:
        sys.exit(f"the key has mode {found.st_mode:o} and group {found.st_gid}")
    with Exim(lab.directory, root, *place.pair) as service:
        prove = ("--prove", f"smtp:127.0.0.1:{service.port}")
        place.obtain("--for", "exim", "--reload", f"signal:HUP:{service.pid}", *prove, before=within)
        before = place.leaf()
        run(*within, AGENT, "renew", "--force", place.out)
        if place.leaf() == before:
            sys.exit("Exim: nothing was renewed")
        expect(run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{service.port}", "-starttls", "smtp", "-verify_quiet",
                   "-CAfile", lab.roots, ok=(0, 1)), "BEGIN CERTIFICATE", "Exim")
        said = place.obtain("--for", "exim", "--reload", "/bin/true", *prove, "--prove-for", "2s", before=within, ok=(UNPROVEN,))
        expect(said, "it has not read the new files", "Exim without a reload")


def database(lab):
    """Its key belongs to a user of its own."""
    place = Place(lab, "database")
    mine = ("--owner", "postgres", "--group", group_of("postgres"), "--mode", "0400") if ROOT else ()
    place.obtain(*mine)
    found = place.private.stat()
    if ROOT and (stat.S_IMODE(found.st_mode) != 0o400 or found.st_uid == 0):
        sys.exit(f"the key has mode {found.st_mode:o} and owner {found.st_uid}")
    with Postgres(lab.directory, *place.pair) as service:
        prove = ("--prove", f"postgres:127.0.0.1:{service.port}", "--prove-for", "5s")
        place.obtain(*mine, "--reload", f"signal:HUP:{service.pid}", *prove)
        said = place.obtain(*mine, *prove, ok=(UNPROVEN,))
        expect(said, "it has not read the new files", "PostgreSQL without a reload")
        expect(place.obtain(*mine, "--prove", f"mysql:127.0.0.1:{service.port}", "--prove-for", "1s", ok=(UNPROVEN,)),
               "mysql 127.0.0.1", "PostgreSQL is no MySQL")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab:
        lab.start()
        others(lab)
        database(lab)
        if ROOT:
            mail(lab)
            exim(lab)
        else:
            print("Postfix, Exim and Dovecot need root; left out")


main()

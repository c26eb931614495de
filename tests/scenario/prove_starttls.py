#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=1200
"""Services with STARTTLS of LDAP, MySQL, FTP and XMPP, real ones: slapd, MariaDB, vsftpd and Prosody are renewed and looked at, and what they serve is looked
at by OpenSSL as well; those that keep what they have read are not told once, and the certificate before is in place and served; and each without TLS."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import OPENSSL, Lab, expect, run  # noqa: E402
from place import NAME, UNPROVEN, Place, same  # noqa: E402
from services import ROOT, group_of  # noqa: E402
from starttls_services import MariaDb, Prosody, Slapd, Vsftpd, name_of  # noqa: E402


def seen(protocol, port):
    """The leaf that OpenSSL's client is shown."""
    more = ("-xmpphost", NAME) if protocol.startswith("xmpp") else ()
    said = run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-starttls", protocol, "-servername", NAME, *more, ok=(0, 1), timeout=60)
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if end not in said:
        sys.exit(f"OpenSSL sees no certificate by {protocol}:\n{said}")
    return said[said.index(begin):said.index(end) + len(end)]


class Case:
    """A service, and the directory of its certificate, whose key its user may read."""

    def __init__(self, lab, user):
        self.lab = lab
        self.place = Place(lab, f"of-{user}")
        self.mine = ("--group", group_of(name_of(user)), "--mode", "0640") if ROOT and user != "root" else ()
        self.place.obtain(*self.mine)

    def serves(self, places, leaf):
        for protocol, port in places:
            if not same(seen(protocol, port), leaf):
                sys.exit(f"{protocol}: something else is served")

    def renewed(self, places, *told):
        """It is told, and looked at; and once more by `renew`."""
        at = [a for protocol, port in places for a in ("--prove", f"{protocol}:127.0.0.1:{port}")]
        before = self.place.leaf()
        expect(self.place.obtain(*self.mine, *told, *at), "obtained a certificate", places)
        self.serves(places, self.place.leaf())
        expect(self.place.renew("--force"), "renewed", places)
        if same(self.place.leaf(), before):
            sys.exit(f"{places}: nothing was renewed")
        self.serves(places, self.place.leaf())

    def forgets(self, places):
        """The reload does nothing: the one before comes back; then it is told, and serves what waited."""
        before, reload = self.place.leaf(), self.place.state["plan"]["reload"]
        self.place.change(reload="/bin/true", prove_for="1s")
        said = self.place.renew("--force", ok=(UNPROVEN,))
        expect(said, f"{places[0][0]} 127.0.0.1 at 127.0.0.1:{places[0][1]}", "no reload")
        expect(said, "it serves the certificate that was in place before: it has not read the new files", "no reload")
        expect(said, "The one before is in place again, and is served; `autarky", "no reload")
        if not same(self.place.leaf(), before):
            sys.exit(f"{places}: the one before is to be in place")
        self.serves(places, before)
        self.place.change(reload=reload, prove_for="30s")
        expect(self.place.renew("--force"), "renewed", "once it is told")
        if same(self.place.leaf(), before):
            sys.exit(f"{places}: the new one is to be in place")
        self.serves(places, self.place.leaf())

    def without(self, service, places, wanted="does not offer TLS on this port"):
        """A service that has no TLS."""
        at = [a for protocol, port in places for a in ("--prove", f"{protocol}:127.0.0.1:{port}")]
        before = self.place.leaf()
        said = self.place.obtain(*self.mine, "--reload", "/bin/true", *at, "--prove-for", "1s", ok=(UNPROVEN,))
        expect(said, f"the {places[0][0]} server {wanted}", f"{service.name} without TLS")
        if not same(self.place.leaf(), before):
            sys.exit(f"{service.name} without TLS: the one before is to be in place")


def ldap(lab):
    case = Case(lab, "openldap")
    with Slapd(lab.directory, *case.place.pair) as service:
        places = [("ldap", service.port)]
        case.renewed(places, "--reload", service.reload)
        case.forgets(places)
        case.renewed(places, "--reload", f"signal:TERM:{service.pid}")
    with Slapd(lab.directory, *case.place.pair, tls=False, name="slapd-plain") as service:
        case.without(service, [("ldap", service.port)])


def mysql(lab):
    case = Case(lab, "mysql")
    with MariaDb(lab.directory, *case.place.pair) as service:
        places = [("mysql", service.port)]
        case.renewed(places, "--reload", service.reload)
        case.forgets(places)
    with MariaDb(lab.directory, *case.place.pair, tls=False, name="mariadb-plain") as service:
        case.without(service, [("mysql", service.port)])


def ftp(lab):
    case = Case(lab, "root")
    with Vsftpd(lab.directory, *case.place.pair) as service:
        places = [("ftp", service.port)]
        case.renewed(places, "--reload", f"signal:TERM:{service.pid}")
        case.forgets(places)
        # What its unit does when it is to be reloaded.
        before = case.place.leaf()
        case.place.change(reload=f"signal:HUP:{service.pid}", prove_for="3s")
        expect(case.place.renew("--force", ok=(UNPROVEN,)), "it has not read the new files", "vsftpd told by HUP")
        case.serves(places, before)
        said = case.place.obtain("--prove", f"xmpp:127.0.0.1:{service.port}", "--prove-for", "1s", ok=(UNPROVEN,))
        expect(said, "what the server says is not xmpp: 220", "FTP is no XMPP")
    with Vsftpd(lab.directory, *case.place.pair, tls=False, name="vsftpd-plain") as service:
        case.without(service, [("ftp", service.port)])


def xmpp(lab):
    case = Case(lab, "prosody")
    with Prosody(lab.directory, NAME, *case.place.pair) as service:
        places = [("xmpp", service.port), ("xmpp-server", service.servers)]
        case.renewed(places, "--reload", f"signal:HUP:{service.pid}")
        case.forgets(places)
    with Prosody(lab.directory, NAME, *case.place.pair, tls=False, name="prosody-plain") as service:
        case.without(service, [("xmpp", service.port)], "does not begin TLS: it ends the stream")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    if not ROOT:
        print("these services run as users of their own, which takes root")
        sys.exit(77)
    with Lab() as lab:
        lab.start()
        for part in (ldap, mysql, ftp, xmpp):
            part(lab)


main()

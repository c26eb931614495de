#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Years with a root on a machine without a network: its lists of what it has revoked, an issuer replaced and one revoked, a
second root, all by files in a directory; and what whoever carries that directory may try. OpenSSL and GnuTLS look at what comes
of it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Process, expect, run, steady_port, wait_for  # noqa: E402

WHO = ("--organization", "Example Hospital", "--domain", DOMAIN)


class Machines:
    """Two data directories and the media between them."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.offline = self.directory / "offline"
        self.online = self.directory / "online"
        self.media = self.directory / "media"
        self.media.mkdir()
        self.n = 0
        self.plain = f"http://127.0.0.1:{steady_port()}"

    def root(self, *args, data=None, **options):
        return run("unshare", "--net", AUTARKY, "root", *args, "--data", data or self.offline, **options)

    def sign(self, *args, **options):
        return self.root("sign", "--media", self.media, "--yes", *args, **options)

    def server(self, *args, **options):
        return run(AUTARKY, *args, "--data", self.online, **options)

    def bring(self, *args, **options):
        return self.server("issuer", "import", "--media", self.media, *args, **options)

    def start(self):
        conf = self.online / "autarky.yaml"
        conf.write_text(conf.read_text() + f"listen: {{api: ['127.0.0.1:0'], plain: ['{self.plain[7:]}']}}\n"
                        f"urls: {{plain: '{self.plain}'}}\n")
        return Process("serve", self.directory, AUTARKY, "serve", "--data", self.online)

    def register(self):
        return {i["ref"]: i for i in json.loads(self.server("issuer", "list", "--json"))["issuers"]}

    def fetch(self, path):
        """A list, as PEM, for OpenSSL."""
        der = self.directory / "fetched.crl"
        wait_for(path, lambda: subprocess.run(["curl", "-sSf", "-o", str(der), self.plain + path], check=False,
                                              stderr=subprocess.DEVNULL).returncode == 0)
        self.n += 1
        out = self.directory / f"{self.n}.crl"
        run(OPENSSL, "crl", "-inform", "DER", "-in", der, "-out", out)
        return out

    def issue(self):
        self.n += 1
        out = self.directory / f"leaf{self.n}"
        wait_for("a certificate", lambda: subprocess.run(
            [AUTARKY, "cert", "issue", "--name", f"n{self.n}.{DOMAIN}", "--out", str(out), "--data", str(self.online)], check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0)
        return out


def issuer_of(leaf):
    return run(OPENSSL, "x509", "-in", leaf / "cert.pem", "-noout", "-issuer")


def serial_of(cert):
    return run(OPENSSL, "x509", "-in", cert, "-noout", "-serial").strip().split("=")[1]


def days_until(text):
    return (time.mktime(time.strptime(text.strip(), "%b %d %H:%M:%S %Y GMT")) - time.timezone - time.time()) / 86400


def list_of(leaf):
    text = run(OPENSSL, "x509", "-in", leaf / "cert.pem", "-noout", "-ext", "crlDistributionPoints")
    return "/crl/" + text.split("/crl/")[1].split()[0]


def crl_verifies(m, crl, root="root-rsa"):
    """By OpenSSL and by GnuTLS."""
    pem = m.media / f"autarky-{root}.pem"
    expect(run(OPENSSL, "crl", "-in", crl, "-noout", "-verify", "-CAfile", pem), "verify OK", "openssl crl")
    expect(run("certtool", "--verify-crl", "--load-ca-certificate", pem, "--infile", crl), "Verified", "certtool")
    return run(OPENSSL, "crl", "-in", crl, "-noout", "-text")


def checked(m, leaf, root="root-rsa", status="ok", others=()):
    """The whole chain against the lists of all who signed in it."""
    crls = m.directory / "crls.pem"
    lists = [f"/crl/{r}/0.crl" for r in (root, *others)] + [list_of(leaf)]
    crls.write_text("".join(m.fetch(path).read_text() for path in lists))
    pem = m.media / f"autarky-{root}.pem"
    done = subprocess.run([OPENSSL, "verify", "-x509_strict", "-crl_check_all", "-CAfile", str(pem), "-CRLfile", str(crls), "-untrusted",
                           str(leaf / "chain.pem"), str(leaf / "cert.pem")], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    gnutls = run("certtool", "--verify", "--load-ca-certificate", pem, "--load-crl", crls, "--infile", leaf / "fullchain.pem", ok=(0, 1))
    if status == "ok":
        if done.returncode:
            sys.exit(f"openssl verify -crl_check_all:\n{done.stdout}")
        expect(gnutls, "Chain verification output: Verified", "certtool")
    else:
        expect(done.stdout, status, "openssl verify -crl_check_all")
        expect(gnutls, "revoked", "certtool")


def doctor(m, wanted):
    expect(m.server("doctor", ok=(0, 2)), wanted, "doctor")


def begun(m):
    m.root("create", *WHO, "--algorithms", "rsa")
    m.root("export", "--media", m.media)
    m.server("init", *WHO, "--offline-root", m.media)
    server = m.start()
    wait_for("the server to wait", lambda: "signer.no-issuer" in server.log.read_text())
    m.server("issuer", "create", "--csr", "--algorithms", "rsa,ecdsa", "--media", m.media)
    return server


def media_that_were_changed(m):
    """--yes signs nothing that import would refuse."""
    conf = m.media / "autarky-request-ecdsa-1.yaml"
    sig = m.media / "autarky-request-ecdsa-1.sig"
    kept = conf.read_text()
    conf.write_text(re.sub(r"internal: .*", "internal: [evil.example]", kept, count=1))
    expect(m.sign(ok=(2,)), "has not signed this configuration", "more names")
    conf.write_text(kept + "# and a line\n")
    expect(m.sign(ok=(2,)), "has not signed this configuration", "any other change")
    conf.write_text(kept)
    shutil.move(sig, m.directory)
    expect(m.sign(ok=(2,)), "has not signed this configuration", "without the signature")
    shutil.copy(m.media / "autarky-request-rsa-1.sig", sig)
    expect(m.sign(ok=(2,)), "has not signed this configuration", "another's signature")
    shutil.move(m.directory / sig.name, sig)
    if list(m.media.glob("autarky-issuer-*")) or list(m.media.glob("*.crl")):
        sys.exit("something was signed all the same")


def signed(m, server):
    out = m.sign()
    expect(out, "signed: autarky-root-rsa.crl", "the root's list goes along")
    text = run(OPENSSL, "crl", "-inform", "DER", "-in", m.media / "autarky-root-rsa.crl", "-noout", "-nextupdate")
    if not 364 < days_until(text.split("=")[1]) < 368:
        sys.exit(f"the list is good for another time: {text}")
    shutil.copy(m.media / "autarky-root-rsa.crl", m.directory / "first.crl")
    m.bring()
    wait_for("the API", lambda: "serve.ready" in server.log.read_text(), 60)
    text = crl_verifies(m, m.fetch("/crl/root-rsa/0.crl"))
    expect(text, "No Revoked Certificates", "the first list")
    expect(m.bring(), "in the register already", "the same again")
    doctor(m, "the revocation list of root root-rsa is good until")
    leaf = m.issue()
    expect(issuer_of(leaf), "ECDSA CA 1", "the issuer")
    checked(m, leaf)
    return leaf


def lists_that_are_refused(m):
    """An old one, another root's, a delta's worth of rubbish; and what is soon to end is told."""
    m.sign("--crl", "--crl-days", "20")
    m.bring()
    doctor(m, "root sign --crl --media DIR")
    expect(m.sign("--crl", "--crl-days", "0", ok=(2,)), "1 to 1098", "no days")
    crl = m.media / "autarky-root-rsa.crl"
    newest = m.directory / "newest.crl"
    shutil.copy(crl, newest)
    served = m.fetch("/crl/root-rsa/0.crl").read_text()
    shutil.copy(m.directory / "first.crl", crl)
    expect(m.bring(ok=(2,)), "is older than the list that is served", "an old list")
    others, media = m.directory / "others", m.directory / "others-media"
    media.mkdir()
    m.root("create", *WHO, "--algorithms", "rsa", data=others)
    m.root("sign", "--crl", "--media", media, "--yes", data=others)
    shutil.copy(media / "autarky-root-rsa.crl", crl)
    m.bring(ok=(2,))
    expect(m.sign("--crl", ok=(2,)), "autarky-root-rsa.crl on the media", "another root's list at the root")
    crl.write_bytes(newest.read_bytes()[:-1])
    m.bring(ok=(2,))
    m.sign("--crl", ok=(2,))
    shutil.copy(newest, crl)
    m.root("export", "--media", media, data=others)
    shutil.copy(media / "autarky-root-rsa.pem", m.media / "autarky-root-rsa.pem")
    expect(m.bring("--yes", ok=(2,)), "is not the root of that name", "another root under the same name")
    m.root("export", "--media", m.media)
    if m.fetch("/crl/root-rsa/0.crl").read_text() != served:
        sys.exit("what was refused is served")
    m.sign("--crl")
    m.bring()


def rotated(m):
    """A request that replaces, the overlap, and the end of the old one."""
    expect(m.server("issuer", "rotate", "ecdsa-1", ok=(2,)), "issuer rotate --csr", "without the root's key")
    expect(m.server("issuer", "rotate", "ecdsa-1", "--media", m.media, ok=(64,)), "--media goes with --csr", "half of the options")
    m.server("issuer", "rotate", "ecdsa-1", "--csr", "--media", m.media)
    expect(m.server("issuer", "rotate", "ecdsa-1", "--csr", "--media", m.media, ok=(2,)), "ca/ecdsa-2.csr waits", "twice")
    m.sign()
    m.bring()
    register = m.register()
    if not register["ecdsa-1"]["retires"] or register["ecdsa-1"]["retires"] != register["ecdsa-2"]["activates"]:
        sys.exit(f"the one does not follow the other: {register['ecdsa-1']} {register['ecdsa-2']}")
    if register["ecdsa-1"]["state"] != "active" or list((m.online / "ca").glob("*.csr")):
        sys.exit("there is no overlap, or the request waits still")
    expect(issuer_of(m.issue()), "ECDSA CA 1", "during the overlap")
    m.server("issuer", "rotate", "ecdsa-2", "--csr", "--now", "--media", m.media)
    m.sign()
    m.bring()
    m.server("issuer", "retire", "ecdsa-1")
    wait_for("the replacement", lambda: "ECDSA CA 3" in issuer_of(m.issue()))
    leaf = m.issue()
    checked(m, leaf)


def revoked(m, victim):
    expect(m.server("issuer", "revoke", "ecdsa-1", "--yes", ok=(2,)), "`issuer revoke`", "without the root's key")
    m.server("issuer", "revoke", "ecdsa-1", "--media", m.media, ok=(64,))
    out = m.server("issuer", "revoke", "ecdsa-1", "--media", m.media, "--yes", "--reason", "stolen on Tuesday")
    expect(out, "is not revoked yet", "what is said")
    request = m.media / "autarky-revoke-ecdsa-1.pem"
    kept = request.read_text()
    request.write_text(kept.replace("cACompromise", "certificateHold"))
    expect(m.sign(ok=(2,)), "is no reason for which", "a reason that is none")
    request.write_text(kept.split("-----BEGIN")[0] + (m.media / "autarky-root-rsa.pem").read_text())
    expect(m.sign(ok=(2,)), "is no issuer's certificate", "the root itself")
    request.write_text(kept.split("-----BEGIN")[0] + (victim / "cert.pem").read_text())
    expect(m.sign(ok=(2,)), "is no issuer's certificate", "a leaf")
    request.write_text(kept)
    out = m.root("sign", "--media", m.media, ok=(2,))
    for wanted in ("REVOKED FROM NOW ON", "ECDSA CA 1", "cACompromise", "stolen on Tuesday"):
        expect(out, wanted, "what is shown before it is asked")
    m.sign()
    expect(m.sign(ok=(2,)), "nothing to sign", "the same request again")
    m.bring("--reason", "ticket 7")
    if m.register()["ecdsa-1"]["state"] != "revoked" or not (m.online / "ca" / "ecdsa-1.revoked").exists():
        sys.exit("the issuer is not revoked")
    crl = m.fetch("/crl/root-rsa/0.crl")
    text = crl_verifies(m, crl)
    expect(text, serial_of(m.online / "ca" / "ecdsa-1.crt"), "the list")
    expect(text, "CA Compromise", "the reason")
    checked(m, victim, status="revoked")
    expect((m.offline / "root" / "transcript").joinpath(sorted(os.listdir(m.offline / "root" / "transcript"))[-1]).name, ".txt", "an entry")


def forgotten(m):
    """A root that has lost its list, and media that were emptied: what was revoked stays so."""
    crl, kept = m.media / "autarky-root-rsa.crl", m.offline / "root" / "root-rsa.crl"
    serial = serial_of(m.online / "ca" / "ecdsa-1.crt")
    aside = kept.read_bytes()
    kept.unlink()
    crl.unlink()
    (m.media / "autarky-revoke-ecdsa-1.pem").unlink()
    m.sign("--crl")
    expect(m.bring(ok=(2,)), "lacks ecdsa-1", "a list that has forgotten")
    kept.unlink()
    m.server("issuer", "create", "--csr", "--algorithms", "rsa", "--media", m.media)  # brings the list that is served along
    m.sign()
    m.bring()
    expect(crl_verifies(m, m.fetch("/crl/root-rsa/0.crl")), serial, "the list after it")
    if aside == kept.read_bytes():
        sys.exit("no list was kept beside the key")


def second_root(m):
    m.root("create", "--next", "--algorithms", "rsa")
    m.server("issuer", "rotate", "rsa-1", "--csr", "--now", "--media", m.media)
    m.sign()
    expect(m.bring(ok=(2,)), "is signed by no root that this server knows", "a root that did not come along")
    m.root("export", "--media", m.media)
    expect(m.bring(ok=(2,)), "--yes stands for the answer", "a root that nobody has looked at")
    if (m.online / "trust" / "root-rsa-2.pem").exists():
        sys.exit("the root is trusted all the same")
    m.bring("--yes")
    register = m.register()
    if register["rsa-3"]["parent"] != "root-rsa-2" or register["rsa-1"]["state"] != "retiring":
        sys.exit(f"the register: {register}")
    expect((m.online / "trust" / "roots.pem").read_text(), (m.online / "trust" / "root-rsa-2.pem").read_text(), "trust/")
    crl_verifies(m, m.fetch("/crl/root-rsa-2/0.crl"), "root-rsa-2")
    m.server("issuer", "rotate", "ecdsa-3", "--csr", "--now", "--media", m.media)
    m.sign()
    m.bring()
    wait_for("an issuer of the new root", lambda: "ECDSA CA 4" in issuer_of(m.issue()))
    checked(m, m.issue(), "root-rsa-2")


def stranger(m):
    """The certificate of a root that calls itself as ours do."""
    data = m.directory / "stranger"
    m.root("create", *WHO, "--algorithms", "rsa", data=data)
    return (data / "trust" / "root-rsa.pem").read_text()


def crossed(m):
    """The roots certify each other where their keys are: only those that the machine knows, and nothing comes back but that."""
    leaf, name = m.issue(), "root-rsa-2-by-root-rsa"
    expect(m.server("issuer", "cross-sign", "root-rsa-2", ok=(2,)), "issuer cross-sign", "without the roots' keys")
    expect(m.server("issuer", "cross-sign", "root-rsa-2", "--media", m.media, "--dry-run"), f"would ask for {name}", "what it would do")
    out = m.server("issuer", "cross-sign", "root-rsa-2", "--media", m.media)
    request, signed = m.media / f"autarky-cross-{name}.pem", m.media / f"autarky-cross-{name}.crt"
    other = m.media / "autarky-cross-root-rsa-by-root-rsa-2.crt"
    kept, fingerprint = request.read_text(), out.split(f"{request.name}: SHA-256 of root-rsa-2 ")[1].split()[0]
    for text, wanted in ((stranger(m), "is another"), ("words: x\n" + kept, "none of the lines"), ("plain: ftp://x\n", "is no address")):
        request.write_text(text)
        expect(m.sign(ok=(2,)), wanted, "a request that was changed")
    aside = m.offline / "trust" / "root-rsa-2.pem"
    aside.rename(m.directory / "root-rsa-2.pem")
    request.write_text(kept)
    expect(m.sign(ok=(2,)), "is not there", "a root that this machine does not know")
    (m.directory / "root-rsa-2.pem").rename(aside)
    shown = m.root("sign", "--media", m.media, ok=(2,))
    expect(shown, f"SHA-256 {fingerprint}", "the root that is meant")
    for wanted in ("--yes stands for the answer", f"{m.plain}/crl/root-rsa/0.crl", "WHOEVER TRUSTS root-rsa WILL TRUST root-rsa-2,",
                   f"NOT IN THE CONFIGURATION OF THIS MACHINE: {m.plain}"):
        expect(shown, wanted, "what is shown before it is asked")
    request.write_text("plain: http://elsewhere.test\n" + kept[kept.index("-----"):])
    m.sign()
    expect(m.bring(ok=(2,)), "urls: plain:", "lists that are elsewhere")
    signed.unlink()
    request.write_text(kept)
    m.sign()
    texts = signed.read_text(), other.read_text()
    signed.write_text(texts[1])
    expect(m.bring(ok=(2,)), "is not taken", "the other direction")
    signed.write_text((m.media / "autarky-root-rsa-2.pem").read_text())
    expect(m.bring(ok=(2,)), "is not taken", "the root itself")
    signed.write_text(texts[0])
    out = m.bring()
    expect(out, f"{name} is there", "what was taken")
    expect(m.bring(), "in the register already", "the same again")
    crossing = m.issue()
    for cert, root, others in ((leaf, "root-rsa-2", ()), (crossing, "root-rsa-2", ()), (crossing, "root-rsa", ("root-rsa-2",))):
        checked(m, cert, root, others=others)
    m.server("issuer", "revoke", name, "--media", m.media, ok=(64,))
    expect(m.server("issuer", "revoke", name, "--media", m.media, "--yes"), "stays in chains until it is", "what is said")
    expect(m.sign(), "cessationOfOperation", "why")
    expect(m.bring(), f"{name} is revoked", "the revocation")
    expect(crl_verifies(m, m.fetch("/crl/root-rsa/0.crl")), "Cessation Of Operation", "the reason")
    checked(m, crossing, status="revoked", others=("root-rsa-2",))
    after = m.issue()
    checked(m, after, "root-rsa-2")
    if (after / "chain.pem").read_text().count("BEGIN") != (crossing / "chain.pem").read_text().count("BEGIN") - 1:
        sys.exit("the chain has it still")
    for path in m.media.glob("autarky-cross-*.pem"):
        path.unlink()
    expect(m.server("issuer", "cross-sign", "root-rsa-2", "--media", m.media, ok=(2,)), "no other root", "its name is taken for good")


def full(m):
    """As many as the signer loads: refused before anything is made."""
    ca = m.online / "ca"
    dummies = [ca / f"dummy-{i}.csr" for i in range(256 - len(list(ca.glob("*.crt"))))]
    for path in dummies:
        path.touch()
    before = sorted(p.name for p in ca.iterdir())
    for command in (("create", "--csr", "--algorithms", "rsa"), ("rotate", "ecdsa-4", "--csr")):
        expect(m.server("issuer", *command, "--media", m.media, ok=(2,)), "256 is the most", "one more")
    if sorted(p.name for p in ca.iterdir()) != before:
        sys.exit("something was made all the same")
    for path in dummies:
        path.unlink()


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
        os.chmod(directory, 0o755)
        m = Machines(directory)
        server = begun(m)
        try:
            media_that_were_changed(m)
            victim = signed(m, server)
            lists_that_are_refused(m)
            rotated(m)
            revoked(m, victim)
            forgotten(m)
            second_root(m)
            crossed(m)
            full(m)
        finally:
            server.stop()


main()

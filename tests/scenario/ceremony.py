#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""The ceremony with two machines: the root's has no network interface at all, and the two talk by files in a directory.
Keys in files with the passphrase in shares, and keys in a token; what does not belong together is refused; the transcript is
checked with OpenSSL alone; what is forgotten is gone."""

import os
import pathlib
import re
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Process, expect, run, wait_for  # noqa: E402

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "token-pin-1"
WHO = ("--organization", "Example Hospital", "--domain", DOMAIN)
FOR_ALL = ("rsa", "ecdsa")  # what every OpenSSL can check


class Machines:
    """Two data directories and the media between them."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.offline = self.directory / "offline"
        self.online = self.directory / "online"
        self.media = self.directory / "media"
        self.media.mkdir()

    def root(self, *args, **options):
        """On the machine without a network: in a namespace whose only interface, lo, is down."""
        return run("unshare", "--net", AUTARKY, "root", *args, "--data", self.offline, **options)

    def sign(self, *args, **options):
        return self.root("sign", "--media", self.media, "--yes", *args, **options)

    def server(self, *args, **options):
        return run(AUTARKY, *args, "--data", self.online, **options)

    def shares(self, *numbers):
        found = []
        for n in numbers:
            found += ["--share", self.offline / "root" / "shares" / f"share-{n}.txt"]
        return found

    def start(self):
        conf = self.online / "autarky.yaml"
        conf.write_text(conf.read_text() + "listen: {api: ['127.0.0.1:0'], plain: ['127.0.0.1:0']}\n")
        return Process("serve", self.directory, AUTARKY, "serve", "--data", self.online)


def transcript(m, entries, key="root-rsa"):
    """Each entry is signed by the root and names the one before; a changed letter shows."""
    m.root("export", "--media", m.media)
    pub = m.directory / "root.pub"
    pub.write_text(run(OPENSSL, "x509", "-in", m.media / f"autarky-{key}.pem", "-noout", "-pubkey"))
    before = "none"
    for n in range(1, entries + 1):
        text, sig = (m.media / f"autarky-transcript-{n:04}.{e}" for e in ("txt", "sig"))
        content = text.read_text()
        if f"\nsigned by: {key}\n" in content:
            check = (OPENSSL, "dgst", "-sha256", "-verify", pub, "-signature", sig)
            expect(run(*check, text), "Verified OK", text.name)
            forged = m.directory / "forged.txt"
            forged.write_text(content.replace("ceremony", "ceremonj", 1))
            expect(run(*check, forged, ok=(1,)), "Verification failure", "a forged entry")
        expect(content, f"\nprevious: {before}\n", text.name)
        digest = run(OPENSSL, "dgst", "-sha256", "-c", text).rsplit("= ", 1)[1].strip()
        before = digest.upper()
    if (m.media / f"autarky-transcript-{entries + 1:04}.txt").exists():
        sys.exit("there are more entries than were made")


def spoil(path):
    """One character of the fourth group exchanged for another."""
    text = path.read_text()
    line = re.search(r"^  1: .*$", text, re.M)[0]
    groups = line.split()
    groups[4] = groups[4][:2] + ("2" if groups[4][2] != "2" else "3") + groups[4][3:]
    wrong = path.with_name("wrong.txt")
    wrong.write_text(text.replace(line, "  " + " ".join(groups)))
    return wrong


def shares_that_do_not_do(m):
    out = m.sign(*m.shares(1, 4), ok=(2,))
    expect(out, "3 shares are needed, and 2 are here", "two shares")
    expect(m.sign(*m.shares(1, 4, 4), ok=(2,)), "share 4 came twice", "the same share twice")
    wrong = spoil(m.offline / "root" / "shares" / "share-2.txt")
    expect(m.sign(*m.shares(1, 4), "--share", wrong, ok=(2,)), "group 4 of the share is wrong (line 1, number 4 in it)",
           "a slip")
    if list(m.media.glob("autarky-issuer-*")):
        sys.exit("something was signed all the same")


def shares_of_others(m):
    """They join to a passphrase as well, and a root under that could not be opened by those who hold the shares of this one."""
    others = m.directory / "others"
    run(AUTARKY, "root", "create", *WHO, "--shares", "2/2", "--algorithms", "sm2", "--data", others)
    wrong = [o for i in (1, 2) for o in ("--share", others / "root" / "shares" / f"share-{i}.txt")]
    before = sorted(p.name for p in (m.offline / "trust").iterdir())
    expect(m.root("create", *WHO, "--next", "--algorithms", "rsa", *wrong, ok=(2,)), "the shares are of set", "shares of another set")
    if sorted(p.name for p in (m.offline / "trust").iterdir()) != before:
        sys.exit("a root was made under another set of shares")


def requests_that_are_refused(m):
    """Another organisation's configuration beside the request; and a request that lost a byte."""
    conf = m.media / "autarky-request-rsa-1.yaml"
    csr = m.media / "autarky-request-rsa-1.csr"
    kept = conf.read_text(), csr.read_text()
    ecdsa = [p for p in m.media.glob("autarky-request-*") if "-rsa-1." not in p.name]
    aside = m.directory / "aside"
    aside.mkdir()
    for path in ecdsa:
        shutil.move(path, aside)
    conf.write_text(kept[0].replace("Example Hospital", "Evil Hospital"))
    expect(m.sign(*m.shares(1, 2, 3), ok=(2,)), "nothing is signed for another organisation", "another's request")
    conf.write_text(kept[0].replace(DOMAIN, "evil.example"))
    expect(m.sign(*m.shares(1, 2, 3), ok=(2,)), "nothing is signed for another organisation", "another's domain")
    conf.write_text(kept[0].replace("constraints: critical", "constraints: none"))
    expect(m.sign(*m.shares(1, 2, 3), ok=(2,)), "wants an issuer with `ca.constraints: none`", "no constraints")
    conf.write_text(kept[0])
    csr.write_text(kept[1].replace("MII", "MIJ", 1))
    m.sign(*m.shares(1, 2, 3), ok=(2,))
    csr.write_text(kept[1])
    csr.rename(m.media / "autarky-request-root-rsa-9.csr")
    expect(m.sign(*m.shares(1, 2, 3), ok=(2,)), "no issuer is called so", "a root's request")
    (m.media / "autarky-request-root-rsa-9.csr").rename(csr)
    for path in aside.iterdir():
        shutil.move(path, m.media)


def certificates_that_are_refused(m):
    """At import: one issuer's certificate in another's place."""
    rsa, ecdsa = (m.media / f"autarky-issuer-{kind}-1.crt" for kind in FOR_ALL)
    kept = ecdsa.read_text()
    ecdsa.write_text(rsa.read_text())
    expect(m.server("issuer", "import", "--media", m.media, ok=(2,)), "is not for the key that waits here", "another's")
    ecdsa.write_text(kept)
    yaml = m.online / "autarky.yaml"
    conf = yaml.read_text()
    yaml.write_text(conf + "names: {single: [intranet]}\n")
    expect(m.server("issuer", "import", "--media", m.media, ok=(2,)), "not made for the names of this configuration", "others' names")
    yaml.write_text(conf)
    if list((m.online / "ca").glob("*.crt")):
        sys.exit("a certificate was taken all the same")


def issued(m, kinds):
    """Certificates of issuers by the root, as OpenSSL sees them."""
    for kind in kinds:
        crt = m.online / "ca" / f"{kind}-1.crt"
        expect(run(OPENSSL, "verify", "-x509_strict", "-CAfile", m.media / "autarky-root-rsa.pem", crt), "OK", kind)
        text = run(OPENSSL, "x509", "-in", crt, "-noout", "-text")
        expect(text, "CA:TRUE, pathlen:0", kind)
        expect(text, f"DNS:{DOMAIN}", kind)


def with_shares(directory):
    m = Machines(directory)
    out = m.root("create", *WHO, "--shares", "3/5", "--algorithms", "rsa")
    if "warning" in out:
        sys.exit(f"a network was seen where there is none:\n{out}")
    expect(m.root("create", *WHO, "--shares", "3/5", ok=(2,), env={**os.environ, "AUTARKY_DATA": ""}), "--next", "again")
    expect(m.root("create", *WHO, "--next", "--shares", "2/3", "--algorithms", "rsa", ok=(2,)),
           "a data directory of their own", "other shares for the next root")
    expect(m.root("create", *WHO, "--next", "--shares", "2/3", "--token", "pkcs11:token=Root", ok=(64,)),
           "leave --shares or --token out", "shares of a token")
    if (m.offline / "root" / "passphrase").exists():
        sys.exit("the passphrase is kept beside its shares")
    m.root("export", "--media", m.media)
    m.server("init", *WHO, "--offline-root", m.media)
    server = m.start()
    wait_for("the server to wait", lambda: "signer.no-issuer" in server.log.read_text())
    expect(m.server("issuer", "create", "--media", m.media, ok=(64,)), "--media goes with --csr", "media without --csr")
    expect(m.server("issuer", "create", "--csr", "--algorithms", "rsa", "--media", m.media, "--dry-run"), "request for rsa-1", "a try")
    if list((m.online / "ca").glob("rsa-1*")) or list(m.media.glob("autarky-request-*")):
        sys.exit("a dry run made something")
    m.server("issuer", "create", "--csr", "--algorithms", "rsa,ecdsa", "--media", m.media)
    shares_that_do_not_do(m)
    shares_of_others(m)
    requests_that_are_refused(m)
    out = m.sign(*m.shares(5, 1, 3))
    expect(out, "Example Hospital ECDSA CA 1", "what was shown")
    expect(m.sign(*m.shares(5, 1, 3), ok=(2,)), "nothing to sign", "signing again")
    certificates_that_are_refused(m)
    m.server("issuer", "import", "--media", m.media)
    issued(m, FOR_ALL)
    wait_for("the API", lambda: "serve.ready" in server.log.read_text(), 60)
    expect(m.server("issuer", "list"), "ecdsa-1", "the register")
    if "ROOT KEY" in m.server("doctor", ok=(0, 2)):
        sys.exit("doctor sees a root key where there is none")
    (m.online / "root" / "root-rsa.key").write_text("brought here by somebody")
    expect(m.server("doctor", ok=(0, 2)), "A ROOT KEY IS ON THIS HOST", "doctor")
    rotated_here(m)
    server.stop()
    transcript(m, 4)
    forget(m)


def rotated_here(m):
    """The root's key brought to the server for the time of a command: under shares, or the way to its token."""
    for path in (m.offline / "root").iterdir():
        if path.name.startswith("root-") or path.name == "custody":
            shutil.copy(path, m.online / "root")
    token = (m.offline / "root" / "root-rsa.uri").exists()
    shares = [] if token else m.shares(2, 3, 4)
    if shares:
        expect(m.server("issuer", "rotate", "ecdsa-1", "--now", *shares[:4], ok=(2,)), "3 shares are needed", "two shares")
    m.server("issuer", "rotate", "ecdsa-1", "--now", *shares)
    endings = {p.suffix for p in (m.online / "ca").glob("ecdsa-2.*")}
    if endings != {".crt", ".uri" if token else ".key"}:
        sys.exit(f"the new key is not where the old one is: {endings}")
    expect(run(OPENSSL, "verify", "-x509_strict", "-CAfile", m.media / "autarky-root-rsa.pem", m.online / "ca" / "ecdsa-2.crt"), "OK",
           "the replacement")
    expect(m.server("issuer", "list"), "ecdsa-2", "the register")


def forget(m):
    root = m.offline / "root"
    key = root / "root-rsa.key"
    twin = m.directory / "twin"
    os.link(key, twin)  # the same bytes on disk, by another name
    before = twin.read_bytes()
    m.root("forget", "--shares-only", "--yes")
    if list((root / "shares").glob("share-*")) or not key.exists():
        sys.exit("not the shares, or not the shares alone, were wiped")
    out = m.root("forget", "--yes")
    expect(out, "cannot promise", "forget")
    if key.exists() or twin.read_bytes() == before or b"PRIVATE" in twin.read_bytes():
        sys.exit("the key is still there")
    expect(m.sign(ok=(2,)), "nothing to sign", "signing without requests")
    if not (m.offline / "trust" / "root-rsa.pem").exists():
        sys.exit("the certificate is gone, too")


def with_tokens(directory):
    """The root's key in one token, the issuers' in another."""
    m = Machines(directory)
    tokens = m.directory / "tokens"
    tokens.mkdir(mode=0o700)
    conf = m.directory / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    for label in ("Root", "CA"):
        run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "officer-1")
    pin = m.directory / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    m.root("create", *WHO, "--algorithms", "rsa", "--token", "pkcs11:token=Root", "--pkcs11-module", MODULE,
           "--pin-file", pin)
    if list((m.offline / "root").glob("*.key")):
        sys.exit("a root key is in a file")
    m.root("export", "--media", m.media)
    m.server("init", *WHO, "--offline-root", m.media)
    yaml = m.online / "autarky.yaml"
    yaml.write_text(yaml.read_text().replace(
        "\nca:\n", f"\nca:\n  pkcs11: {{module: {MODULE}, pin: {{from: file, file: {pin}}}}}\n"))
    server = m.start()
    wait_for("the server to wait", lambda: "signer.no-issuer" in server.log.read_text())
    m.server("issuer", "create", "--csr", "--algorithms", "rsa,ecdsa", "--media", m.media, "--token", "pkcs11:token=CA")
    m.sign()
    m.server("issuer", "import", "--media", m.media)
    issued(m, FOR_ALL)
    wait_for("the API", lambda: "serve.ready" in server.log.read_text(), 60)
    rotated_here(m)
    server.stop()
    if any(key.name != "audit.key" for key in (m.online / "ca").glob("*.key")):  # that one signs no certificate
        sys.exit("an issuer's key is in a file")
    transcript(m, 4)
    expect(m.root("forget", "--yes"), "keys in tokens are still there: 1", "forget")


def main():
    for kind in (with_shares, with_tokens):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
            os.chmod(directory, 0o755)
            kind(directory)


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=500
"""Issuers come and go under a running server: replaced, retired, revoked, for another domain, and the special hierarchy
is opened; each certificate verifies with the roots it should and with no others, and what was issued before stays good."""

import json
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, Lab, OPENSSL, expect, free_port, run, wait_for  # noqa: E402
import verify  # noqa: E402


class Certificates:
    """Made by the command on this host, one directory each."""

    def __init__(self, lab):
        self.lab = lab
        self.n = 0

    def issue(self, *names, ok=(0,)):
        self.n += 1
        out = self.lab.directory / f"cert{self.n}"
        options = [o for name in names for o in ("--name", name)]
        said = self.lab.autarky("cert", "issue", *options, "--out", out, ok=ok)
        return said if ok != (0,) else out / "fullchain.pem"


def issuer_of(chain):
    return run(OPENSSL, "x509", "-in", chain, "-noout", "-issuer").strip().split("CN=")[-1].split("CN = ")[-1]


def verifies(chain, roots, *options):
    done = subprocess.run([OPENSSL, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(roots), "-untrusted",
                           str(chain), *map(str, options), str(chain)], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode == 0


def good(lab, chain, roots="roots.pem"):
    if not verifies(chain, lab.data / "trust" / roots):
        sys.exit(f"{chain} does not verify with {roots}")


def register(lab):
    return {i["ref"]: i for i in json.loads(lab.autarky("issuer", "list", "--json"))["issuers"]}


def ready(lab):
    """The signer has read what is new."""
    def read():
        log = lab.log()
        return log.count("serve.role-ready role=signer") == 1 + log.count("serve.restarts role=signer")

    wait_for("the signer", read, 120)


def rotated(lab, certificates):
    first = certificates.issue(f"a.{DOMAIN}")
    expect(issuer_of(first), "Example Hospital ECDSA CA 1", "the first issuer")
    lab.autarky("issuer", "rotate", "ecdsa-1")
    ready(lab)
    waits = certificates.issue(f"b.{DOMAIN}")
    expect(issuer_of(waits), "ECDSA CA 1", "before the new one's day")
    lab.autarky("issuer", "rotate", "ecdsa-1", "--now")
    ready(lab)
    second = certificates.issue(f"c.{DOMAIN}")
    expect(issuer_of(second), "ECDSA CA 3", "the replacement")
    if [register(lab)[r]["state"] for r in ("ecdsa-1", "ecdsa-2", "ecdsa-3")] != ["retiring", "active", "active"]:
        sys.exit(f"states: {register(lab)}")
    for chain in (first, waits, second):
        good(lab, chain)
    for ref in ("ecdsa-1", "ecdsa-3", "root-rsa", "root-sm2"):
        run("curl", "-sSf", "-o", lab.directory / "aia", f"{lab.plain}/issuer/{ref}.cer")
    return first, second


def special(lab, certificates):
    expect(certificates.issue("www.example.com", ok=(2,)), "outside of what this CA may vouch for", "without special")
    lab.autarky("issuer", "create", "--special", "--algorithms", "ecdsa")
    ready(lab)
    chain = certificates.issue("www.example.com")
    expect(issuer_of(chain), "ECDSA CA 1 S", "the special issuer")
    good(lab, chain, "roots-special.pem")
    if verifies(chain, lab.roots):
        sys.exit("a special certificate verifies with the roots of the intranet")
    expect(certificates.issue("www.example.com", f"d.{DOMAIN}", ok=(2,)), "no issuer may vouch for both", "a mixture")


def another_domain(lab, certificates, before):
    text = (lab.data / "autarky.yaml").read_text()
    (lab.data / "autarky.yaml").write_text(text.replace(f"domain: {DOMAIN}", "domain: clinic.test"))
    expect(lab.autarky("reload"), "autarky issuer rotate", "the reload's words")
    expect(lab.autarky("doctor"), "made for other names", "doctor's words")
    expect(certificates.issue("a.clinic.test", ok=(2,)), "no issuer was made for a.clinic.test", "before there is an issuer")
    lab.autarky("issuer", "rotate", "--due")
    ready(lab)
    good(lab, certificates.issue("a.clinic.test"))
    good(lab, before)
    if "no issuer is to be replaced" not in lab.autarky("issuer", "rotate", "--due"):
        sys.exit("issuers are due again")
    (lab.data / "autarky.yaml").write_text(text)
    lab.autarky("reload")
    lab.autarky("issuer", "rotate", "--due")
    ready(lab)


def revoked(lab, certificates):
    victim = certificates.issue(f"e.{DOMAIN}")
    ref = next(i["ref"] for i in register(lab).values() if i["subject"].endswith(issuer_of(victim)))
    lab.autarky("issuer", "revoke", ref, ok=(64,))
    lab.autarky("issuer", "rotate", ref, "--now")
    ready(lab)
    lab.autarky("issuer", "revoke", ref, "--yes", "--reason", "stolen")
    ready(lab)
    crl = lab.directory / "root.crl"
    # Where the issuer's own certificate says that its root's list is.
    said = run(OPENSSL, "x509", "-in", lab.data / "ca" / f"{ref}.crt", "-noout", "-ext", "crlDistributionPoints")
    run("curl", "-sSf", "-o", crl, said.split("URI:")[1].split()[0])
    text = run(OPENSSL, "crl", "-inform", "DER", "-in", crl, "-noout", "-text", "-CAfile", lab.roots)
    serial = run(OPENSSL, "x509", "-in", lab.data / "ca" / f"{ref}.crt", "-noout", "-serial").strip().split("=")[1]
    expect(text, serial, "the root's list")
    run(OPENSSL, "crl", "-inform", "DER", "-in", crl, "-out", lab.directory / "root.crl.pem")
    chain = lab.data / "ca" / f"{ref}.crt"
    if subprocess.run([OPENSSL, "verify", "-CAfile", str(lab.roots), "-CRLfile", str(lab.directory / "root.crl.pem"), "-crl_check",
                       str(chain)], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        sys.exit("OpenSSL does not see that the issuer is revoked")
    after = certificates.issue(f"f.{DOMAIN}")
    if issuer_of(after) == issuer_of(victim):
        sys.exit("a revoked issuer signs")
    good(lab, after)
    lab.autarky("issuer", "revoke", ref, "--yes", ok=(2,))


def refused(lab):
    lab.autarky("issuer", "rotate", "nobody-1", ok=(2,))
    lab.autarky("issuer", "rotate", "root-rsa", ok=(2,))
    lab.autarky("issuer", "retire", "ecdsa-1", ok=(2,))
    lab.autarky("issuer", "cross-sign", "root-rsa", ok=(2,))
    before = sorted(p.name for p in (lab.data / "ca").iterdir())
    (lab.data / "root" / "root-sm2.key").rename(lab.directory / "away.key")
    expect(lab.autarky("issuer", "rotate", "sm2-1", ok=(2,)), "the key of root-sm2 is not here", "without the root's key")
    (lab.directory / "away.key").rename(lab.data / "root" / "root-sm2.key")
    if sorted(p.name for p in (lab.data / "ca").iterdir()) != before:
        sys.exit("what failed has left files")


def next_root(lab):
    """Another root beside the present one, each certified by the other; the next issuer is below it."""
    lab.autarky("root", "create", ok=(2,))
    lab.autarky("root", "create", "--next", "--shares", "2/3", ok=(64,))
    key = lab.data / "root" / "root-sm2.key"
    key.rename(lab.directory / "away.key")
    expect(lab.autarky("root", "create", "--next", "--algorithms", "sm2", ok=(2,)), "the key of root-sm2 is not here", "no key")
    (lab.directory / "away.key").rename(key)
    expect(lab.autarky("root", "create", "--next", "--algorithms", "sm2"), "root-sm2-2 is there", "the next root")
    expect(lab.autarky("issuer", "cross-sign", "root-sm2-2"), "root-sm2-2-by-root-sm2", "cross-signing")
    lab.autarky("issuer", "rotate", "sm2-1", "--now")
    if register(lab)["sm2-2"]["parent"] != "root-sm2-2":
        sys.exit("the next issuer is not below the next root")
    both = (lab.data / "trust" / "roots-all.pem").read_text()
    for root in ("root-sm2", "root-sm2-2"):
        if (lab.data / "trust" / f"{root}.pem").read_text() not in both:
            sys.exit(f"{root} is not among the roots")


def kill(lab, role):
    status = json.loads(lab.autarky("status", "--json", ok=(0, 2)))
    os.kill(next(p["pid"] for p in status["processes"] if p["role"] == role), signal.SIGKILL)


def told_late(lab):
    """As when command and core have died between the commit and the word to the signer: a new core finds that the signer has read
    less than the register says, and has it started again. Once: what is not there, a second start does not bring."""
    ref = [i["ref"] for i in register(lab).values() if i["state"] == "active" and i["key"] and not i["ref"].startswith("root")][-1]
    files, aside = [lab.data / "ca" / f"{ref}.{end}" for end in ("crt", "key")], lab.directory / "aside"
    aside.mkdir()
    restarts, differs = lab.log().count("serve.restarts role=signer"), f"core.signer-differs issuer={ref} restart="
    for path in files:
        path.rename(aside / path.name)
    kill(lab, "signer")
    wait_for("core to see that the signer lacks one", lambda: differs + "true" in lab.log(), 60)
    wait_for("core to see that a start has not helped", lambda: differs + "false" in lab.log(), 60)
    for path in files:
        (aside / path.name).rename(path)
    kill(lab, "core")
    wait_for("the second restart", lambda: lab.log().count("serve.restarts role=signer") == restarts + 2, 60)
    wait_for("the signer", lambda: lab.log().rindex("serve.role-ready role=signer") > lab.log().rindex("serve.restarts role=signer"), 60)
    if (lab.log().count(differs + "true"), lab.log().count(differs + "false")) != (2, 1):
        sys.exit(f"{differs}: not once for each core, and once in vain")


def certbot(lab, name, *options):
    home = lab.directory / "certbot"
    run("/usr/bin/certbot", "certonly", "--standalone", "--http-01-port", lab.http_port, "--server", lab.directory_url, "--agree-tos",
        "--register-unsafely-without-email", "--non-interactive", "--key-type", "ecdsa", "-d", name, *options, "--config-dir", home,
        "--work-dir", home, "--logs-dir", home, env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.roots)})
    return home / "live" / name / "fullchain.pem"


def crossed(lab):
    """Two RSA roots that certify each other: certbot takes the long chain, which is good with the old root alone and
    with the new one alone, and by the root's name the short one, for the new one."""
    lab.autarky("root", "create", "--next", "--algorithms", "rsa")
    out = lab.autarky("issuer", "cross-sign", "root-rsa-2")
    expect(out, "root-rsa-2-by-root-rsa ", "the one way")
    expect(out, "root-rsa-by-root-rsa-2 ", "the other way")
    expect(lab.autarky("issuer", "cross-sign", "root-rsa-2", ok=(2,)), "no other root", "again")
    ref = max((r for r, i in register(lab).items() if r.startswith("ecdsa-") and not r.endswith("-s") and i["state"] == "active"),
              key=lambda r: int(r.split("-")[1]))
    lab.autarky("issuer", "rotate", ref, "--now")
    ready(lab)
    old, new = (lab.data / "trust" / f"root-rsa{n}.pem" for n in ("", "-2"))
    both = certbot(lab, f"long.{DOMAIN}")
    short = certbot(lab, f"short.{DOMAIN}", "--preferred-chain", "Example Hospital RSA Root CA 2")
    if both.read_text().count("BEGIN") != 1 + short.read_text().count("BEGIN"):
        sys.exit("certbot got the same chain by either way")
    for chain, root, good_is in ((both, old, True), (both, new, True), (short, new, True), (short, old, False)):
        if verifies(chain, root) != good_is:
            sys.exit(f"OpenSSL: {chain} with {root}: not {good_is}")
        status, said = verify.ask("certtool", "--verify", "--load-ca-certificate", root, "--infile", chain)
        if ("Chain verification output: Verified" in said) != good_is:
            sys.exit(f"GnuTLS: {chain} with {root}: not {good_is} ({status})\n{said}")
    return both, old, new


def list_of(lab, root):
    """The list that is served, as PEM."""
    der, pem = lab.directory / f"{root}.crl", lab.directory / f"{root}.crl.pem"
    run("curl", "-sSf", "-o", der, f"{lab.plain}/crl/{root}/0.crl")
    run(OPENSSL, "crl", "-inform", "DER", "-in", der, "-out", pem)
    return pem


def from_the_first_day(lab, chain):
    """init has made a list of each root: whoever looks up the whole chain finds one, though nothing points to it yet."""
    lists = lab.directory / "first.pem"
    root = list_of(lab, "root-rsa")
    expect(run(OPENSSL, "crl", "-in", root, "-noout", "-verify", "-CAfile", lab.roots), "verify OK", "openssl crl")
    expect(run("certtool", "--verify-crl", "--load-ca-certificate", lab.roots, "--infile", root), "Verified", "certtool")
    if root.read_bytes() == list_of(lab, "root-sm2").read_bytes():
        sys.exit("the roots have one list")
    said = run(OPENSSL, "x509", "-in", chain, "-noout", "-ext", "crlDistributionPoints")
    run("curl", "-sSf", "-o", lab.directory / "leaf.crl", said.split("URI:")[1].split()[0])
    lists.write_text(root.read_text() + run(OPENSSL, "crl", "-inform", "DER", "-in", lab.directory / "leaf.crl"))
    if not verifies(chain, lab.roots, "-crl_check_all", "-CRLfile", lists):
        sys.exit("the chain does not verify with the lists of all who signed in it")
    expect(lab.autarky("doctor"), "the revocation list of root root-rsa is good until", "doctor")


def shown(lab):
    """The serial number of the certificate that the API shows."""
    port = lab.api.rsplit(":", 1)[1]
    pem = run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost")
    path = lab.directory / "shown.pem"
    path.write_text(pem[pem.index("-----BEGIN"):pem.index("-----END")] + "-----END CERTIFICATE-----\n")
    return run(OPENSSL, "x509", "-in", path, "-noout", "-serial")


def uncrossed(lab, before, old, new):
    """The one root takes back what it said of the other: no chain has it any more, and who has the old root alone learns from its
    list that what others still send is nothing."""
    name, cross = "root-rsa-2-by-root-rsa", lab.directory / "cross.cer"
    expect(lab.autarky("issuer", "revoke", name, ok=(64,)), "takes it from every chain", "without --yes")
    expect(lab.autarky("issuer", "revoke", name, "--dry-run"), f"would revoke {name}", "what it would do")
    api = shown(lab)
    out = lab.autarky("issuer", "revoke", name, "--yes", "--reason", "superseded")
    expect(out, f"{name} is revoked", "the revocation")
    wait_for("the API's own chain, which could have had it", lambda: shown(lab) != api, 30)
    expect(lab.autarky("issuer", "revoke", name, "--yes", ok=(2,)), "revoked already", "twice")
    expect(lab.autarky("issuer", "list"), "revoked on", "the register")
    expect(lab.autarky("issuer", "cross-sign", "root-rsa-2", ok=(2,)), "no other root", "its name is taken for good")
    after = certbot(lab, f"after.{DOMAIN}")
    if after.read_text().count("BEGIN") != before.read_text().count("BEGIN") - 1:
        sys.exit("the chain has it still, or lacks more")
    for root, good_is in ((new, True), (old, False)):
        if verifies(after, root) != good_is:
            sys.exit(f"{after} with {root}: not {good_is}")
    lists = list_of(lab, "root-rsa")
    run("curl", "-sSf", "-o", cross, f"{lab.plain}/issuer/{name}.cer")
    run(OPENSSL, "x509", "-inform", "DER", "-in", cross, "-out", lab.directory / "cross.pem")
    status, said = verify.ask(OPENSSL, "verify", "-CAfile", old, "-crl_check", "-CRLfile", lists, lab.directory / "cross.pem")
    if status == 0 or "certificate revoked" not in said:
        sys.exit(f"OpenSSL does not see that {name} is revoked: {said}")
    said = verify.ask("certtool", "--verify", "--load-ca-certificate", old, "--load-crl", lists, "--infile", before)[1]
    expect(said, "revoked", "GnuTLS")
    expect(run(OPENSSL, "crl", "-in", lists, "-noout", "-text"), "Superseded", "the reason")
    # What the register knows is on the next list, even where the last one was lost.
    (lab.data / "root" / "root-rsa.crl").unlink()
    lab.autarky("issuer", "revoke", "ecdsa-2", "--yes")
    ready(lab)
    said = run(OPENSSL, "crl", "-in", list_of(lab, "root-rsa"), "-noout", "-text")
    for cert in (lab.directory / "cross.pem", lab.data / "ca" / "ecdsa-2.crt"):
        expect(said, run(OPENSSL, "x509", "-in", cert, "-noout", "-serial").strip().split("=")[1], "the next list")


def main():
    with Lab(policy="  - name: all\n    allow: [\"*\"]\n", init_options=("--algorithms", "ecdsa,sm2")) as lab:
        port = free_port()
        text = (lab.data / "autarky.yaml").read_text()
        (lab.data / "autarky.yaml").write_text(
            text.replace('plain: ["127.0.0.1:0"]', f'plain: ["127.0.0.1:{port}"]')
            + f'urls: {{plain: "http://127.0.0.1:{port}"}}\n')
        lab.start()
        certificates = Certificates(lab)
        from_the_first_day(lab, certificates.issue(f"first.{DOMAIN}"))
        first, second = rotated(lab, certificates)
        refused(lab)
        next_root(lab)
        uncrossed(lab, *crossed(lab))
        special(lab, certificates)
        another_domain(lab, certificates, second)
        revoked(lab, certificates)
        good(lab, first)
        told_late(lab)


main()

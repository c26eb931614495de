#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""OCSP answers with the gateway's certificates, as OpenSSL and GnuTLS see them: there soon after the certificate, with both
versions of TLS and both kinds of keys; new ones after half of their life; revoked certificates replaced; an alert while none
can be signed; and while core does not answer the last one to its end, and no longer."""

import os
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, OPENSSL, Clock, expect, run, wait_for  # noqa: E402
from sites import SiteLab  # noqa: E402

WIKI, STRICT = f"wiki.{DOMAIN}", f"strict.{DOMAIN}"
STEP = 4 * 60  # seconds: the clock is moved by less than what core takes for a leap
LIFE = 3600
KINDS = {"ecdsa": ("ecdsa_secp256r1_sha256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
         "rsa": ("rsa_pss_rsae_sha256", "ECDHE-RSA-AES128-GCM-SHA256")}
EXTRA = f"""urls: {{plain: "http://ca.{DOMAIN}"}}
revocation: {{ocsp: {{lifetime: 1h}}}}
metrics: {{allow: [127.0.0.0/8]}}
profiles: {{strict: {{must_staple: true}}}}
"""


def shown(lab, name, algorithm, version):
    """What s_client prints of a handshake in which it asks for an OCSP answer."""
    sigalg, cipher = KINDS[algorithm]
    options = ("-tls1_2", "-cipher", cipher) if version == "1.2" else ("-tls1_3",)
    return run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{lab.gateway}", "-servername", name, "-CAfile", lab.roots,
               "-status", "-sigalgs", sigalg, *options)


def said(text):
    """"good", "revoked", None."""
    found = re.search(r"Cert Status: (\w+)", text)
    return found.group(1) if found else None


def since(text):
    return re.search(r"This Update: (.*)", text).group(1)


def shown_everywhere(lab):
    for name, algorithm in ((WIKI, "ecdsa"), (WIKI, "rsa"), (STRICT, "ecdsa")):
        for version in ("1.2", "1.3"):
            wait_for(f"an OCSP answer with {name}, {algorithm}, TLS {version}",
                     lambda a=(name, algorithm, version): said(shown(lab, *a)) == "good")
            expect(shown(lab, name, algorithm, version), "OCSP Response Status: successful", "s_client")


def verified(lab):
    """OpenSSL verifies what GnuTLS was shown, and GnuTLS does while it connects."""
    answer = lab.directory / "answer.der"
    for name in (WIKI, STRICT):
        out = run("gnutls-cli", "--x509cafile", lab.roots, "--port", str(lab.gateway), "--sni-hostname", name,
                  "--verify-hostname", name, "--save-ocsp", answer, "--save-cert", lab.directory / "chain.pem", "127.0.0.1",
                  ok=(0, 1))
        expect(out, "The certificate is trusted", "gnutls-cli")
        expect(out, "- Options: OCSP status request", "gnutls-cli") if "- Options" in out else None
        out = run("ocsptool", "--load-response", answer, "--response-info", "--inder")
        expect(out, "Certificate Status: good", "ocsptool")
        pems = re.findall("-----BEGIN.*?-----END CERTIFICATE-----\n", (lab.directory / "chain.pem").read_text(), re.DOTALL)
        for file, pem in (("leaf.pem", pems[0]), ("issuer.pem", pems[1])):
            (lab.directory / file).write_text(pem)
        out = run(OPENSSL, "ocsp", "-respin", answer, "-issuer", lab.directory / "issuer.pem", "-cert", lab.directory / "leaf.pem",
                  "-CAfile", lab.roots)
        expect(out, "Response verify OK", "openssl ocsp")
        expect(out, "leaf.pem: good", "openssl ocsp")


def told(lab):
    for name in (WIKI, STRICT):
        for algorithm, state in lab.certificates(name).items():
            if state["staple"] != ("good" if state["state"] == "valid" else "none"):
                sys.exit(f"site list has {name} {algorithm}: {state}")
    out = lab.autarky("site", "check", WIKI, ok=(0, 1, 2))
    expect(out, "the OCSP answer that comes with it says good", "site check")
    metrics = run("curl", "-sS", "--cacert", lab.roots, f"{lab.api}/metrics")
    expect(metrics, 'site_staples{role="keeper",status="good"} 3', "/metrics")
    expect(metrics, 'site_staples{role="keeper",status="missing"} 0', "/metrics")
    expect(metrics, "site_staple_oldest_timestamp_seconds", "/metrics")


def renewed(lab, clock):
    before = since(shown(lab, WIKI, "ecdsa", "1.3"))
    clock.advance(STEP)
    if since(shown(lab, WIKI, "ecdsa", "1.3")) != before:
        sys.exit("a new OCSP answer long before half of the life of the old one")
    for _ in range(LIFE // STEP):
        clock.advance(STEP)
        try:
            wait_for("another answer", lambda: since(shown(lab, WIKI, "ecdsa", "1.3")) != before, 1)
            return clock.offset // 1_000_000
        except SystemExit:
            pass
    sys.exit("no new OCSP answer in all the life of the old one")


def revoked(lab, clock):
    """The keeper sees it with the next answer, and has another certificate at once."""
    serial = lab.certificates(WIKI)["ecdsa"]["serial"]
    lab.autarky("cert", "revoke", serial, "--reason", "keyCompromise")
    for _ in range(LIFE // STEP):
        clock.advance(STEP)
        try:
            wait_for("another certificate", lambda: lab.certificates(WIKI)["ecdsa"]["serial"] not in (None, serial), 1)
            break
        except SystemExit:
            pass
    expect(lab.log(), "keeper.certificate-revoked", "the log")
    wait_for("its OCSP answer", lambda: lab.certificates(WIKI)["ecdsa"]["staple"] == "good")
    wait_for("it to be shown", lambda: said(shown(lab, WIKI, "ecdsa", "1.3")) == "good")
    if lab.certificates(WIKI)["ecdsa"]["serial"] == serial:
        sys.exit("the revoked certificate is still in force")


def alerted(lab, clock):
    """No answer can be signed, and nobody may replace the signer: known before the last one has ended, and over when there are new ones."""
    def late():
        return "OCSP answers that sites show" in lab.autarky("alert", "list")

    if late():
        sys.exit("an alert about OCSP answers that are good")
    still = [lab.server.popen.pid, lab.processes("signer")[0]]
    for pid in still:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(LIFE // STEP):
            clock.advance(STEP)
            try:
                wait_for("an alert", late, 1)
                break
            except SystemExit:
                pass
        if said(shown(lab, WIKI, "ecdsa", "1.3")) != "good":
            sys.exit("the alert came after the end of the answer")
        print(lab.autarky("alert", "list"))
    finally:
        for pid in reversed(still):
            os.kill(pid, signal.SIGCONT)
    def over():
        clock.advance(30)
        return not late()

    wait_for("the alert to be over", over, 60)


def unanswered(lab, clock):
    """Core does not answer, and nobody may replace it: what is there is shown to its end."""
    still = [lab.server.popen.pid, lab.processes("core")[0]]
    for pid in still:
        os.kill(pid, signal.SIGSTOP)
    try:
        clock.advance(LIFE // 3)
        if said(shown(lab, WIKI, "ecdsa", "1.3")) != "good":
            sys.exit("an answer that is good was not shown")
        clock.advance(LIFE)
        for name, algorithm in ((WIKI, "ecdsa"), (WIKI, "rsa"), (STRICT, "ecdsa")):
            text = shown(lab, name, algorithm, "1.3")
            expect(text, "no response", "s_client after the end of the answer")
    finally:
        for pid in reversed(still):
            os.kill(pid, signal.SIGCONT)


def main():
    sites = [{"name": WIKI, "backends": ["http://127.0.0.1:1"], "algorithms": ["rsa", "ecdsa"]},
             {"name": STRICT, "backends": ["http://127.0.0.1:1"], "algorithms": ["ecdsa"], "profile": "strict"}]
    with SiteLab(sites, EXTRA) as lab:
        clock = Clock(lab.directory / "clock")
        lab.start(env={**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)})
        for name in (WIKI, STRICT):
            lab.wait_site(name)
        shown_everywhere(lab)
        verified(lab)
        told(lab)
        print(f"a new answer after {renewed(lab, clock)} s", flush=True)
        revoked(lab, clock)
        alerted(lab, clock)
        unanswered(lab, clock)


main()

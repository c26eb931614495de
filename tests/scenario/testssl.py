#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=1600
"""What strangers' scanners say of a site with our defaults: testssl.sh 3.2, which is told to trust our root, finds nothing of medium
weight or above, and sslscan nothing that it shows in red."""

import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, run  # noqa: E402
from sites import Backend, SiteLab  # noqa: E402

NAME = f"wiki.{DOMAIN}"
GRAVE = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
# What is so in a closed network, and no fault; each with its reason.
EXCUSED = {
    "cert_trust": "the scanner asks the stores of browsers as well, which do not know a private root",
    "cert_chain_of_trust": "the same, where it cannot be told of a root",
    "DNS_CAArecord": "CAA is for public CAs",
    "security_headers": "of the page, so the backend's, or the site's `response_headers`",
    "overall_grade": "no finding of its own: it counts those above",
}
# Where the distribution's is too old, script/bootstrap has brought a newer one.
BORROWED = pathlib.Path(os.environ.get("AUTARKY_ROOT", "/")) / ".deps" / "testssl"
WANTED = (3, 2)
EXTRA = f"urls: {{plain: \"http://ca.{DOMAIN}\"}}\n"


def scanner():
    """The program and its environment; which one it is, is printed."""
    program, environment = "testssl", dict(os.environ)
    if (BORROWED / "usr/bin/testssl").exists():
        program = str(BORROWED / "usr/bin/testssl")
        environment["TESTSSL_INSTALL_DIR"] = str(BORROWED / "etc/testssl")
    said = re.sub(r"\x1b\[[0-9;]*m", "", run(program, "--version", env=environment, ok=range(256)))
    version = re.search(r"testssl(?:\.sh)?(?: version)? (\d+)\.(\d+)[.\w]*", said)
    if not version:
        sys.exit(f"testssl.sh does not say its version: {said}")
    print(version[0], flush=True)
    if (int(version[1]), int(version[2])) < WANTED:
        print("older than it should be: the mirrors have no newer one", flush=True)
    return program, environment


def testssl(lab):
    found = lab.directory / "testssl.json"
    program, environment = scanner()
    run(program, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "min", "--ip", "127.0.0.1", "--add-ca", lab.roots,
        "--jsonfile", found, f"https://{NAME}:{lab.gateway}", ok=range(256), timeout=1500, env=environment)
    findings = json.loads(found.read_text())
    if len(findings) < 100:
        sys.exit(f"testssl.sh has looked at little: {findings}")
    grave = [f for f in findings if f["severity"] in GRAVE]
    for f in grave:
        print(f"{f['severity']:8} {f['id']}: {f['finding']}" + (f" ({EXCUSED[f['id'].split(' ')[0]]})"
              if f["id"].split(" ")[0] in EXCUSED else ""), flush=True)
    bad = [f for f in grave if f["id"].split(" ")[0] not in EXCUSED]
    if bad:
        sys.exit(f"testssl.sh: {len(bad)} findings of medium weight or above")
    return len(findings)


def sslscan(lab):
    text = run("sslscan", f"--sni-name={NAME}", f"127.0.0.1:{lab.gateway}", timeout=300)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    for old in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
        if not re.search(rf"{re.escape(old)}\s+disabled", plain):
            sys.exit(f"sslscan: {old} is not disabled:\n{plain}")
    for new in ("TLSv1.2", "TLSv1.3"):
        if not re.search(rf"{re.escape(new)}\s+enabled", plain):
            sys.exit(f"sslscan: {new} is not enabled:\n{plain}")
    red = [line for line in text.splitlines() if "\x1b[31m" in line and not re.search("OpenSSL version|Rebuild with", line)]
    if red:
        sys.exit("sslscan shows in red:\n" + "\n".join(red))


def main():
    backend = Backend()
    sites = [{"name": NAME, "backends": [backend.url]}]
    with SiteLab(sites, EXTRA) as lab:
        lab.start()
        lab.wait_site(NAME)
        sslscan(lab)
        print(f"testssl.sh: {testssl(lab)} findings", flush=True)
    backend.stop()


main()

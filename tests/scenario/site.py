#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""A plain web site is put on HTTPS: added to a running server, seen by curl, wget and Chromium, checked by three libraries,
taken off again; a second one is not disturbed by any of it."""

import json
import os
import pathlib
import ssl
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from chromium import Chromium  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, expect, run, verify_chain, wait_for  # noqa: E402
from sites import SITE, Backend, SiteLab  # noqa: E402

OTHER, QUANTUM = f"pacs.{DOMAIN}", f"quantum.{DOMAIN}"


def add(lab, backend):
    """From a running server without sites to HTTPS, by one command."""
    if lab.listeners()["gateway"]:
        sys.exit("the gateway listens although there is no site")
    said = lab.autarky("site", "add", SITE, "--backend", backend.url)
    expect(said, f"{SITE} added", "site add")
    wait_for("the gateway's listener", lambda: lab.listeners()["gateway"], 20)
    lab.wait_site(SITE)
    expect(lab.curl(SITE, "/hello"), "plain as ever", "curl")


def three_libraries(lab):
    for algorithm in ("ecdsa", "rsa"):
        place = lab.data / "sites" / SITE / algorithm
        for name in ("cert", "chain", "fullchain"):
            if not (place / f"{name}.pem").is_file():
                sys.exit(f"{place}/{name}.pem is missing")
        if (place / "privkey.pem").stat().st_mode & 0o177:
            sys.exit(f"{place}/privkey.pem may be read by others")
        verify_chain(lab.roots, place / "cert.pem", place / "chain.pem", place / "fullchain.pem", SITE)


def clients(lab, backend):
    port = lab.gateway
    seen = json.loads(lab.curl(SITE, "/echo", "--http1.1", "-H", "X-Forwarded-For: 6.6.6.6", "-H", "X_Forwarded_For: 6.6.6.6",
                               "-H", "Connection: X-Secret", "-H", "X-Secret: 1", "-H", "Proxy-Authorization: x"))
    headers = {name.lower(): value for name, value in seen["headers"]}
    for name, value in (("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "https"), ("host", f"{SITE}:{port}")):
        if headers.get(name) != value:
            sys.exit(f"{name} is {headers.get(name)}, not {value}: {headers}")
    for name in ("x_forwarded_for", "x-secret", "proxy-authorization"):
        if name in headers:
            sys.exit(f"{name} was passed on: {headers}")
    for version, key in ((ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA"), (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA"),
                         (ssl.TLSVersion.TLSv1_3, None)):
        context = lab.context()
        context.minimum_version = context.maximum_version = version
        if key:
            context.set_ciphers(f"{key}-AES128-GCM-SHA256")
        with lab.connect(SITE, context) as s:
            s.sendall(f"HEAD / HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n".encode())
            expect(s.recv(64).decode(), "HTTP/1.1 200", f"{version} {key}")
    if backend.counts.get("/echo") != 1:
        sys.exit(f"the backend was asked more than once: {backend.counts}")


def wget(lab):
    """wget knows no --resolve, so it gets a hosts file and a mount of its own."""
    with tempfile.TemporaryDirectory() as place:
        hosts = pathlib.Path(place) / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {SITE}\n")
        own = () if os.geteuid() == 0 else ("--user", "--map-root-user")
        said = run("/usr/bin/unshare", *own, "--mount", "/bin/sh", "-c",
                   f"mount --bind {hosts} /etc/hosts && exec /usr/bin/wget -q -O - --no-proxy "
                   f"--ca-certificate={lab.roots} {lab.url(SITE, '/hello')}")
        expect(said, "plain as ever", "wget")


def chromium(lab):
    """A browser with a profile of its own, first without the root, then with it."""
    for roots, wanted in ((None, "net::ERR_CERT_AUTHORITY_INVALID"), (lab.roots, None)):
        browser = Chromium(lab.directory, roots, f"MAP {SITE} 127.0.0.1")
        page = browser.open()
        why = page.tries(lab.url(SITE, "/hello"))
        if why != wanted:
            sys.exit(f"Chromium that trusts {roots}: {why}")
        if roots:
            expect(page.text, "plain as ever", "Chromium")
        browser.close()


def nothing_else_is_disturbed(lab, backend):
    """A connection to the first site lives through the coming and going of another one."""
    client = lab.client(SITE)
    pids = lab.processes("gateway")
    for command in (("add", OTHER, "--backend", backend.url), ("remove", OTHER)):
        lab.autarky("site", *command)
        if command[0] == "add":
            lab.wait_site(OTHER)
            expect(lab.curl(OTHER, "/hello"), "plain as ever", OTHER)
        client.request("GET", "/hello")
        if client.getresponse().read() != b"plain as ever\n":
            sys.exit(f"site {command[0]} disturbed another site")
    if lab.processes("gateway") != pids:
        sys.exit("the workers were replaced")
    try:
        lab.connect(OTHER)
    except ssl.SSLError:
        pass
    else:
        sys.exit(f"{OTHER} is still there")
    client.close()


def post_quantum(lab, backend):
    """Who knows ML-DSA and says so is shown it, and can check it with the root of it; the others see no difference."""
    lab.autarky("site", "add", QUANTUM, "--backend", backend.url, "--algorithms", "ecdsa,mldsa65")
    lab.wait_site(QUANTUM)
    seen = run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{lab.gateway}", "-servername", QUANTUM, "-verify_hostname", QUANTUM,
               "-CAfile", lab.data / "trust" / "root-mldsa.pem", "-verify_return_error", "-groups", "X25519MLKEM768",
               "-sigalgs", "mldsa65")
    for wanted in ("Verification: OK", "Peer signature type: mldsa65", "X25519MLKEM768"):
        expect(seen, wanted, "openssl")
    expect(lab.curl(QUANTUM, "/hello"), "plain as ever", "curl, which knows no ML-DSA")
    checked = json.loads(lab.autarky("site", "check", QUANTUM, "--json"))
    if ("mldsa65", "ok") not in {(c["name"], c["state"]) for c in checked["checks"]}:
        sys.exit(f"site check: {checked}")
    lab.autarky("site", "remove", QUANTUM)


def dashboard(lab):
    """The link signs in once; the page behind it has the site, its certificates and the days left."""
    link = json.loads(lab.autarky("ui", "link", "--json"))["url"]
    base, token = link.split("/ui/sign-in?")
    jar = lab.directory / "jar"
    curl = ("/usr/bin/curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", lab.roots, "-w", "%{http_code}")
    expect(run(*curl, f"{base}/ui/"), "403", "the dashboard without a session")
    expect(run(*curl, link), "<button class=\"go\">", "looking at the link")
    run(*curl, "-c", jar, "-d", token, f"{base}/ui/sign-in")
    page = run(*curl, "-b", jar, f"{base}/ui/plain")
    for wanted in (f"<td>{SITE}</td><td>rsa</td>", "<b>1</b>sites", "nothing has failed", "<td>gateway</td>", "rsa-1",
                   "<td class=\"n\">89</td>"):
        expect(page, wanted, "the dashboard")
    expect(run(*curl, "-d", token, f"{base}/ui/sign-in"), "403", "the link a second time")
    if token.partition("=")[2] in lab.log():
        sys.exit("the log has the one-time link")


def commands(lab, backend):
    checked = json.loads(run(AUTARKY, "site", "check", SITE, "--json", "--data", lab.data))
    states = {(c["name"], c["state"]) for c in checked["checks"]}
    for wanted in (("ecdsa", "ok"), ("rsa", "ok"), ("sm2", "ok"), ("backend", "ok")):
        if wanted not in states:
            sys.exit(f"site check: {checked}")
    expect(run(AUTARKY, "site", "add", SITE, "--backend", backend.url, "--data", lab.data, ok=(2,)),
           "is the name of two", "a second time")
    items = json.loads(lab.autarky("cert", "list", "--name", SITE, "--json"))["items"]
    if {i["origin"] for i in items} != {"gateway"} or len(items) != 4:
        sys.exit(f"the register: {items}")
    lab.autarky("site", "remove", SITE)
    wait_for("the end of the listener", lambda: not lab.listeners()["gateway"], 30)


def main():
    backend = Backend()
    with SiteLab() as lab:
        lab.start()
        add(lab, backend)
        three_libraries(lab)
        clients(lab, backend)
        wget(lab)
        chromium(lab)
        nothing_else_is_disturbed(lab, backend)
        post_quantum(lab, backend)
        dashboard(lab)
        commands(lab, backend)
    backend.stop()


main()

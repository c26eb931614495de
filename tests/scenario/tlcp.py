#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""A site behind TLS and TLCP on one port: its certificates of both kinds come by themselves, curl (HTTP/1.1 and HTTP/2) and Chromium
reach it through `autarky forward --tlcp`, `autarky probe --tlcp` sees what is offered, and a renewed pair is what new connections are shown."""

import hashlib
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from chromium import Chromium  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, Process, expect, run, wait_for  # noqa: E402
from sites import Backend, SiteLab, digest  # noqa: E402

NAME = "localhost"  # which has an address on every machine
TLS = f"tls.{DOMAIN}"
SIZE = 3_000_000


def probe(lab, *, ok=(0,)):
    out = run(AUTARKY, "probe", "--tlcp", f"{NAME}:{lab.gateway}", "--json", ok=ok)
    return json.loads(out) if out else {}


def serials(lab):
    return {c["use"]: c["serial"] for c in probe(lab)["certificates"]}


def curl(base, path, *options):
    return run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "60", *options,
               base + path)


def forward(lab, name, roots, *options):
    process = Process(name, lab.directory, AUTARKY, "forward", "--tlcp", "127.0.0.1:0", f"{NAME}:{lab.gateway}",
                      "--root", roots, *options)

    def listening():
        if process.popen.poll() is not None:
            sys.exit(f"forward ended:\n{process.log.read_text()}")
        return process.log.read_text().strip().startswith("127.0.0.1:")
    wait_for("forward", listening)
    return process, "http://" + process.log.read_text().split()[0]


def offered(lab):
    """What the gateway offers, by somebody who only looks."""
    seen = probe(lab)
    accepted = {s["suite"]: (s["accepted"], s["certificates"]) for s in seen["suites"]}
    if accepted != {"ECC_SM4_GCM_SM3": (True, False), "ECC_SM4_CBC_SM3": (True, False),
                    "ECDHE_SM4_GCM_SM3": (True, True), "ECDHE_SM4_CBC_SM3": (True, True)}:
        sys.exit(f"suites: {seen}")
    if seen["alpn"] != "h2":
        sys.exit(f"not h2: {seen}")
    # A ticket is every worker's, an id that of one.
    looks = [probe(lab) for _ in range(8)]
    if not all(look["tickets"] for look in looks) or not any(look["resumes"] for look in looks):
        sys.exit(f"not resumed: {looks}")
    uses = [c["use"] for c in seen["certificates"]]
    if uses != ["sign", "encrypt", "issuer"]:
        sys.exit(f"certificates: {uses}")
    said = run(AUTARKY, "probe", "--tlcp", f"{NAME}:{lab.gateway}")
    expect(said, "protocol h2\n", "probe, as text")
    print(said, flush=True)


def on_disk(lab):
    """OpenSSL has the same opinion of the two as those who made them."""
    for directory, usage in (("sm2", "Digital Signature, Non Repudiation"),
                             ("sm2-enc", "Key Encipherment, Data Encipherment, Key Agreement")):
        pair = lab.data / "sites" / NAME / directory
        text = run(OPENSSL, "x509", "-in", pair / "cert.pem", "-noout", "-text")
        expect(text, usage, "key usage")
        expect(text, "SM2-with-SM3", "signature")
        if "CA:FALSE" in text:
            sys.exit("basicConstraints, which some peers do not take when they are empty")
        if run(OPENSSL, "pkey", "-in", pair / "privkey.pem", "-pubout") != \
                run(OPENSSL, "x509", "-in", pair / "cert.pem", "-noout", "-pubkey"):
            sys.exit(f"{pair}: key and certificate do not belong together")


def carried(lab, backend, base):
    """Requests and bodies both ways, through the gateway and what stands before it."""
    header = ("-H", f"Host: {NAME}:{lab.gateway}")
    if curl(base, "/hello", *header) != curl(backend.url, "/hello"):
        sys.exit("another answer than the backend's")
    body = lab.directory / "body"
    body.write_bytes(os.urandom(SIZE))
    sha = hashlib.sha256(body.read_bytes()).hexdigest()
    for _ in range(3):
        if json.loads(curl(base, "/post", *header, "--data-binary", f"@{body}"))["sha256"] != sha:
            sys.exit("the backend got another body")
        curl(base, f"/bytes/{SIZE}", *header, "-o", body)
        if hashlib.sha256(body.read_bytes()).hexdigest() != digest(str(SIZE), SIZE):
            sys.exit("another body than the backend's")
        sha = hashlib.sha256(body.read_bytes()).hexdigest()
    # Many at once, each a connection of its own.
    run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--parallel", "--max-time", "60", *header,
        *[a for i in range(20) for a in ("-o", os.devnull, f"{base}/hello?{i}")])


def over_http2(lab, roots):
    """The program before it speaks HTTP/2, and so does the gateway behind TLCP."""
    header = ("-H", f"Host: {NAME}:{lab.gateway}", "--http2-prior-knowledge")
    process, base = forward(lab, "http2", roots, "--alpn", "h2")
    try:
        version = run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "60", *header,
                      "-o", lab.directory / "h2", "-w", "%{http_version} %{response_code}", f"{base}/bytes/{SIZE}")
        expect(version, "2 200", "HTTP/2 through TLCP")
        if hashlib.sha256((lab.directory / "h2").read_bytes()).hexdigest() != digest(str(SIZE), SIZE):
            sys.exit("another body than the backend's, over HTTP/2")
        sent = lab.directory / "sent"
        sent.write_bytes(os.urandom(SIZE))
        got = json.loads(curl(base, "/post", *header, "--data-binary", f"@{sent}"))["sha256"]
        if got != hashlib.sha256(sent.read_bytes()).hexdigest():
            sys.exit("the backend got another body, over HTTP/2")
    finally:
        process.stop()
    process, base = forward(lab, "spdy", roots, "--alpn", "spdy/3")
    try:
        run("/usr/bin/curl", "--silent", "--noproxy", "*", "--max-time", "20", base, ok=(52, 56))
        wait_for("the reason", lambda: "alert 120" in process.log.read_text() or "spdy/3" in process.log.read_text())
    finally:
        process.stop()
    run(AUTARKY, "forward", "--tlcp", "127.0.0.1:0", "--alpn", "h2 http/1.1", "--root", roots, f"{NAME}:{lab.gateway}", ok=(64,))


def in_a_browser(lab, base):
    """A page, as Chromium shows it."""
    browser = Chromium(lab.directory)
    try:
        page = browser.open()
        page.goto(base.replace("127.0.0.1", NAME) + "/hello")
        expect(page.text, "plain as ever", "the page")
        page.leave()
    finally:
        browser.close()


def refused(lab):
    """A server that is not of these roots; on the same port TLS is what it was."""
    process, base = forward(lab, "stranger", lab.roots)
    try:
        run("/usr/bin/curl", "--silent", "--noproxy", "*", "--max-time", "20", base, ok=(52, 56))
        wait_for("the reason", lambda: "does not verify" in process.log.read_text())
    finally:
        process.stop()
    context = lab.context()
    with lab.connect(TLS, context) as c:
        if c.version() != "TLSv1.3":
            sys.exit(f"TLS: {c.version()}")


def renewed(lab):
    before = serials(lab)
    lab.autarky("site", "renew", NAME)
    wait_for("another pair", lambda: all(serials(lab)[use] != before[use] for use in ("sign", "encrypt")), 60)
    lab.wait_site(NAME)
    items = json.loads(lab.autarky("cert", "list", "--json", "--limit", "100"))["items"]
    mine = [i for i in items if i["names"] == [NAME] and i["origin"] == "gateway"]
    shown = [json.loads(lab.autarky("cert", "show", i["serial"], "--json")) for i in mine]
    if len({c["logical"] for c in shown}) != 1 or len(mine) != 6:
        sys.exit(f"not one thing, or not six certificates: {shown}")


def pair_of(lab, name):
    """The options that show a client's two certificates."""
    for use in ("sign", "enc"):
        lab.autarky("cert", "issue", "--profile", f"tlcp-{use}", "--name", name, "--out", lab.directory / name / use)
    return [word for use in ("sign", "enc") for what, file in (("cert", "fullchain.pem"), ("key", "privkey.pem"))
            for word in (f"--{use}-{what}", lab.directory / name / use / file)]


def demanded(lab, roots):
    """The site demands certificates of its clients: who forwards shows those that it was given, and the backend is told whose."""
    (lab.data / "conf.d").mkdir(exist_ok=True)
    (lab.data / "conf.d" / "clients.pem").write_bytes((lab.data / "trust" / "root-sm2.pem").read_bytes())
    config = lab.data / "autarky.yaml"
    open_to_all = json.dumps(lab.sites)
    lab.sites[0].update(client_ca="clients.pem", client_headers=["names"])
    config.write_text(config.read_text().replace(open_to_all, json.dumps(lab.sites)))
    client = f"laptop.{DOMAIN}"
    (lab.directory / client).mkdir()
    pair = pair_of(lab, client)
    lab.autarky("reload")
    process, base = forward(lab, "mutual", roots, *pair)
    try:
        head = json.loads(curl(base, "/echo", "-H", f"Host: {NAME}:{lab.gateway}"))["headers"]
        names = [value for header, value in head if header.lower() == "x-client-cert-names"]
        if names != [f"DNS:{client}"]:
            sys.exit(f"the backend hears of the client: {head}")
    finally:
        process.stop()
    with_pair = json.loads(run(AUTARKY, "probe", "--tlcp", f"{NAME}:{lab.gateway}", "--json", *pair))
    accepted = [(s["suite"], s["accepted"], s["certificates"]) for s in with_pair["suites"]]
    if len(accepted) != 4 or any(not yes or asks for _, yes, asks in accepted):
        sys.exit(f"with certificates of the client: {with_pair}")
    process, base = forward(lab, "nobody", roots)
    try:
        run("/usr/bin/curl", "--silent", "--noproxy", "*", "--max-time", "20", base, ok=(52, 56))
        wait_for("the reason", lambda: "asked for certificates of its client" in process.log.read_text())
    finally:
        process.stop()
    tlcp = ("forward", "--tlcp", "127.0.0.1:0", f"{NAME}:{lab.gateway}", "--root", roots)
    for words, status, says in ((pair[:6], 64, "belong together"),
                                ([*pair[:3], pair[7], *pair[4:7], pair[3]], 2, "another certificate"),
                                ([pair[0], pair[5], pair[2], pair[7], pair[4], pair[1], pair[6], pair[3]], 2, "key usage")):
        said = run(AUTARKY, *tlcp, *words, ok=(status,))
        expect(said, says, "forward")


def main():
    backend = Backend()
    sites = [{"name": NAME, "backends": [backend.url], "algorithms": ["ecdsa", "sm2"]},
             {"name": TLS, "backends": [backend.url], "algorithms": ["ecdsa"]}]
    try:
        with SiteLab(sites) as lab:
            lab.workers = 2
            lab.configure()
            lab.start()
            lab.wait_site(NAME)
            lab.wait_site(TLS)
            wait_for("TLCP", lambda: probe(lab, ok=(0, 2)).get("suites"), 30)
            offered(lab)
            on_disk(lab)
            process, base = forward(lab, "forward", lab.data / "trust" / "roots-all.pem")
            carried(lab, backend, base)
            over_http2(lab, lab.data / "trust" / "roots-all.pem")
            in_a_browser(lab, base)
            refused(lab)
            renewed(lab)
            carried(lab, backend, base)
            process.stop()
            demanded(lab, lab.data / "trust" / "roots-all.pem")
            found = lab.autarky("site", "check", NAME, ok=(0, 2, 3))
            expect(found, "sm2", "site check")
            if "failed   sm2" in found:
                sys.exit(f"a site that demands certificates of its clients is no failure:\n{found}")
            print(found)
    finally:
        backend.stop()


if __name__ == "__main__":
    main()

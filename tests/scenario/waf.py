#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=400
"""Requests inspected by libmodsecurity3 and Debian's OWASP core rule set: attacks in heads and bodies, over HTTP/1.1, HTTP/2 and in
chunks, are refused where the site blocks and only told of where it detects; what is harmless passes, whole, as do uploads beyond what
is inspected and WebSocket; a site without it notices nothing. Inspectors and their process are killed under load; rules are exchanged
by reloads, and broken ones refused; a rule that takes for ever is the trouble of its own site."""

import asyncio
import http.client
import json
import os
import pathlib
import signal
import ssl
import sys
import threading
import time

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, expect, run, wait_for  # noqa: E402
from sites import Backend, SiteLab, digest, stream  # noqa: E402

LIBRARY, RULES = pathlib.Path("/usr/lib/x86_64-linux-gnu/libmodsecurity.so.3"), pathlib.Path("/usr/share/modsecurity-crs/rules")
BLOCK, DETECT, PLAIN, SOCKETS = "localhost", f"detect.{DOMAIN}", f"plain.{DOMAIN}", f"sockets.{DOMAIN}"
LIMIT = 128 * 1024
OWN = "SecRule ARGS:word \"@streq {}\" \"id:1001,phase:2,deny,status:406,log,msg:'a word of ours'\"\n"
# Backtracks until PCRE gives up, for each argument anew.
SLOW = "SecRule ARGS \"@rx ^(?:(?:a|aa)+)+$\" \"id:1002,phase:2,pass,log,msg:'slow'\"\n"


def status(lab, name, path, *options):
    return int(lab.curl(name, path, "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", *options, ok=(0, 22))[-3:])


def wants(lab, what, wanted, name, path, *options):
    got = status(lab, name, path, *options)
    if got != wanted:
        sys.exit(f"{what} at {name}: {got}, not {wanted}")


def logged(lab, text):
    wait_for(f"\"{text}\" in the log", lambda: text in lab.log(), 20)


def lines(lab):
    path = lab.data / "access" / "access.jsonl"
    return [json.loads(line) for line in path.read_text("ascii").splitlines()] if path.is_file() else []


def line_of(lab, path):
    found = []

    def there():
        found[:] = [line for line in lines(lab) if line.get("path") == path]
        return found
    wait_for(f"a line about {path}", there, 20)
    return found[-1]


ATTACKS = {
    "SQL injection": ("/a/sql?id=1%27%20OR%201%3D1--%20-", "942100"),
    "XSS": ("/a/xss?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E", "941100"),
    "path traversal": ("/a/path?file=../../../../etc/passwd", "930100"),
}
BODIES = {
    "a form": ("application/x-www-form-urlencoded", "name=x&id=1%27%20OR%201%3D1--%20-"),
    "JSON": ("application/json", json.dumps({"a": {"b": ["x", "1' OR 1=1-- -"]}})),
    "a multipart form": ("multipart/form-data; boundary=xxBxx",
                         "--xxBxx\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n1' OR 1=1-- -\r\n--xxBxx--\r\n"),
}
PROTOCOLS = {"HTTP/1.1": ("--http1.1",), "HTTP/2": ("--http2",),
             "chunks": ("--http1.1", "-H", "Transfer-Encoding: chunked")}


def heads(lab):
    for what, (path, rule) in ATTACKS.items():
        for protocol in ("--http1.1", "--http2"):
            wants(lab, what, 403, BLOCK, path, protocol)
            wants(lab, what, 200, DETECT, path, protocol)
            wants(lab, what, 200, PLAIN, path, protocol)
        line = line_of(lab, path.split("?")[0])
        wait_for(f"the rule that found {what}, in the access log", lambda rule=rule: rule in json.dumps(lines(lab)))
        if "waf" in line and line["waf"] not in ("block", "detect"):
            sys.exit(f"a verdict: {line}")
    wants(lab, "a scanner", 403, BLOCK, "/a/scanner", "-A", "sqlmap/1.7")
    wants(lab, "a scanner", 200, DETECT, "/a/scanner", "-A", "sqlmap/1.7")
    by_site = {line["site"]: line for line in lines(lab) if line["path"] == "/a/sql"}
    if (by_site[BLOCK]["waf"], by_site[DETECT]["waf"], "waf" in by_site[PLAIN]) != ("block", "detect", False):
        sys.exit(f"verdicts: {by_site}")
    if by_site[BLOCK]["waf_score"] < 5 or by_site[BLOCK]["reason"] != "gateway.inspect-blocked":
        sys.exit(f"the score: {by_site}")
    page = lab.curl(BLOCK, "/a/sql?id=1%27%20OR%201%3D1--%20-", "--no-fail", "-H", "Accept: text/html")
    expect(page, "looks like an attack", "the page")
    ids = [line["request_id"] for line in lines(lab)]
    if not any(one in page for one in ids):
        wait_for("its line", lambda: any(line["request_id"] in page for line in lines(lab)), 20)
    logged(lab, "gateway.inspected")


def bodies(lab):
    for what, (kind, body) in BODIES.items():
        for protocol, options in PROTOCOLS.items():
            for name, wanted in ((BLOCK, 403), (DETECT, 200), (PLAIN, 200)):
                wants(lab, f"{what}, {protocol}", wanted, name, "/body", *options, "-H", f"Content-Type: {kind}", "--data-binary", body)
    # A client that waits before it sends.
    wants(lab, "100-continue", 403, BLOCK, "/body", "--http1.1", "-H", "Expect: 100-continue", "--data", BODIES["a form"][1])
    wants(lab, "100-continue, harmless", 200, BLOCK, "/body", "--http1.1", "-H", "Expect: 100-continue", "--data", "name=x")


def broken(lab):
    """What cannot be taken apart is refused: a backend may be more lenient than the rules."""
    attack = "1' OR 1=1-- -"
    for what, kind, body in (
            ("JSON with other quotation marks", "application/json", "{'id':\"%s\"}" % attack),
            ("JSON behind a comment", "application/json", "/**/{\"id\":\"%s\"}" % attack),
            ("XML that does not end", "text/xml", "<a><b>%s</b>" % attack),
            ("a form with another boundary", "multipart/form-data; boundary=xxBxx",
             f"--yyByy\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n{attack}\r\n--yyByy--\r\n")):
        options = ("-H", f"Content-Type: {kind}", "--data-binary", body)
        wants(lab, what, 400, BLOCK, "/broken", *options)
        wants(lab, what, 200, DETECT, "/broken", *options)
    for kind in ("application/json", "text/xml", "multipart/form-data; boundary=xxBxx"):
        wants(lab, f"no body, of the type {kind}", 200, BLOCK, "/page", "-H", f"Content-Type: {kind}")
    wants(lab, "JSON", 200, BLOCK, "/form", "-H", "Content-Type: application/json", "--data", "[1, {\"a\": null}]")
    wants(lab, "XML", 200, BLOCK, "/form", "-H", "Content-Type: text/xml", "--data", "<?xml version=\"1.0\"?><a b='c'>d</a>")


def harmless(lab):
    for protocol in ("--http1.1", "--http2"):
        wants(lab, "a page", 200, BLOCK, "/page?q=hello+world&n=3", protocol)
        wants(lab, "HEAD", 200, BLOCK, "/page", protocol, "-I")
        wants(lab, "a form", 200, BLOCK, "/form", protocol, "--data", "name=Mary+Smith&city=K%C3%B6ln")
        wants(lab, "an empty body", 200, BLOCK, "/form", protocol, "-X", "POST", "-H", "Content-Length: 0")
    for size in (0, 1, 1000, LIMIT - 1, LIMIT, LIMIT + 1, 3_000_000):
        path = lab.directory / "upload"
        path.write_bytes(b"".join(stream(size, size)))
        for protocol, options in PROTOCOLS.items():
            if size == 0 and protocol == "chunks":
                continue  # curl never ends such a body
            got = json.loads(lab.curl(BLOCK, "/up", *options, "-H", "Content-Type: multipart/related", "-T", path, "-X", "POST"))
            if got != {"sha256": digest(size, size), "size": size}:
                sys.exit(f"{size} bytes, {protocol}: {got}")
        if size:
            got = json.loads(lab.curl(BLOCK, "/up", "-F", f"file=@{path};type=image/png", "-F", "name=x"))
            if got["size"] <= size:
                sys.exit(f"a form with a file of {size} bytes: {got}")
    # One whose beginning is an attack, with megabytes behind it.
    attack = lab.directory / "attack"
    attack.write_bytes(b"id=1%27%20OR%201%3D1--%20-&rest=" + b"x" * 2_000_000)
    for protocol, options in PROTOCOLS.items():
        wants(lab, f"an attack before an upload, {protocol}", 403, BLOCK, "/up", *options, "--data-binary", f"@{attack}")
    # Of JSON that is cut, what was read counts.
    attack.write_text(json.dumps({"x": "1' OR 1=1-- -", "rest": "y" * 300_000}))
    wants(lab, "an attack before much JSON", 403, BLOCK, "/up", "-H", "Content-Type: application/json", "--data-binary", f"@{attack}")
    attack.write_text(json.dumps({"x": "Mary", "rest": "y" * 300_000}))
    wants(lab, "much JSON", 200, BLOCK, "/up", "-H", "Content-Type: application/json", "--data-binary", f"@{attack}")
    # Several requests on one connection, with bodies and without.
    client = lab.client(BLOCK)
    for i in range(20):
        client.request("POST" if i % 2 else "GET", f"/form/{i}", body=b"a=b" if i % 2 else None,
                       headers={"Content-Type": "application/x-www-form-urlencoded"} if i % 2 else {})
        answer = client.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"request {i} of a connection: {answer.status}")
    client.close()


async def echo(socket, _):
    async for message in socket:
        await socket.send(message)


class Sockets:
    def __init__(self):
        self.loop, self.ready = asyncio.new_event_loop(), threading.Event()
        threading.Thread(target=self.run, daemon=True).start()
        self.ready.wait(30)

    def run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(websockets.serve(echo, "127.0.0.1", 0, max_size=None))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()


async def talk(lab, path):
    context = ssl.create_default_context(cafile=str(lab.roots))
    async with websockets.connect(f"wss://{SOCKETS}{path}", ssl=context, host="127.0.0.1", port=lab.gateway, server_hostname=SOCKETS,
                                  max_size=None, user_agent_header="Mozilla/5.0") as socket:
        for message in (b"x" * 300_000, "1' OR 1=1-- -"):
            await socket.send(message)
            if await socket.recv() != message:
                sys.exit("WebSocket: another message came back")


def websocket(lab):
    asyncio.run(talk(lab, "/chat"))
    try:
        asyncio.run(talk(lab, "/chat?id=1%27%20OR%201%3D1--%20-"))
        sys.exit("WebSocket: an attack in the head was let in")
    except websockets.exceptions.InvalidStatusCode as error:
        if error.status_code != 403:
            sys.exit(f"WebSocket: {error.status_code}")


class Load(threading.Thread):
    """Harmless requests on a connection of its own, one after the other, until told: statuses, and how long the slowest took."""

    def __init__(self, lab, name, path="/load?q=hello"):
        super().__init__(daemon=True)
        self.lab, self.name, self.path = lab, name, path
        self.over, self.counts, self.slowest = threading.Event(), {}, 0

    def run(self):
        client = None
        while not self.over.is_set():
            began = time.monotonic()
            try:
                client = client or self.lab.client(self.name)
                client.request("GET", self.path, headers={"User-Agent": "Mozilla/5.0", "Accept": "*/*"})
                answer = client.getresponse()
                answer.read()
                what = answer.status
            except (OSError, http.client.HTTPException) as error:
                what, client = repr(error), None
            self.counts[what] = self.counts.get(what, 0) + 1
            self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join(60)


def children(pid):
    return [int(p) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for p in (task / "children").read_text().split()]


def inspectors(lab):
    waf, = lab.processes("waf")
    nursery, = children(waf)
    return children(nursery)


def killed(lab):
    """Inspectors, then all of it; the site that passes what cannot be inspected passes all, the one that blocks has 503 meanwhile."""
    for pid in inspectors(lab):
        most = next(x for x in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if x.startswith("Max processes"))
        if most.split()[2:4] != ["0", "0"]:
            sys.exit(f"an inspector may make processes: {most}")
    with Load(lab, BLOCK) as block, Load(lab, DETECT) as detect, Load(lab, PLAIN) as plain:
        time.sleep(1)
        for _ in range(3):
            os.kill(inspectors(lab)[0], signal.SIGKILL)
            time.sleep(0.5)
        for _ in range(2):
            before, = lab.processes("waf")
            workers = sorted(lab.processes("gateway"))
            os.kill(before, signal.SIGKILL)
            wait_for("another one", lambda: lab.processes("waf") not in ([], [0], [before]) and
                     "ready" in {p["state"] for p in json.loads(lab.autarky("status", "--json"))["processes"] if p["role"] == "waf"}, 60)
            if sorted(lab.processes("gateway")) != workers:
                sys.exit("a worker of the gateway went with it")
        time.sleep(1)
    for load, allowed in ((block, {200, 503}), (detect, {200}), (plain, {200})):
        print(f"killed: {load.name}: {load.counts}, slowest {load.slowest:.2f} s")
        if not set(load.counts) <= allowed or load.counts[200] < 10:
            sys.exit(f"{load.name}: {load.counts}")
    wants(lab, "an attack afterwards", 403, BLOCK, ATTACKS["XSS"][0])


def configure(lab, waf):
    path = lab.data / "autarky.yaml"
    text = [line for line in path.read_text().splitlines(True) if not line.startswith("  waf: {")]
    path.write_text("".join(text) + f"  waf: {{{waf}}}\n")


def reloads(lab):
    rules = lab.data / "waf" / "own.conf"
    rules.write_text(OWN.format("first"))
    configure(lab, "rules: waf/own.conf, timeout: 1s, processes: 2")
    lab.autarky("reload")
    wants(lab, "a word", 406, BLOCK, "/?word=first")
    wants(lab, "what the other rules refused", 200, BLOCK, ATTACKS["XSS"][0])
    with Load(lab, BLOCK) as load:
        rules.write_text(OWN.format("second") + "SecRuule ARGS x\n")
        refused = lab.autarky("reload", ok=(2,))
        for part in ("own.conf", "Line: 2", "SecRuule"):
            expect(refused, part, "why a reload is refused")
        checked = lab.autarky("config", "check", ok=(2,))
        for part in ("own.conf", "Line: 2", "SecRuule"):
            expect(checked, part, "what config check says")
        wants(lab, "the word as before", 406, BLOCK, "/?word=first")
        wants(lab, "another word", 200, BLOCK, "/?word=second")
        for _ in range(3):
            rules.write_text(OWN.format("second") + SLOW)
            lab.autarky("config", "check")
            lab.autarky("reload")
        wants(lab, "the word no more", 200, BLOCK, "/?word=first")
        wants(lab, "the new word", 406, BLOCK, "/?word=second")
    if set(load.counts) != {200} or load.counts[200] < 10:
        sys.exit(f"during reloads: {load.counts}")
    configure(lab, "rules: /tmp/rules.conf")
    expect(lab.autarky("config", "check", ok=(2,)), "/etc/modsecurity", "where rules may be")
    configure(lab, "rules: waf/missing.conf")
    expect(lab.autarky("reload", ok=(2,)), "missing.conf", "rules that are not there")
    configure(lab, "rules: waf/own.conf, timeout: 1s, processes: 2")
    lab.autarky("reload")


def slow(lab):
    """One site's requests each take all of their time, many at once; the others' do not."""
    path = "/slow?" + "&".join(f"slow{i}=" + "a" * 60 + "!" for i in range(60))
    with Load(lab, BLOCK, path) as one, Load(lab, BLOCK, path) as two, Load(lab, BLOCK, path) as three:
        time.sleep(0.5)
        with Load(lab, DETECT) as detect, Load(lab, PLAIN) as plain:
            time.sleep(6)
    for load in (one, two, three, detect, plain):
        print(f"slow: {load.name}{load.path[:12]}: {load.counts}, slowest {load.slowest:.2f} s")
    for load in (one, two, three):
        if set(load.counts) != {503}:
            sys.exit(f"the slow site: {load.counts}")
    for load in (detect, plain):
        if set(load.counts) != {200} or load.counts[200] < 20:
            sys.exit(f"{load.name} beside a slow site: {load.counts}")
    missed = [line for line in lines(lab) if line.get("site") == DETECT and line["path"] == "/load" and line.get("waf") == "unavailable"]
    print(f"slow: {len(missed)} of the other site's requests not inspected since the start")
    configure(lab, "rules: waf/own.conf, timeout: 1s, processes: 2, unavailable: pass")
    lab.autarky("reload")
    wants(lab, "passed uninspected", 200, BLOCK, path)
    wants(lab, "a word", 406, BLOCK, "/?word=second")


def switched_off(lab):
    text = (lab.data / "autarky.yaml").read_text()
    (lab.data / "autarky.yaml").write_text(text.replace('"waf": "block"', '"waf": "off"').replace('"waf": "detect"', '"waf": "off"'))
    lab.autarky("reload")
    wait_for("its end", lambda: not lab.processes("waf"), 30)
    wants(lab, "a word", 200, BLOCK, "/?word=second")
    broken = lab.data / "waf" / "own.conf"
    broken.write_text("SecNothing\n")
    (lab.data / "autarky.yaml").write_text(text)
    expect(lab.autarky("reload", ok=(2,)), "SecNothing", "a reload that would begin with broken rules")
    broken.write_text(OWN.format("third"))
    lab.autarky("reload")
    wait_for("rules", lambda: status(lab, BLOCK, "/?word=third") == 406, 30)


def main():
    if not RULES.is_dir():
        print("there is no OWASP core rule set here")
        sys.exit(77)
    backend, sockets = Backend(), Sockets()
    sites = [{"name": name, "backends": [backend.url], "algorithms": ["ecdsa"], "waf": waf}
             for name, waf in ((BLOCK, "block"), (DETECT, "detect"), (PLAIN, "off"))]
    sites.append({"name": SOCKETS, "backends": [f"http://127.0.0.1:{sockets.port}"], "algorithms": ["ecdsa"], "waf": "block"})
    with SiteLab(sites, "  access_log: {format: json}\n  waf: {timeout: 20s}\n") as lab:
        lab.start()
        for site in sites:
            lab.wait_site(site["name"])
        for step in (heads, bodies, broken, harmless, websocket, killed, reloads, slow, switched_off):
            began = time.monotonic()
            step(lab)
            print(f"{step.__name__}: {time.monotonic() - began:.1f} s")
        for secret in ("document.cookie", "OR 1=1", "Mary"):
            if secret in lab.log():
                sys.exit(f"{secret} of a request is in the log")
    backend.stop()


main()

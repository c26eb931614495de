#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""The inventory: nginx, Postfix, OpenSSL's server and the gateway are scanned into it, and each is what it is: current, foreign,
superseded; one is changed, and its history tells; one is revoked and served all the same. What a stranger writes into a certificate
reaches no terminal and no spreadsheet as it is. A scan that was killed is gone on with, one whose server is away waits for it."""

import contextlib
import csv
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, OPENSSL, Process, expect, run, steady_port, wait_for  # noqa: E402
from services import ROOT, Nginx, Postfix, listens  # noqa: E402
from sites import Backend, SiteLab  # noqa: E402

NAME = "wiki.hospital.example"
HOSTILE = '=cmd("x")\u001b[31m\u202egnp.exe'
SPARSE = 200  # addresses with nobody at most of them


def inventory(lab, *options):
    found, cursor = {}, ()
    while cursor is not None:
        page = json.loads(lab.autarky("inventory", "list", "--json", "--limit", "3", *options, *cursor))
        for item in page["items"]:
            if item["endpoint"] in found:
                sys.exit(f"twice: {item['endpoint']}")
            found[item["endpoint"]] = item
        cursor = ("--cursor", page["next"]) if page["next"] else None
    return found


def verdicts(lab, endpoint):
    return set(json.loads(lab.autarky("inventory", "show", endpoint, "--json"))["verdicts"])


def history(lab, endpoint):
    return json.loads(lab.autarky("inventory", "history", endpoint, "--json"))["changes"]


def be(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got}, not {wanted}")


def issue(lab, name):
    out = lab.directory / f"cert-{name}"
    lab.autarky("cert", "issue", "--name", name, "--key", "rsa2048", "--out", out, "--force")
    return str(out / "fullchain.pem"), str(out / "privkey.pem")


def serial_of(path):
    return run(OPENSSL, "x509", "-in", path, "-noout", "-serial").strip().split("=")[1]


def foreign(lab):
    """Signed by itself, with a name that attacks whoever shows it."""
    conf = lab.directory / "openssl.cnf"
    conf.write_text("[req]\ndistinguished_name = dn\nstring_mask = utf8only\n[dn]\n")
    cert, key = lab.directory / "foreign.pem", lab.directory / "foreign.key"
    run(OPENSSL, "req", "-x509", "-utf8", "-config", conf, "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "30",
        "-subj", f"/CN={HOSTILE}", "-addext", f"subjectAltName=DNS:=1+1.example,DNS:{NAME}", env={**os.environ, "OPENSSL_CONF": str(conf)})
    return str(cert), str(key)


def strangers_words(lab, at):
    for options in (("list",), ("show", at), ("list", "--csv"), ("history", at)):
        said = lab.autarky("inventory", *options)
        if "\x1b" in said or "\u202e" in said:
            sys.exit(f"a stranger's marks in `inventory {options[0]}`: {said!r}")
    rows = list(csv.DictReader(io.StringIO(lab.autarky("inventory", "list", "--csv"))))
    if len(rows) != len(inventory(lab)):
        sys.exit(f"{len(rows)} rows of {len(inventory(lab))}")
    row = next(r for r in rows if r["endpoint"] == at)
    if "1B" not in row["subject"] or "'=1+1" not in row["names"] or any(cell[:1] in "=+-@" for r in rows for cell in r.values() if cell):
        sys.exit(f"a formula: {row}")


def prometheus(lab, port, other):
    """The same by what a Prometheus asks its blackbox exporter for, as its own tool takes it."""
    conf, files, out = (lab.directory / name for name in ("prometheus.yml", "targets.json", "prometheus.jsonl"))
    files.write_text(json.dumps([{"targets": [f"127.0.0.1:{other}"], "labels": {"team": "web"}}]))
    conf.write_text(f"""scrape_configs:
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:9100"]}}]
  - job_name: web
    metrics_path: /probe
    params: {{module: [http_2xx]}}
    static_configs:
      - targets: ["https://127.0.0.1:{port}/login", "http://127.0.0.1:{other}/"]
    file_sd_configs: [{{files: ["{files}"]}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{target_label: __address__, replacement: "127.0.0.1:9115"}}
""")
    run("/usr/bin/promtool", "check", "config", conf)
    said = lab.autarky("scan", f"@prometheus:{conf}", f"@prometheus:{files}", "--out", out)
    for word in ("job node: it asks no blackbox exporter", "is asked without TLS", "job web: it has targets in files of their own"):
        expect(said, word, "what is left out")
    be("by a Prometheus", {json.loads(line)["endpoint"] for line in out.read_text().splitlines()},
       {f"127.0.0.1:{port}", f"127.0.0.1:{other}"})


def owners(lab, at, other):
    item = inventory(lab, "--owner", "web-team")
    be("by rule", {e: i["owner_from"] for e, i in item.items()}, {at: "rule"})
    lab.autarky("inventory", "owner", at, "--owner", "PACS team", "--service", "pacs", "--reason", "INC-7")
    shown = json.loads(lab.autarky("inventory", "show", at, "--json"))
    be("by hand", (shown["owner"], shown["service"], shown["owner_from"]), ("PACS team", "pacs", "hand"))
    be("in the history", history(lab, at)[0]["new"], "PACS team")
    lab.autarky("inventory", "owner", at)
    be("taken back", set(inventory(lab, "--owner", "web-team")), {at})
    said = lab.autarky("inventory", "owner", "10.9.9.9:443", "--owner", "x", ok=(2,))
    expect(said, "has no endpoint", "an endpoint that is not there")
    out = lab.directory / "trail"
    lab.autarky("audit", "export", "--out", out)
    trail = "".join(p.read_text() for p in sorted(out.glob("records-*")))
    be("in the trail", trail.count('"endpoint.assigned"'), 2)
    be("another network", inventory(lab, "--network", "10.0.0.0/8"), {})
    if other not in inventory(lab, "--network", "127.0.0.0/8", "--verdict", "foreign,expired"):
        sys.exit("by network and verdict")


def superseded(lab, stack, scan):
    """What the gateway served is elsewhere, too, and stays there when it is renewed."""
    copy = lab.directory / "copy"
    shutil.copytree(lab.data / "sites/localhost/ecdsa", copy)
    old = serial_of(copy / "cert.pem")
    nginx = stack.enter_context(Nginx(lab.directory, [(str(copy / "fullchain.pem"), str(copy / "privkey.pem"))], name="elsewhere"))
    at, gate = f"127.0.0.1:{nginx.port}/localhost", f"127.0.0.1:{lab.gateway}/localhost"
    scan(at, gate)
    be("a copy", verdicts(lab, at), {"ours", "current"})
    lab.autarky("site", "renew", "localhost")
    wait_for("the new one", lambda: serial_of(lab.data / "sites/localhost/ecdsa/cert.pem") != old, 60)
    be("the copy is now", verdicts(lab, at), {"ours", "superseded"})
    wait_for("the gateway to serve it", lambda: scan(gate) and verdicts(lab, gate) == {"ours", "current"}, 60)
    if [c["what"] for c in history(lab, gate)] != ["certificate", "appeared"]:
        sys.exit(f"the gateway's history: {history(lab, gate)}")


def killed(lab):
    """Killed with SIGKILL, then gone on with; what it had told stays."""
    listeners = [f"127.0.5.{i}" for i in range(0, SPARSE, 20)]
    port = steady_port()
    helper = "import socket, time\nl = []\n" + "".join(
        f"s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('{a}', {port})); s.listen(); l.append(s)\n"
        for a in listeners) + "print('ready', flush=True)\n[s.setblocking(False) for s in l]\n" + (
            "while True:\n for s in l:\n  try:\n   c, _ = s.accept(); c.send(b'SSH-2.0-x\\r\\n'); c.close()\n  except OSError: time.sleep(.002)\n")
    servers = Process("banners", lab.directory, sys.executable, "-c", helper)
    wait_for("the banners", lambda: "ready" in servers.log.read_text())
    command = ["scan", f"127.0.5.0/25:{port}", f"127.0.5.128/26:{port}", "--rate", "10", "--at-once", "10", "--timeout", "5s", "--data", str(lab.data)]
    there = ("--network", "127.0.5.0/24")
    try:
        process = Process("scan", lab.directory, AUTARKY, *command)
        wait_for("something found", lambda: inventory(lab, *there) or process.popen.poll() is not None, 60)
        if process.popen.poll() is not None:
            sys.exit(f"too fast to be killed: {process.log.read_text()}")
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait()
        told = set(inventory(lab, *there))
        other = subprocess.Popen([AUTARKY, *command, "--json"], stdout=subprocess.PIPE, text=True)
        wait_for("it to go on", lambda: other.poll() is not None or len(inventory(lab, *there)) > len(told), 60)
        lab.stop()  # in the middle of it
        lab.start()
        done = json.loads(other.communicate(timeout=120)[0])
        be("it goes on", (other.returncode, done["resumed"]), (0, True))
    finally:
        servers.stop()
    wanted = {f"{a}:{port}" for a in listeners if int(a.split(".")[3]) < 192}
    be("all of them", set(inventory(lab, "--network", "127.0.5.0/24")), wanted)
    be("their history", {len(history(lab, e)) for e in wanted}, {1})
    be("what is left over", list((lab.data / "scans").iterdir()), [])


def unprivileged(lab, at):
    """As packaging/autarky-scan@.service does it: root's, without root's capabilities."""
    unit = (pathlib.Path(os.environ["AUTARKY_ROOT"]) / "packaging/autarky-scan@.service").read_text()
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart=")).split("=", 1)[1].split()
    be("what the unit runs", (command[0], command[2], command[-1]), ("/usr/bin/autarky", "@/etc/autarky/scan/%i", "$OPTIONS"))
    targets = lab.directory / "targets"
    targets.write_text(f"# the wiki\n{at}\n")
    given = {"@/etc/autarky/scan/%i": f"@{targets}", "/var/lib/autarky": str(lab.data), "/usr/bin/autarky": AUTARKY, "$OPTIONS": "--quick"}
    before = json.loads(lab.autarky("inventory", "show", at, "--json"))
    bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs") if ROOT else ()
    run(*bare, *(given.get(word, word) for word in command))
    after = json.loads(lab.autarky("inventory", "show", at, "--json"))
    if after["last_seen"] <= before["last_seen"] or after["versions"] != before["versions"]:
        sys.exit(f"by the unit's command: {before} {after}")


def main():
    backend, port, strange = Backend(), steady_port(), steady_port()
    extra = f"inventory:\n  owners:\n    - {{networks: [127.0.0.0/8], ports: [{port}], owner: web-team, service: wiki}}\n"
    sites = [{"name": "localhost", "backends": [backend.url], "algorithms": ["ecdsa", "sm2"]}]
    with contextlib.ExitStack() as stack:
        stack.callback(backend.stop)
        lab = stack.enter_context(SiteLab(sites, extra=extra))
        lab.directory.chmod(0o755)
        said = lab.autarky("scan", f"127.0.0.1:{port}", ok=(2,))
        expect(said, "no server answers", "a scan without --out and without a server")
        lab.start()
        lab.wait_site("localhost")

        def scan(*targets):
            done = subprocess.run([AUTARKY, "scan", *targets, "--json", "--data", str(lab.data)], stdout=subprocess.PIPE, check=True,
                                  timeout=120)
            return json.loads(done.stdout)

        pair = issue(lab, NAME)
        nginx = stack.enter_context(Nginx(lab.directory, [pair], port=port))
        at, stranger = f"127.0.0.1:{nginx.port}/{NAME}", f"127.0.0.1:{strange}/{NAME}"
        cert, key = foreign(lab)
        server = Process("s_server", lab.directory, OPENSSL, "s_server", "-accept", f"127.0.0.1:{strange}", "-cert", cert, "-key", key, "-www")
        stack.callback(server.stop)
        wait_for("s_server", lambda: listens(strange))
        gate = f"127.0.0.1:{lab.gateway}/localhost"
        wanted = {at: {"ours", "current"}, stranger: {"foreign"}, gate: {"ours", "current"}, f"tlcp:{gate}": {"ours", "current"}}
        targets = [at, stranger, gate]
        if ROOT:
            mail = issue(lab, "mail.hospital.example")
            postfix = stack.enter_context(Postfix(lab.directory, *mail))
            targets.append(f"smtp:127.0.0.1:{postfix.port}/mail.hospital.example")
            wanted[targets[-1]] = {"ours", "current"}
        for _ in range(2):
            scan(*targets)
            be("what is there", {e: set(i["verdicts"]) - {"weak"} for e, i in inventory(lab).items()}, wanted)
        be("nothing has changed", {len(history(lab, e)) for e in wanted}, {1})
        strangers_words(lab, stranger)
        owners(lab, at, stranger)

        # Orphans: what was issued and is nowhere.
        issue(lab, "nowhere.hospital.example")
        orphans = [i["names"] for i in json.loads(lab.autarky("inventory", "orphans", "--json"))["items"]]
        if ["nowhere.hospital.example"] not in orphans or [NAME] in orphans:
            sys.exit(f"orphans: {orphans}")

        # Revoked, and served all the same: known at once, without another scan.
        lab.autarky("cert", "revoke", serial_of(pair[0]), "--reason", "superseded")
        be("revoked", verdicts(lab, at), {"ours", "revoked"})
        be("all that are", set(inventory(lab, "--verdict", "revoked")), {at})

        # Another certificate at the same place.
        nginx.stop()
        stack.enter_context(Nginx(lab.directory, [issue(lab, NAME)], port=port, name="again"))
        scan(at)
        be("another one", verdicts(lab, at), {"ours", "current"})
        change = history(lab, at)[0]
        be("the last change", (change["what"], len(change["old"]), len(change["new"])), ("certificate", 64, 64))

        # From a file, as often as one likes.
        out = lab.directory / "carried.jsonl"
        lab.autarky("scan", at, stranger, "--out", out)
        before = inventory(lab)
        for _ in range(2):
            lab.autarky("inventory", "import", out)
        be("what was imported", {e: i["changed"] for e, i in inventory(lab).items()}, {e: i["changed"] for e, i in before.items()})
        prometheus(lab, port, strange)
        # Many at once: more than one delivery.
        record = json.loads(out.read_text().splitlines()[0])
        many = [{**record, "endpoint": f"10.77.{i // 250}.{i % 250}:443", "address": f"10.77.{i // 250}.{i % 250}"} for i in range(700)]
        (lab.directory / "many.jsonl").write_text("".join(json.dumps(r) + "\n" for r in many))
        lab.autarky("inventory", "import", lab.directory / "many.jsonl")
        rows = lab.autarky("inventory", "list", "--csv", "--network", "10.77.0.0/16", "--limit", "300").count("\n")
        be("many, and their head", rows, 701)
        (lab.directory / "wrong.jsonl").write_text('{"endpoint":"x"}\n')
        expect(lab.autarky("inventory", "import", lab.directory / "wrong.jsonl", ok=(2,)), "records are what", "a wrong file")

        time.sleep(1)
        unprivileged(lab, at)
        superseded(lab, stack, scan)
        killed(lab)


if __name__ == "__main__":
    main()

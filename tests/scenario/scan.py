#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""`autarky scan` over 10,000 endpoints of which all is known: none is missed and none misjudged; killed and gone on with, each
is there once; nginx, Postfix, OpenSSL's own server and a gateway with TLCP show what they offer."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, OPENSSL, Process, expect, run, steady_port, wait_for  # noqa: E402
from services import ROOT, Nginx, Postfix, listens  # noqa: E402
from sites import Backend, SiteLab  # noqa: E402

N = 10_000
NAME = "wiki.hospital.example"
HELPER = pathlib.Path(__file__).resolve().parent.parent / "lib/endpoints.py"
OLD = {"ciphers": "ALL:@SECLEVEL=0"}
# What each shows, and what has to be said of it.
VERDICTS = {
    "good": {"ours"},
    "expired": {"ours", "expired"},
    "early": {"ours", "early"},
    "foreign": {"foreign"},
    "short": {"ours", "weak"},
    "sha1": {"foreign", "weak"},  # a signature over SHA-1 proves nothing
    "old": {"ours", "weak"},
    "other": {"ours", "mismatched"},
    "worst": {"foreign", "expired", "weak", "mismatched"},
}
KINDS = [*VERDICTS, "plain", "nobody"]


class Pki:
    """Two authorities and what they have signed, by OpenSSL."""

    def __init__(self, directory):
        self.directory = directory
        self.conf = directory / "openssl.cnf"
        self.conf.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        for root in ("ours", "theirs"):
            self.openssl("req", "-x509", "-config", self.conf, "-newkey", "rsa:2048", "-nodes", "-keyout", self.path(root, "key"),
                         "-out", self.path(root), "-days", "1000", "-subj", "/CN=Root", "-addext",
                         "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def path(self, name, what="pem"):
        return self.directory / f"{name}.{what}"

    def openssl(self, *args):
        return run(OPENSSL, *args, env={**os.environ, "OPENSSL_CONF": str(self.conf)})

    def issue(self, name, root="ours", dns=NAME, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), days=(-1, 90), digest="-sha256"):
        self.openssl("req", "-new", "-config", self.conf, "-newkey", *key, "-nodes", "-keyout", self.path(name, "key"), "-out",
                     self.path(name, "csr"), "-subj", f"/CN={name}")
        self.path(name, "ext").write_text(f"subjectAltName = DNS:{dns}\n")
        first, last = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + d * 86400)) for d in days)
        self.openssl("x509", "-req", "-in", self.path(name, "csr"), "-CA", self.path(root), "-CAkey", self.path(root, "key"),
                     "-extfile", self.path(name, "ext"), digest, "-not_before", first, "-not_after", last, "-out", self.path(name))
        return {"cert": str(self.path(name)), "key": str(self.path(name, "key"))}


def kinds_of(pki):
    short = ("rsa:1024",)
    return {
        "good": pki.issue("good"),
        "expired": pki.issue("expired", days=(-90, -1)),
        "early": pki.issue("early", days=(1, 90)),
        "foreign": pki.issue("foreign", "theirs"),
        "short": {**pki.issue("short", key=short), **OLD},
        "sha1": {**pki.issue("sha1", digest="-sha1"), **OLD},
        "old": {**pki.issue("old"), **OLD, "min": "TLSv1", "max": "TLSv1_1"},
        "other": pki.issue("other", dns="other.example"),
        "worst": {**pki.issue("worst", "theirs", "other.example", short, (-90, -1), "-sha1"), **OLD},
        "plain": {"plain": "SSH-2.0-OpenSSH_9.2\r\n"},
        "narrow": {**pki.issue("narrow"), "curve": "prime256v1", "min": "TLSv1_3"},
        "wide": {**pki.issue("wide"), **OLD, "min": "TLSv1"},
    }


def address(i):
    return f"127.{64 + i // 65536}.{i // 256 % 256}.{i % 256}"


def scan(*args):
    began, before = time.monotonic(), os.times()
    out = json.loads(subprocess.run([AUTARKY, "scan", *map(str, args), "--json"], stdin=subprocess.DEVNULL, check=True,
                                    stdout=subprocess.PIPE, timeout=500).stdout)
    used = os.times()
    print(f"{out['endpoints']} endpoints: {time.monotonic() - began:.1f} s, "
          f"{used.children_user + used.children_system - before.children_user - before.children_system:.1f} s of CPU", flush=True)
    return out


def records(path):
    found = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["endpoint"] in found:
            sys.exit(f"twice: {record['endpoint']}")
        found[record["endpoint"]] = record
    return found


def hold_against(truth, found, port):
    """`truth`: the kind of each address."""
    wrong = []
    for at, kind in truth.items():
        record = found.pop(f"{at}:{port}/{NAME}", None)
        if kind == "nobody":
            good = record is None
        elif kind == "plain":
            good = record and record["state"] == "other"
        else:
            good = record and record["state"] == "tls" and set(record["verdicts"]) == VERDICTS[kind]
        if not good:
            wrong.append((at, kind, record and {k: v for k, v in record.items() if k != "chain"}))
    if wrong or found:
        sys.exit(f"{len(wrong)} of {len(truth)} are wrong, {len(found)} too many: {wrong[:5]} {list(found)[:5]}")


def big(directory, pki, port, truth):
    out = directory / "big.jsonl"
    targets = directory / "targets"
    targets.write_text("".join(f"{at}:{port}/{NAME}\n" for at in truth))
    tally = scan(f"@{targets}", "--quick", "--rate", 100000, "--at-once", 1000, "--timeout", "60s", "--ours", pki.path("ours"),
                 "--out", out)
    hold_against(truth, records(out), port)
    if tally["endpoints"] != N or tally["finished"] != N or pathlib.Path(f"{out}.state").exists():
        sys.exit(f"the tally: {tally}")


def killed(directory, pki, port, truth):
    """Killed again and again, and gone on with: each endpoint is there, once."""
    out, state = directory / "killed.jsonl", directory / "killed.jsonl.state"
    few = dict(list(truth.items())[:2000])
    targets = directory / "few"
    targets.write_text("".join(f"{at}:{port}/{NAME}\n" for at in few))
    command = [AUTARKY, "scan", f"@{targets}", "--quick", "--rate", "300", "--timeout", "60s", "--ours", str(pki.path("ours")),
               "--out", str(out)]
    low = 0
    for _ in range(2):
        process = Process("scan", directory, *command)
        wait_for("some progress", lambda low=low: state.exists() and json.loads(state.read_text())["low"] > low, 60)
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait()
        low = json.loads(state.read_text())["low"]
    if low >= len(few):
        sys.exit("it was too fast to be killed")
    other = subprocess.run([*command, "--ports", "1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    expect(other.stdout, "an unfinished scan of other targets", "another scan into the same file")
    process = Process("scan", directory, *command)
    wait_for("some more", lambda: json.loads(state.read_text())["low"] > low, 60)
    if process.stop(signal.SIGTERM) != 3:
        sys.exit(f"ended by a signal: {process.log.read_text()}")
    if not scan(*command[2:])["resumed"]:
        sys.exit("begun anew")
    hold_against(few, records(out), port)
    again = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    expect(again.stdout, "is there already", "a finished scan is not written over")


def deep(directory, pki, port, kinds):
    """All that a server offers."""
    out = directory / "deep.jsonl"
    scan(f"{address(N)}/29:{port}", f"{address(N + 8)}/29:{port}/{NAME}", "--rate", 100000, "--ours", pki.path("ours"), "--timeout",
         "30s", "--out", out)
    found = records(out)
    if len(found) != 16:
        sys.exit(f"not 16: {list(found)}")
    for i, kind in enumerate(kinds):
        record = found[f"{address(N + i)}:{port}" + (f"/{NAME}" if i >= 8 else "")]
        if kind == "narrow":
            good = record["versions"] == ["TLSv1.3"] and record["groups"] == ["secp256r1"] and record["verdicts"] == ["ours"]
        else:
            good = (record["versions"] == ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] and "X25519" in record["groups"] and
                    "secp256r1" in record["groups"] and set(record["verdicts"]) == {"ours", "weak"} and
                    record["weak"] == "version: TLSv1; version: TLSv1.1")
        if not good:
            sys.exit(f"{kind}: {record}")


def versions_by_openssl(pki, at):
    """What OpenSSL's client can agree on with it."""
    where, smtp = at.removeprefix("smtp:").split("/")[0], at.startswith("smtp:")
    agreed = []
    for name in ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"):
        option = "-tls" + name[4:].replace(".", "_")
        done = subprocess.run([OPENSSL, "s_client", option, "-cipher", "ALL:@SECLEVEL=0", "-connect", where,
                               *(("-starttls", "smtp") if smtp else ())], input="", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
                              env={**os.environ, "OPENSSL_CONF": str(pki.conf)})
        if "New, TLS" in done.stdout:
            agreed.append(name)
    return agreed


def real(directory, pki, kinds):
    """Servers as people have them."""
    pair = kinds["good"]["cert"], kinds["good"]["key"]
    port = steady_port()
    out = directory / "real.jsonl"
    with contextlib.ExitStack() as stack:
        nginx = stack.enter_context(Nginx(directory, [pair]))
        targets = [f"127.0.0.1:{nginx.port}/{NAME}", f"127.0.0.1:{port}/{NAME}"]
        server = Process("s_server", directory, OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pair[0], "-key",
                         pair[1], "-Verify", "1", "-www", "-groups", "X25519MLKEM768:P-384",
                         env={**os.environ, "OPENSSL_CONF": str(pki.conf)})
        stack.callback(server.stop)
        wait_for("s_server", lambda: listens(port))
        if ROOT:
            postfix = stack.enter_context(Postfix(directory, *pair))
            targets.append(f"smtp:127.0.0.1:{postfix.port}/{NAME}")
        scan(*targets, "--ours", pki.path("ours"), "--out", out)
        seen = {at: versions_by_openssl(pki, at) for at in targets}
    found = records(out)
    for at in targets:
        wanted = seen[at]
        weak = {"weak"} if {"TLSv1", "TLSv1.1"} & set(wanted) else set()
        if set(found[at]["verdicts"]) != {"ours"} | weak or found[at]["versions"] != wanted:
            sys.exit(f"{at}: not {wanted}: {found[at]}")
    if found[targets[1]]["groups"] != ["X25519MLKEM768", "secp384r1"]:
        sys.exit(f"groups of s_server: {found[targets[1]]['groups']}")


def gateway(directory):
    """TLS and TLCP on one port, of the lab's own authority."""
    backend = Backend()
    sites = [{"name": "localhost", "backends": [backend.url], "algorithms": ["ecdsa", "sm2"]}]
    out = directory / "gateway.jsonl"
    try:
        with SiteLab(sites) as lab:
            lab.start()
            lab.wait_site("localhost")
            at = f"127.0.0.1:{lab.gateway}/localhost"
            lab.autarky("scan", f"localhost:{lab.gateway}", "--out", out)
            found = records(out)
    finally:
        backend.stop()
    if {e.split(":127")[0] for e in found if "127.0.0.1" in e} != {at, "tlcp"}:
        sys.exit(f"not both: {list(found)}")
    for record in (found[at], found[f"tlcp:{at}"]):
        if record["verdicts"] != ["ours"]:
            sys.exit(f"the gateway: {record}")
    if found[f"tlcp:{at}"]["versions"] != ["TLCPv1.1"] or found[at]["versions"] != ["TLSv1.2", "TLSv1.3"]:
        sys.exit(f"versions: {found}")


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as path:
        directory = pathlib.Path(path)
        directory.chmod(0o755)
        pki = Pki(directory)
        kinds = kinds_of(pki)
        port = steady_port()
        truth = {address(i): KINDS[i * 7 % len(KINDS)] for i in range(N)}
        hosts = {kind: [a for a, k in truth.items() if k == kind] for kind in KINDS if kind != "nobody"}
        deeper = ["narrow" if i % 2 else "wide" for i in range(16)]
        for i, kind in enumerate(deeper):
            hosts.setdefault(kind, []).append(address(N + i))
        spec = directory / "spec.json"
        spec.write_text(json.dumps({"port": port, "kinds": kinds, "hosts": hosts}))
        helper = Process("endpoints", directory, sys.executable, "-W", "ignore", HELPER, spec)
        try:
            wait_for("the servers", lambda: helper.log.read_text().endswith("\n") or helper.popen.poll() is not None, 120)
            if helper.log.read_text() != "ready\n":
                sys.exit(helper.log.read_text())
            deep(directory, pki, port, deeper)
            big(directory, pki, port, truth)
            killed(directory, pki, port, truth)
        finally:
            helper.popen.kill()
            helper.popen.wait()
        real(directory, pki, kinds)
        gateway(directory)


if __name__ == "__main__":
    main()

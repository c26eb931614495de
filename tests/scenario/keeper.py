#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=480
"""The gateway's certificates come by themselves: obtained, checked by three libraries, kept through the death of every
process that has a part in it, renewed when their time has come, and left alone when their site goes."""

import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, OPENSSL, Clock, Lab, expect, run, verify_chain, wait_for  # noqa: E402

WIKI, LAB = f"wiki.{DOMAIN}", f"lab.{DOMAIN}"
STEP = 4 * 60  # seconds: the clock is moved by less than what core takes for a leap


def configure(lab, sites):
    lines = "".join(f"    - {{name: {name}, backends: [\"http://127.0.0.1:{lab.http_port}\"], algorithms: {algorithms}, "
                    f"profile: {profile}}}\n" for name, algorithms, profile in sites)
    lab.configure(f"gateway:\n  workers: 1\n  sites:\n{lines}" if sites else "")
    path = lab.data / "autarky.yaml"
    path.write_text(path.read_text().replace("plain: [\"127.0.0.1:0\"]}", "plain: [\"127.0.0.1:0\"], "
                                             "gateway: [\"127.0.0.1:0\"]}")
                    + "profiles: {short: {lifetime: 1h}}\n")


def pair(lab, name, algorithm):
    return lab.data / "sites" / name / algorithm


def certificates(lab, name):
    """Of the register, valid or not."""
    items = json.loads(lab.autarky("cert", "list", "--json", "--limit", "100"))["items"]
    return {i["serial"]: i for i in items if i["names"] == [name]}


def serial(lab, name, algorithm):
    out = run(OPENSSL, "x509", "-in", pair(lab, name, algorithm) / "cert.pem", "-noout", "-serial")
    return out.strip().split("=")[1]


def there(lab, name, *algorithms):
    return all((pair(lab, name, a) / "fullchain.pem").exists() for a in algorithms)


def check_pair(lab, name, algorithm, verify=True):
    """Key and certificate belong together, and chain to the root."""
    directory = pair(lab, name, algorithm)
    files = sorted(f.name for f in directory.iterdir())
    if files != ["cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"]:
        sys.exit(f"{directory} holds {files}")
    key = directory / "privkey.pem"
    if key.stat().st_mode & 0o777 != 0o600:
        sys.exit(f"{key} has mode {key.stat().st_mode:o}")
    public = run(OPENSSL, "pkey", "-in", key, "-pubout")
    if public != run(OPENSSL, "x509", "-in", directory / "cert.pem", "-noout", "-pubkey"):
        sys.exit(f"{key} is not the key of the certificate beside it")
    expect(run(OPENSSL, "pkey", "-in", key, "-noout", "-text"),
           "2048 bit" if algorithm == "rsa" else "prime256v1", algorithm)
    if (directory / "fullchain.pem").read_text() != (directory / "cert.pem").read_text() + \
            (directory / "chain.pem").read_text():
        sys.exit(f"{directory}: the full chain is not certificate and chain")
    if verify:
        verify_chain(lab.roots, directory / "cert.pem", directory / "chain.pem", directory / "fullchain.pem", name)


def pids(lab):
    out = run(*command(lab, "status", "--json"), ok=(0, 2, 75))
    try:
        return {p["role"]: p["pid"] for p in json.loads(out)["processes"] if p["pid"]}
    except ValueError:
        return {}


def command(lab, *args):
    return (os.environ["AUTARKY"], *args, "--data", lab.data)


def kill(lab, role):
    wait_for(f"a {role} to kill", lambda: role in pids(lab))
    pid = pids(lab)[role]
    os.kill(pid, signal.SIGKILL)
    wait_for(f"another {role}", lambda: pids(lab).get(role) not in (None, pid))


def obtained(lab):
    wait_for("the certificates of the first site", lambda: there(lab, WIKI, "rsa", "ecdsa"), 60)
    for algorithm in ("rsa", "ecdsa"):
        check_pair(lab, WIKI, algorithm)
        found = certificates(lab, WIKI)[serial(lab, WIKI, algorithm)]
        if found["origin"] != "gateway" or found["status"] != "valid":
            sys.exit(f"the register has {found}")
    if len(certificates(lab, WIKI)) != 2:
        sys.exit(f"more than was needed: {certificates(lab, WIKI)}")
    print(lab.autarky("site", "list"), flush=True)


def kept_through_deaths(lab):
    """A site is added, and the processes that would bring its certificates die; what there was stays."""
    before = {a: serial(lab, WIKI, a) for a in ("rsa", "ecdsa")}
    configure(lab, [(WIKI, "[rsa, ecdsa]", "short"), (LAB, "[rsa, ecdsa]", "default")])
    lab.autarky("reload")
    for role in ("core", "keeper", "front", "signer", "keeper"):
        kill(lab, role)
    wait_for("the certificates of the second site", lambda: there(lab, LAB, "rsa", "ecdsa"), 90)
    for algorithm in ("rsa", "ecdsa"):
        check_pair(lab, LAB, algorithm)
        if serial(lab, WIKI, algorithm) != before[algorithm]:
            sys.exit(f"{WIKI} has another {algorithm} certificate, for no reason")
    leftover = [p for p in (lab.data / "sites").rglob(".tmp-*")]
    if leftover:
        sys.exit(f"left over: {leftover}")


def renewed(lab, clock):
    """Half an hour of an hour's lifetime later, new keys and certificates are there; those of 90 days are not due."""
    before = {a: (serial(lab, WIKI, a), (pair(lab, WIKI, a) / "privkey.pem").read_text()) for a in ("rsa", "ecdsa")}
    quiet = {a: serial(lab, LAB, a) for a in ("rsa", "ecdsa")}

    def done():
        return all(serial(lab, WIKI, a) != before[a][0] for a in before)
    clock.advance(STEP)
    if done():
        sys.exit("renewed long before it was due")
    for n in range(40):
        clock.advance(STEP)
        try:
            wait_for("a renewal", done, 1 if n < 8 else 8)  # it may be under way: a leap then is one too many
            break
        except SystemExit:
            pass
    wait_for("renewals", done)
    for algorithm in ("rsa", "ecdsa"):
        check_pair(lab, WIKI, algorithm, verify=False)
        if (pair(lab, WIKI, algorithm) / "privkey.pem").read_text() == before[algorithm][1]:
            sys.exit("renewed with the old key")
        if serial(lab, LAB, algorithm) != quiet[algorithm]:
            sys.exit("a certificate of 90 days was renewed after an hour")
    print(f"renewed after {clock.offset // 60_000_000} minutes", flush=True)


def asked_for(lab):
    before = serial(lab, LAB, "ecdsa")
    lab.autarky("site", "renew", LAB)
    wait_for("the renewal that was asked for", lambda: serial(lab, LAB, "ecdsa") != before, 60)
    check_pair(lab, LAB, "ecdsa", verify=False)


def left_alone(lab):
    """The site goes, its files stay; and nothing is obtained anew when it comes back, or all is started anew."""
    before = {a: serial(lab, LAB, a) for a in ("rsa", "ecdsa")}
    issued = len(certificates(lab, LAB))
    configure(lab, [(WIKI, "[ecdsa]", "short")])
    lab.autarky("reload")
    wait_for("a line about it", lambda: "keeper.site-removed" in lab.log())
    configure(lab, [(WIKI, "[ecdsa]", "short"), (LAB, "[rsa, ecdsa]", "default")])
    lab.autarky("reload")
    lab.stop()
    lab.start(env=lab.environment)
    wait_for("the sites", lambda: lab.autarky("site", "list").count("valid") >= 3, 60)
    if {a: serial(lab, LAB, a) for a in ("rsa", "ecdsa")} != before or len(certificates(lab, LAB)) != issued:
        sys.exit(f"obtained anew for no reason:\n{lab.autarky('cert', 'list')}")


def main():
    with Lab() as lab:
        clock = Clock(lab.directory / "clock")
        lab.environment = {**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)}
        configure(lab, [(WIKI, "[rsa, ecdsa]", "short")])
        lab.start(env=lab.environment)
        obtained(lab)
        kept_through_deaths(lab)
        renewed(lab, clock)
        asked_for(lab)
        left_alone(lab)
        if lab.stop() != 0:
            sys.exit("the service did not end in order")


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""`autarky obtain` with the hooks that Debian's packages ship, as they are: uacme.sh by http-01 and nsupdate.sh by dns-01
(uacme), dehydrated-hook-ddns-tsig, and lexicon's hooks for dehydrated and for certbot. They ask the name server of
/etc/resolv.conf at port 53, so all of it happens in a namespace where that is BIND. The packages of certbot and of lego ship
no hook; theirs are in obtain_hooks."""

import base64
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from dns_server import DnsServer  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, expect, run, verify_chain  # noqa: E402
from responder import Files  # noqa: E402

UACME = pathlib.Path("/usr/share/uacme")
DDNS = pathlib.Path("/usr/share/dehydrated-hook-ddns-tsig/dehydrated-hook-ddns-tsig.py")
DDNS_CONF = "/etc/dehydrated/dehydrated-hook-ddns-tsig.conf"
LEXICON = pathlib.Path("/usr/share/doc/lexicon/examples")
SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
# One zone takes updates from this host, as nsupdate.sh wants it, the other those that are signed.
SIGNED = f"signed.{DOMAIN}"
# lexicon guesses zones by public suffixes, of which .example is none: there each name is one.
LEXICON_ZONES = [f"{n}.{DOMAIN}" for n in ("lex1", "lex2", "chain", "certbot")]
POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [dns-01, http-01]\n    wildcards: true\n"


def obtain(lab, out, hook, names, *options, env=(), ok=(0,)):
    file = lab.directory / f"{out}.env"
    file.write_text("".join(f"{k}={v}\n" for k, v in dict(env).items()))
    file.chmod(0o600)
    out = lab.directory / out
    said = run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--hook", hook,
               "--hook-env", file, *options, *(w for n in names for w in ("--name", n)), ok=ok)
    if ok == (0,):
        verify_chain(lab.roots, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", names[0].replace("*", "www"))
    return said


def updates(dns, name):
    """What BIND says that was done to a name, in order."""
    return [line.split("': ", 1)[1].split("'", 1)[0].split(" ", 1)[0] for line in dns.log().splitlines()
            if ": updating zone '" in line and name in line]


def changed(dns, name, *wanted):
    said = updates(dns, name)
    if said != list(wanted):
        sys.exit(f"{name}: {said} and not {list(wanted)}")
    if left := run("dig", "+short", "@127.0.0.1", name, "TXT").strip():
        sys.exit(f"{name} is left with {left}")


def uacme(lab, dns):
    shelf = lab.directory / "www" / ".well-known" / "acme-challenge"
    shelf.mkdir(parents=True)
    with Files(lab.http_port, lab.directory / "www"):
        obtain(lab, "uacme-http", f"uacme:{UACME}/uacme.sh", [f"http.{DOMAIN}"], "--challenge", "http-01",
               env={"UACME_CHALLENGE_PATH": shelf})
        if any(shelf.iterdir()):
            sys.exit(f"uacme.sh left {list(shelf.iterdir())}")
        # It serves http-01 alone, and says so by its status.
        said = obtain(lab, "uacme-refused", f"uacme:{UACME}/uacme.sh", [f"refused.{DOMAIN}"], "--challenge", "dns-01",
                      env={"UACME_CHALLENGE_PATH": shelf}, ok=(2,))
        expect(said, "status 1", "a challenge that uacme.sh does not serve")
    obtain(lab, "uacme-dns", f"uacme:{UACME}/nsupdate.sh", [f"record.{DOMAIN}"])
    changed(dns, f"_acme-challenge.record.{DOMAIN}", "adding", "delete")  # of all that the name has
    print("uacme.sh by http-01, nsupdate.sh by dns-01", flush=True)


def ddns_tsig(lab, dns):
    conf = lab.directory / "ddns-tsig.conf"
    conf.write_text(f"[DEFAULT]\nname_server_ip = 127.0.0.1\nkey_name = acme\nkey_secret = {SECRET}\nkey_algorithm = hmac-sha256\n")
    conf.chmod(0o600)
    run("mount", "--bind", conf, DDNS_CONF)  # seen in this namespace alone
    for out, options in (("ddns", ()), ("ddns-chain", ("--hook-chain",))):
        # Its deploy_challenge takes one challenge at a time, so with a chain it is asked for one.
        names = [f"{out}.{SIGNED}"] if options else [f"{out}.{SIGNED}", f"*.{out}.{SIGNED}"]
        obtain(lab, out, f"dehydrated:{DDNS}", names, *options)
        changed(dns, f"_acme-challenge.{out}.{SIGNED}", *["adding", "deleting"] * len(names))
    print("dehydrated-hook-ddns-tsig", flush=True)


def lexicon(lab, dns):
    token = {"LEXICON_DDNS_TOKEN": f"hmac-sha256:acme:{SECRET}", "LEXICON_DDNS_DDNS_SERVER": "127.0.0.1"}
    settings = {**token, "PROVIDER": "ddns", "PROVIDER_UPDATE_DELAY": "1"}
    hook = LEXICON / "dehydrated.default.sh"
    names = LEXICON_ZONES[:2]
    obtain(lab, "lexicon", f"dehydrated:{hook}", names, env=settings)
    obtain(lab, "lexicon-chain", f"dehydrated:{hook}", [LEXICON_ZONES[2], f"*.{LEXICON_ZONES[2]}"], "--hook-chain", env=settings)
    for name in names:
        changed(dns, f"_acme-challenge.{name}", "adding", "deleting")
    changed(dns, f"_acme-challenge.{LEXICON_ZONES[2]}", "adding", "adding", "deleting", "deleting")
    # That for certbot is configured in itself, as its text says, and is called with a word.
    text = (LEXICON / "certbot.default.sh").read_text()
    for was, now in (('PROVIDER="cloudflare"', 'PROVIDER="ddns"'), ("PROVIDER_UPDATE_DELAY=30", "PROVIDER_UPDATE_DELAY=1"),
                     ('PROVIDER_CREDENTIALS=("--auth-username=MY_USERNAME" "--auth-token=MY_API_KEY")',
                      f'PROVIDER_CREDENTIALS=("--auth-token={token["LEXICON_DDNS_TOKEN"]}" "--ddns-server=127.0.0.1")')):
        if was not in text:
            sys.exit(f"{was} is not in lexicon's hook for certbot any more")
        text = text.replace(was, now)
    program = lab.directory / "certbot.default.sh"
    program.write_text(text)
    for word in ("auth", "cleanup"):
        (lab.directory / word).write_text(f"#!/bin/sh\nexec bash {program} {word}\n")
        (lab.directory / word).chmod(0o755)
    obtain(lab, "certbot", f"certbot:{lab.directory}/auth,{lab.directory}/cleanup", [LEXICON_ZONES[3]])
    changed(dns, f"_acme-challenge.{LEXICON_ZONES[3]}", "adding", "deleting")
    print("lexicon's hooks of dehydrated's and certbot's styles", flush=True)


def inside():
    run("ip", "link", "set", "lo", "up")
    directory = pathlib.Path(tempfile.mkdtemp())
    (directory / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:2\n")
    run("mount", "--bind", directory / "resolv.conf", "/etc/resolv.conf")
    keys = f'key "acme" {{ algorithm hmac-sha256; secret "{SECRET}"; }};'
    signed = [SIGNED, *LEXICON_ZONES]
    with Lab(policy=POLICY) as lab:
        lab.secrets.add(SECRET)
        lab.dns.stop()
        lab.dns = dns = DnsServer(lab.directory / "zone", {DOMAIN: "@ A 127.0.0.1\n* A 127.0.0.1", **dict.fromkeys(signed, "@ A 127.0.0.1")},
                                  at=("127.0.0.1", 53), keys=keys,
                                  zone_options={DOMAIN: "allow-update { 127.0.0.1; };", **dict.fromkeys(signed, "allow-update { key acme; };")})
        lab.configure(policy=POLICY)
        lab.start()
        uacme(lab, dns)
        if DDNS.exists():
            ddns_tsig(lab, dns)
        if LEXICON.exists():  # not where documentation is left out
            lexicon(lab, dns)


if sys.argv[1:] == ["inside"]:
    inside()
elif os.geteuid() != 0:
    print("skipped: network namespaces take root")
    sys.exit(77)
else:
    subprocess.run(["unshare", "--net", "--mount", sys.executable, __file__, "inside"], check=True, timeout=580)

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""`autarky obtain` by hooks of other clients. One recorder, under the names of all styles, writes down every argument and
variable that it gets and changes the zone by nsupdate; what it wrote is compared whole."""

import base64
import hashlib
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from dns_server import DnsServer  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, Process, expect, run, verify_chain, wait_for  # noqa: E402
from responder import Files  # noqa: E402

EXAMPLE = pathlib.Path("/usr/share/doc/dehydrated/examples/hook.sh")
SECRET = base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [dns-01, http-01]\n    wildcards: true\n"
RECORDER = """#!/usr/bin/python3
import json, os, subprocess, sys
args, env = sys.argv[1:], dict(os.environ)
with open(env["RECORD"], "a") as f:
    f.write(json.dumps({"program": os.path.basename(sys.argv[0]), "args": args, "env": env}) + "\\n")
style = env["STYLE"]
add = name = value = None
if env.get("SLOW") and args[0] == "deploy_cert":
    with open(env["SLOW"], "w") as f:
        f.write("%d" % os.getpid())
    import time
    time.sleep(float(env["SECONDS"]))
if style == "dehydrated" and args[0].endswith("_challenge") and len(args) > 4:
    subprocess.run(["nsupdate", "-y", "hmac-sha256:acme:" + env["SECRET"]], check=True, text=True,
                   input="server 127.0.0.1 %s\\nzone %s\\n" % (env["PORT"], env["ZONE"]) + "".join(
                       "update %s _acme-challenge.%s 1 TXT %s\\n" % ("add" if args[0] == "deploy_challenge" else "delete", args[i], args[i + 2])
                       for i in range(1, len(args), 3)) + "send\\n")
elif style == "dehydrated" and args[0] in ("deploy_challenge", "clean_challenge"):
    add, name, value = args[0] == "deploy_challenge", args[1], args[3]
elif style == "certbot":
    add, name, value = "CERTBOT_AUTH_OUTPUT" not in env, env["CERTBOT_DOMAIN"], env["CERTBOT_VALIDATION"]
    print("  record-7  ")
elif style == "lego":
    add, name, value = args[0] == "present", args[1][len("_acme-challenge."):-1], args[2]
elif style == "uacme":
    add, name, value = args[0] == "begin", args[2], args[4]
elif style == "mod_md":
    args = args[1:] if args[0] == "--" else args
    add, name, value = args[0] == "setup", args[1], args[2] if len(args) > 2 else ""
elif style == "acme.sh":
    add, name, value = args[0] == "add", args[1][len("_acme-challenge."):], args[2]
if env.get("FAIL") and env["FAIL"] in args:
    print("it is on fire", file=sys.stderr)
    sys.exit(3)
if env.get("HANG") and add:
    print("it hangs", file=sys.stderr, flush=True)
    child = subprocess.Popen(["sleep", "600"])
    with open(env["HANG"], "w") as f:
        f.write("%d %d" % (os.getpid(), child.pid))
    child.wait()
if env.get("WWW"):  # by http-01: a file, which a web server shows
    if style == "certbot":
        token, value = env["CERTBOT_TOKEN"], env["CERTBOT_VALIDATION"]
    else:
        token, value = (args + [None, None, None])[2:4]
    if add:
        open(os.path.join(env["WWW"], token), "w").write(value)
    elif add is False:
        os.unlink(os.path.join(env["WWW"], token))
    sys.exit(0)
whole = "update delete _acme-challenge.%s TXT\\n" % name if env.get("OVERWRITE") else ""
if name and not env.get("IDLE"):
    subprocess.run(["nsupdate", "-y", "hmac-sha256:acme:" + env["SECRET"]], check=True, text=True,
                   input="server 127.0.0.1 %s\\nzone %s\\n%supdate %s _acme-challenge.%s 1 TXT %s\\nsend\\n"
                         % (env["PORT"], env["ZONE"], whole, "add" if add else "delete", name, value))
"""
OURS = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class Hooks:
    def __init__(self, lab, dns):
        self.lab, self.dns = lab, dns
        self.record = lab.directory / "record"
        self.directory = lab.directory / "hooks"
        self.directory.mkdir()
        for name in ("hook", "cleanup"):
            (self.directory / name).write_text(RECORDER)
            (self.directory / name).chmod(0o755)

    def settings(self, style, **more):
        return {"RECORD": str(self.record), "STYLE": style, "SECRET": SECRET, "PORT": str(self.dns.port), "ZONE": DOMAIN, **more}

    def obtain(self, style, out, *names, ok=(0,), program=None, options=(), **more):
        """What was called, in order, without the variables that are ours or the recorder's."""
        self.record.write_text("")
        env = self.directory / "env"
        settings = self.settings(style.split("-", maxsplit=1)[0] if style != "lego-raw" else "raw", **more)
        env.write_text("# for the hook\n" + "".join(f"{k}={v}\n" for k, v in settings.items()))
        env.chmod(0o600)
        said = run(AUTARKY, "obtain", "--server", self.lab.directory_url, "--ca-file", self.lab.roots, "--out", out,
                   "--agree-tos", "--hook", f"{style}:{program or self.directory / 'hook'}", "--hook-env", env, *options,
                   *(w for n in names for w in ("--name", n)), ok=ok)
        return said, self.calls(settings)

    def calls(self, settings):
        calls = [json.loads(line) for line in self.record.read_text().splitlines()]
        for call in calls:
            for name, value in {**settings, **OURS, "HOME": os.environ.get("HOME", "/")}.items():
                if call["env"].pop(name) != value:
                    sys.exit(f"{name} is not {value}: {call}")
            call["env"].pop("LC_CTYPE", None)  # Python's own
        return calls


def same(got, wanted, what):
    if got != wanted:
        sys.exit(f"{what}:\n{json.dumps(got, indent=1)}\nand not\n{json.dumps(wanted, indent=1)}")


def digest(key_authorization):
    return base64.urlsafe_b64encode(hashlib.sha256(key_authorization.encode()).digest()).rstrip(b"=").decode()


def dehydrated(hooks):
    out = hooks.lab.directory / "dehydrated.example"
    name, star = f"a.{DOMAIN}", f"*.b.{DOMAIN}"
    _, calls = hooks.obtain("dehydrated", out, name, star)
    verify_chain(hooks.lab.roots, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", name)
    env = {"BASEDIR": "/etc/dehydrated", "CONFIG": "/etc/dehydrated/config", "ALPNCERTDIR": "/etc/dehydrated/alpn-certs",
           "WELLKNOWN": "/var/www/dehydrated", "PRIVATE_KEY_ROLLOVER": "no", "CERTDIR": str(out.parent), "CHALLENGETYPE": "dns-01",
           "KEY_ALGO": "prime256v1", "COMMAND": "sign_domains", "alias": out.name, "altnames": f"{name} {star}"}
    args = [c["args"] for c in calls]
    for call in calls:
        same(call["env"], env, f"variables of {call['args'][0]}")
    first, second = args[3], args[5]
    for given in (first, second):
        if len(given) != 4 or len(given[2]) < 22 or len(given[3]) != 43:
            sys.exit(f"deploy_challenge: {given}")
    generation = out / ".autarky" / "1"
    files = [str(out / f) for f in ("privkey.pem", "cert.pem", "fullchain.pem", "chain.pem")]
    written = [str(generation / f) for f in ("privkey.pem", "cert.pem", "fullchain.pem", "chain.pem")]
    same(args, [
        ["this_hook_does_not_exist__please_ignore_hooks_you_do_not_know"], ["startup_hook"],
        ["generate_csr", name, str(out), f"{name} {star}"],
        ["deploy_challenge", first[1], *first[2:]], ["clean_challenge", *first[1:]],
        ["deploy_challenge", second[1], *second[2:]], ["clean_challenge", *second[1:]],
        ["sync_cert", *written, ""], ["deploy_cert", name, *files, args[-2][-1]], ["exit_hook"]], "the calls of dehydrated")
    same(sorted([first[1], second[1]]), [name, f"b.{DOMAIN}"], "names of challenges")
    if not args[-2][-1].isdigit():
        sys.exit(f"the time of deploy_cert: {args[-2]}")

    hooks.record.write_text("")
    run(AUTARKY, "renew", out)
    same([c["args"] for c in hooks.calls(hooks.settings("dehydrated"))],
         [["startup_hook"], ["unchanged_cert", name, *files], ["exit_hook"]], "a run with nothing to do")

    # A hook that fails is a failure, and is told of it; nothing is in place.
    said, calls = hooks.obtain("dehydrated", hooks.lab.directory / "d2", f"fails.{DOMAIN}", ok=(2,), FAIL="deploy_challenge")
    expect(said, "deploy_challenge ended with status 3: it is on fire", "a hook that fails")
    same([c["args"][0] for c in calls][-3:], ["deploy_challenge", "clean_challenge", "exit_hook"], "the calls")
    if (hooks.lab.directory / "d2/cert.pem").exists():
        sys.exit("a failure left a certificate")
    said, _ = hooks.obtain("dehydrated", hooks.lab.directory / "d2", f"fails.{DOMAIN}", ok=(2,),
                           FAIL="this_hook_does_not_exist__please_ignore_hooks_you_do_not_know")
    expect(said, "the hook fails for a name of a call that it does not know", "a hook that knows too little")
    _, calls = hooks.obtain("dehydrated", hooks.lab.directory / "d2", "elsewhere.example", ok=(2,))
    same(calls[-2]["args"][0:2], ["request_failure", "403"], "a request that is refused")
    if calls[-2]["args"][3:] != ["post", ""] or "rejectedIdentifier" not in calls[-2]["args"][2]:
        sys.exit(f"request_failure: {calls[-2]['args']}")


def like_dehydrated(hooks):
    """What Debian's dehydrated itself gives the recorder, and what it gets once that is taken over: every variable, call by call."""
    lab, base, name = hooks.lab, hooks.lab.directory / "theirs", f"theirs.{DOMAIN}"
    base.mkdir()
    settings = hooks.settings("dehydrated")
    (base / "config").write_text(
        f"CA={lab.directory_url}\nBASEDIR={base}\nCERTDIR={base}/kept\nWELLKNOWN={base}/www\nCHALLENGETYPE=dns-01\nKEY_ALGO=secp384r1\n"
        f"HOOK={hooks.directory / 'hook'}\nCURL_OPTS=\"--cacert {lab.roots}\"\nCONTACT_EMAIL=a@{DOMAIN}\n")
    (base / "domains.txt").write_text(f"{name} www.{name} > ward\n")
    env = {"PATH": OURS["PATH"], "LANG": OURS["LANG"], "HOME": os.environ.get("HOME", "/"), **settings}
    hooks.record.write_text("")
    run("/usr/bin/dehydrated", "--register", "--accept-terms", "--config", base / "config", env=env)
    hooks.record.write_text("")
    run("/usr/bin/dehydrated", "--cron", "--config", base / "config", env=env)
    calls = [json.loads(line) for line in hooks.record.read_text().splitlines()]
    names = ("WELLKNOWN", "BASEDIR", "CERTDIR", "ALPNCERTDIR", "CONFIG", "COMMAND", "CHALLENGETYPE", "KEY_ALGO", "PRIVATE_KEY_ROLLOVER",
             "alias", "altnames")

    def told(calls):
        return {c["args"][0]: {n: c["env"].get(n) for n in names} for c in calls
                if c["args"][0] in ("deploy_challenge", "clean_challenge", "deploy_cert", "exit_hook")}

    theirs = told(calls)
    same(sorted(theirs), ["clean_challenge", "deploy_cert", "deploy_challenge", "exit_hook"], "the calls of dehydrated itself")
    if None in theirs["deploy_cert"].values():
        sys.exit(f"dehydrated itself: {theirs}")
    file = hooks.directory / "env"
    file.write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
    run(AUTARKY, "import", "dehydrated", base, "--hook", f"dehydrated:{hooks.directory / 'hook'}", "--hook-env", file, "--despite-timer")
    run(AUTARKY, "import", "dehydrated", base, "--exit-code", "--despite-timer", ok=(1,))
    hooks.record.write_text("")
    run(AUTARKY, "renew", "--force", base / "kept/ward")
    got = told(json.loads(line) for line in hooks.record.read_text().splitlines())
    got.setdefault("deploy_challenge", theirs["deploy_challenge"])  # what is valid already is not proven again
    got.setdefault("clean_challenge", theirs["clean_challenge"])
    same(got, theirs, "what hooks of dehydrated are told")


def chain(hooks):
    """As with dehydrated's HOOK_CHAIN=yes: one call for all challenges, a name and its wildcard among them, and one that takes them away."""
    out, names = hooks.lab.directory / "chain", (f"v.{DOMAIN}", f"*.v.{DOMAIN}", f"w.{DOMAIN}")
    _, calls = hooks.obtain("dehydrated", out, *names, options=("--hook-chain",))
    verify_chain(hooks.lab.roots, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", f"x.v.{DOMAIN}")
    args = [c["args"] for c in calls if c["args"][0].endswith("_challenge")]
    same([a[0] for a in args], ["deploy_challenge", "clean_challenge"], "the calls of a chain")
    same(args[0][1:], args[1][1:], "what is taken away")
    same(sorted(args[0][1::3]), [f"v.{DOMAIN}", f"v.{DOMAIN}", f"w.{DOMAIN}"], "the names of a chain")
    if len(args[0]) != 10 or len(set(args[0][2::3])) != 3 or {len(v) for v in args[0][3::3]} != {43}:
        sys.exit(f"a chain: {args[0]}")
    notes = [json.loads(line) for line in (out / ".autarky/journal").read_text().splitlines()]
    same(sorted((n["what"], n["subject"]) for n in notes if n["what"].startswith("record")),
         sorted((w, f"_acme-challenge.{n}") for w in ("record-added", "record-removed") for n in args[0][1::3]), "the journal")
    # What is valid already needs no call at all.
    hooks.record.write_text("")
    run(AUTARKY, "renew", "--force", out)
    left = [c["args"][0] for c in hooks.calls(hooks.settings("dehydrated"))]
    if [c for c in left if c.endswith("_challenge")] not in ([], ["deploy_challenge", "clean_challenge"]):
        sys.exit(f"a renewal: {left}")
    # One that fails is told to take all away.
    _, calls = hooks.obtain("dehydrated", hooks.lab.directory / "c2", f"y.{DOMAIN}", f"z.{DOMAIN}", ok=(2,), options=("--hook-chain",),
                            FAIL="deploy_challenge")
    same([c["args"][0] for c in calls][-3:], ["deploy_challenge", "clean_challenge", "exit_hook"], "a chain that fails")
    said, _ = hooks.obtain("uacme", hooks.lab.directory / "c3", f"y.{DOMAIN}", ok=(64,), options=("--hook-chain",))
    expect(said, "--hook-chain is for --hook dehydrated:", "a chain of another style")


def stopped(hooks):
    """SIGTERM while deploy_cert is called: it may end, for a while, and is killed then; the next run calls it again, and orders nothing."""
    out, name, pid = hooks.lab.directory / "stopped", f"stopped.{DOMAIN}", hooks.lab.directory / "slow"
    hooks.obtain("dehydrated", out, name)
    for seconds, status, killed in (("3", 2, False), ("600", 2, True)):
        pid.unlink(missing_ok=True)
        settings = hooks.settings("dehydrated", SLOW=str(pid), SECONDS=seconds)
        (hooks.directory / "env").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        job = Process("stopped", hooks.lab.directory, AUTARKY, "renew", "--force", out)
        wait_for("deploy_cert", lambda: pid.exists() and pid.read_text(), 120)
        began = time.monotonic()
        same(job.stop(seconds=120), status, "its status")
        if killed and not 15 < time.monotonic() - began < 100:
            sys.exit(f"it ended after {time.monotonic() - began} s")
        if alive(pid.read_text()):
            sys.exit("the hook goes on")
        log = job.log.read_text()
        expect(log, "did not end within 20 seconds after the signal to stop" if killed else "before exit_hook of the hook was called", "why")
        leaf = (out / "cert.pem").read_text()
        if "pending" not in json.loads((out / ".autarky/state.json").read_text()):
            sys.exit("nothing is left for the next run")
        (hooks.directory / "env").write_text("".join(f"{k}={v}\n" for k, v in hooks.settings("dehydrated").items()))
        hooks.record.write_text("")
        run(AUTARKY, "renew", out)
        same([c["args"][0] for c in hooks.calls(hooks.settings("dehydrated"))], ["deploy_cert", "exit_hook"], "the next run")
        if (out / "cert.pem").read_text() != leaf:
            sys.exit("another one was ordered")
        job.log.unlink()


def example(hooks):
    """The hook that comes with Debian's dehydrated takes every call, and does nothing: so the proof is not found."""
    program = hooks.directory / "example"
    program.write_bytes(EXAMPLE.read_bytes())
    program.chmod(0o755)
    said, _ = hooks.obtain("dehydrated", hooks.lab.directory / "d3", f"i.{DOMAIN}", ok=(2,), program=program)
    expect(said, "would not find the proof", "the example of dehydrated")
    if "ended with status" in said:
        sys.exit(f"the example of dehydrated failed:\n{said}")


def by_http(hooks, lab):
    """What hooks of dehydrated's and certbot's style are called with for http-01, by which they prove a name; and a hook as dehydrated's
    documentation has it, with the two lines that an administrator adds."""
    www = lab.directory / "www"
    inside = www / ".well-known/acme-challenge"
    inside.mkdir(parents=True)
    options = ("--challenge", "http-01")
    with Files(lab.http_port, www):
        out, name = lab.directory / "http.dehydrated", f"r.{DOMAIN}"
        _, calls = hooks.obtain("dehydrated", out, name, options=options, WWW=str(inside))
        verify_chain(lab.roots, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", name)
        proofs = [c["args"] for c in calls if c["args"][0].endswith("_challenge")]
        token, value = proofs[0][2:]
        same(proofs, [["deploy_challenge", name, token, value], ["clean_challenge", name, token, value]], "dehydrated by http-01")
        if not value.startswith(token + ".") or {c["env"]["CHALLENGETYPE"] for c in calls} != {"http-01"}:
            sys.exit(f"dehydrated by http-01: {calls}")

        out, name = lab.directory / "http.certbot", f"s.{DOMAIN}"
        _, calls = hooks.obtain("certbot", out, name, options=options, WWW=str(inside),
                                program=f"{hooks.directory / 'hook'},{hooks.directory / 'cleanup'}")
        verify_chain(lab.roots, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", name)
        same([(c["program"], c["args"]) for c in calls], [("hook", []), ("cleanup", [])], "the calls of certbot by http-01")
        token, value = (calls[0]["env"][f"CERTBOT_{v}"] for v in ("TOKEN", "VALIDATION"))
        env = {"CERTBOT_DOMAIN": name, "CERTBOT_IDENTIFIER": name, "CERTBOT_VALIDATION": value, "CERTBOT_TOKEN": token,
               "CERTBOT_REMAINING_CHALLENGES": "0", "CERTBOT_ALL_DOMAINS": name, "CERTBOT_ALL_IDENTIFIERS": name}
        same([c["env"] for c in calls], [env, {**env, "CERTBOT_AUTH_OUTPUT": "record-7"}], "variables of certbot by http-01")
        if not value.startswith(token + "."):
            sys.exit(f"certbot by http-01: {env}")

        if EXAMPLE.exists():
            program = hooks.directory / "real"
            text = EXAMPLE.read_text()
            for call, line in (("deploy_challenge", f'printf %s "$TOKEN_VALUE" > {inside}/"$TOKEN_FILENAME"'),
                               ("clean_challenge", f'rm {inside}/"$TOKEN_FILENAME"'),
                               ("deploy_cert", f'cat "$KEYFILE" "$FULLCHAINFILE" > {lab.directory}/deployed.pem')):
                head, body = text.split(f"{call}() {{\n", 1)
                text = f"{head}{call}() {{\n" + body.replace("\n", f"\n    {line}\n", 1)
            program.write_text(text)
            program.chmod(0o755)
            out, name = lab.directory / "http.real", f"t.{DOMAIN}"
            hooks.obtain("dehydrated", out, name, options=options, program=program)
            same((lab.directory / "deployed.pem").read_text(), (out / "privkey.pem").read_text() + (out / "fullchain.pem").read_text(),
                 "what deploy_cert has made")
    if list(inside.iterdir()):
        sys.exit(f"proofs that were left: {list(inside.iterdir())}")

    # Nobody shows the proof: the hook is told whose it was, and why.
    said, calls = hooks.obtain("dehydrated", lab.directory / "d4", f"u.{DOMAIN}", ok=(2,), options=options, IDLE="1")
    same([c["args"][0] for c in calls[-4:]], ["deploy_challenge", "clean_challenge", "invalid_challenge", "exit_hook"], "the calls")
    same(calls[-2]["args"][:2], ["invalid_challenge", f"u.{DOMAIN}"], "whose challenge it was")
    if len(calls[-2]["args"]) != 3 or calls[-2]["args"][2] not in said or calls[-1]["args"][1:] != [calls[-2]["args"][2]]:
        sys.exit(f"invalid_challenge: {calls[-2:]}\n{said}")
    expect(calls[-2]["args"][2], "would not find the proof", "why")


def certbot(hooks):
    out = hooks.lab.directory / "certbot"
    names = (f"c.{DOMAIN}", f"d.{DOMAIN}", f"*.d.{DOMAIN}")
    bare = ",".join(n.removeprefix("*.") for n in names)  # of a wildcard the identifier, as certbot has it
    _, calls = hooks.obtain("certbot", out, *names, program=f"{hooks.directory / 'hook'},{hooks.directory / 'cleanup'}")
    same([(c["program"], c["args"]) for c in calls], [("hook", []), ("cleanup", [])] * 3, "the calls of certbot")
    for call in calls:
        env = call["env"]
        want = {"CERTBOT_DOMAIN": env["CERTBOT_DOMAIN"], "CERTBOT_IDENTIFIER": env["CERTBOT_DOMAIN"],
                "CERTBOT_VALIDATION": env["CERTBOT_VALIDATION"], "CERTBOT_REMAINING_CHALLENGES": "0",
                "CERTBOT_ALL_DOMAINS": bare, "CERTBOT_ALL_IDENTIFIERS": bare}
        if call["program"] == "cleanup":
            want["CERTBOT_AUTH_OUTPUT"] = "record-7"
        same(env, want, "variables of certbot")
        if env["CERTBOT_DOMAIN"] not in names or len(env["CERTBOT_VALIDATION"]) != 43:
            sys.exit(f"certbot: {env}")


def lego_and_uacme(hooks):
    _, calls = hooks.obtain("lego", hooks.lab.directory / "lego", f"e.{DOMAIN}")
    value = calls[0]["args"][2]
    same([c["args"] for c in calls], [[verb, f"_acme-challenge.e.{DOMAIN}.", value] for verb in ("present", "cleanup")], "lego")
    same(len(value), 43, "lego's value")
    same([c["env"] for c in calls], [{}, {}], "variables of lego")

    said, calls = hooks.obtain("lego-raw", hooks.lab.directory / "raw", f"f.{DOMAIN}", ok=(2,))
    token, key = calls[0]["args"][3:]
    same([c["args"] for c in calls], [[verb, "--", f"f.{DOMAIN}", token, key] for verb in ("present", "cleanup")], "lego, raw")
    if not key.startswith(token + "."):
        sys.exit(f"lego, raw: {key}")
    expect(said, "would not find the proof", "a hook that does nothing")

    _, calls = hooks.obtain("uacme", hooks.lab.directory / "uacme", f"g.{DOMAIN}")
    words = calls[0]["args"][1:]
    same([c["args"] for c in calls], [["begin", *words], ["done", *words]], "uacme")
    same(words[:2], ["dns-01", f"g.{DOMAIN}"], "uacme's words")
    for call in calls:
        same(call["env"], {"UACME_CONFDIR": str(hooks.lab.directory / "uacme"), **dict(zip(
            ("UACME_METHOD", "UACME_TYPE", "UACME_IDENT", "UACME_TOKEN", "UACME_AUTH"), call["args"]))}, "variables of uacme")
    _, calls = hooks.obtain("uacme", hooks.lab.directory / "u2", f"h.{DOMAIN}", ok=(2,), IDLE="1", options=("--challenge", "http-01"))
    same([c["args"][0] for c in calls], ["begin", "failed"], "uacme, unproven")
    token, key = calls[0]["args"][3:]
    if calls[0]["args"][1] != "http-01" or not key.startswith(token + "."):
        sys.exit(f"uacme by http-01: {calls[0]['args']}")


def overwrites(hooks):
    """Two values at one name, by hooks that know of one: the second is not set before the first was found and taken away."""
    name = f"two.{DOMAIN}"
    for style, begin, end, at in (("dehydrated", "deploy_challenge", "clean_challenge", 3), ("lego", "present", "cleanup", 2),
                                  ("uacme", "begin", "done", 4), ("mod_md-2", "setup", "teardown", 2)):
        out = hooks.lab.directory / f"two-{style}"
        _, calls = hooks.obtain(style, out, name, f"*.{name}", OVERWRITE="1")
        args = [c["args"] for c in calls if c["args"][0] in (begin, end)]
        same([a[0] for a in args], [begin, end, begin, end], f"two values by {style}")
        same([args[0][at], args[2][at]], [args[1][at], args[3][at]], f"the values that {style} takes away")
        if args[0][at] == args[2][at]:
            sys.exit(f"{style} was given one value twice: {args}")
        verify_chain(hooks.lab.roots, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", f"x.{name}")


def mod_md(hooks):
    _, calls = hooks.obtain("mod_md", hooks.lab.directory / "mod_md", f"j.{DOMAIN}")
    value = calls[0]["args"][2]
    same([c["args"] for c in calls], [["setup", f"j.{DOMAIN}", value], ["teardown", f"j.{DOMAIN}"]], "mod_md")
    _, calls = hooks.obtain("mod_md-2", hooks.lab.directory / "mod_md2", f"k.{DOMAIN}", program=f"{hooks.directory / 'hook'} --")
    value = calls[0]["args"][3]
    same([c["args"] for c in calls], [["--", verb, f"k.{DOMAIN}", value] for verb in ("setup", "teardown")], "mod_md, version 2")
    same([c["env"] for c in calls], [{}, {}], "variables of mod_md")
    said, calls = hooks.obtain("mod_md", hooks.lab.directory / "m3", f"l.{DOMAIN}", ok=(2,), FAIL="setup")
    expect(said, "setup ended with status 3: it is on fire", "a hook of mod_md that fails")


def acme_sh(hooks):
    """A stand-in for acme.sh; and itself, with its plugin for nsupdate, where $AUTARKY_ACME_SH says where it is."""
    home = hooks.directory / "acme.sh.d"
    (home / "dnsapi").mkdir(parents=True)
    (home / "acme.sh").write_text("_initpath() { _ready=1; }\n_info() { echo \"$@\"; }\nmain() { \"$@\"; }\nmain \"$@\"\n")
    (home / "account.conf").touch()
    (home / "dnsapi/dns_rec.sh").write_text(
        f'dns_rec_add() {{ [ "$_ready" ] && _info setting "$1" && {hooks.directory / "hook"} add "$1" "$2"; }}\n'
        f'dns_rec_rm() {{ {hooks.directory / "hook"} rm "$1" "$2"; }}\n')
    out = hooks.lab.directory / "acme_sh"
    _, calls = hooks.obtain("acme.sh", out, f"m.{DOMAIN}", program=home / "dnsapi/dns_rec.sh")
    value = calls[0]["args"][2]
    same([c["args"] for c in calls], [[verb, f"_acme-challenge.m.{DOMAIN}", value] for verb in ("add", "rm")], "acme.sh")
    for call in calls:
        call["env"].pop("PWD", None)
        same(call["env"], {"LE_WORKING_DIR": str(home), "LE_CONFIG_HOME": str(home), "DOMAIN_CONF": f"{out}/.autarky/acme.sh.conf"},
             "variables of acme.sh")
    said, _ = hooks.obtain("acme.sh", hooks.lab.directory / "s2", f"n.{DOMAIN}", ok=(2,), program=home / "dnsapi/dns_rec.sh", FAIL="add")
    expect(said, "dns_rec add ended with status 3: it is on fire", "a plugin that fails")

    if not os.environ.get("AUTARKY_ACME_SH"):
        return
    key = hooks.directory / "key"
    key.write_text(f'key "acme" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n')
    real = pathlib.Path(os.environ["AUTARKY_ACME_SH"])
    out = hooks.lab.directory / "real"
    hooks.obtain("acme.sh", out, f"o.{DOMAIN}", f"*.o.{DOMAIN}", program=f"{real.parent / 'dnsapi/dns_nsupdate.sh'},{real}",
                 NSUPDATE_SERVER="127.0.0.1", NSUPDATE_SERVER_PORT=str(hooks.dns.port), NSUPDATE_KEY=str(key), NSUPDATE_ZONE=DOMAIN)
    verify_chain(hooks.lab.roots, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", f"x.o.{DOMAIN}")


def alive(text):
    """Of the processes whose numbers stand in that text, those that are not dead."""
    def is_alive(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False
    return [pid for pid in text.split() if is_alive(pid)]


def hangs(hooks):
    """A hook that does not come back is killed with what it has started, and what was there before stays."""
    out, name = hooks.lab.directory / "hangs", f"p.{DOMAIN}"
    hooks.obtain("uacme", out, name)
    before = (out / "cert.pem").read_bytes(), (out / "privkey.pem").read_bytes()
    pids = hooks.lab.directory / "pids"
    for attempt in (("obtain",), ("renew",)):
        pids.write_text("")
        if attempt == ("obtain",):
            said, _ = hooks.obtain("uacme", out, name, ok=(2,), HANG=str(pids), options=("--hook-timeout", "2s"))
        else:  # as it is remembered: the settings are in the file
            state = json.loads((out / ".autarky/state.json").read_text())
            state["plan"]["hook_timeout"] = "2s"
            (out / ".autarky/state.json").write_text(json.dumps(state))
            said = run(AUTARKY, "renew", "--force", out, ok=(2,))
        expect(said, "begin did not end within 2 seconds and was killed: it hangs", "a hook that hangs")
        if len(pids.read_text().split()) < 2:
            sys.exit(f"it did not hang: {pids.read_text()}")
        deadline = time.monotonic() + 60
        while alive(pids.read_text()):
            if time.monotonic() > deadline:
                sys.exit(f"still there: {alive(pids.read_text())}")
            time.sleep(0.1)
        same(((out / "cert.pem").read_bytes(), (out / "privkey.pem").read_bytes()), before, "what was in place")
    why = json.loads((out / ".autarky/state.json").read_text())
    expect(why.get("why", ""), "did not end within 2 seconds", "what is remembered")
    if not why.get("next_at"):
        sys.exit(f"there is no pause: {why}")


def bounded(hooks):
    """As a user of its own, with limits; and not at all where somebody else could have written it."""
    seen = hooks.lab.directory / "seen"
    seen.write_text("")
    os.chmod(hooks.lab.directory, 0o711)
    out, program = hooks.lab.directory / "bounded", hooks.directory / "bounded"
    program.write_text(f"#!/bin/sh\n{{ id -un; id -Gn; grep -e NoNewPrivs /proc/self/status; ulimit -c; ulimit -t; ulimit -n; }} >> {seen}\n"
                       "exit 4\n")
    program.chmod(0o755)
    options = ("--hook-user", "nobody") if os.geteuid() == 0 else ()
    if options:
        os.chown(seen, 65534, 65534)
    said, _ = hooks.obtain("uacme", out, f"q.{DOMAIN}", ok=(2,), program=program, options=(*options, "--hook-timeout", "70s"))
    expect(said, "begin ended with status 4", "a hook that says what it is")
    lines = seen.read_text().splitlines()
    same(lines[3:6], ["0", "70", "1024"], "its limits")
    if options:
        same([lines[0], lines[1].split(), lines[2].split()], ["nobody", ["nogroup"], ["NoNewPrivs:", "1"]], "whose it is")
        seen.write_text("")
        said = run(AUTARKY, "obtain", "--server", hooks.lab.directory_url, "--ca-file", hooks.lab.roots, "--out", out, "--agree-tos",
                   "--hook", f"uacme:{program}", "--hook-user", "nobody-at-all", "--name", f"q.{DOMAIN}", ok=(2,))
        expect(said, 'there is no user "nobody-at-all" on this machine', "no such user")
    for path, mode, back in ((program, 0o757, 0o755), (hooks.directory, 0o777, 0o755)):
        path.chmod(mode)
        said, _ = hooks.obtain("uacme", out, f"q.{DOMAIN}", ok=(2,), program=program)
        expect(said, f"mend it: chmod go-w {path}", "a hook that others may write to")
        path.chmod(back)
    if os.geteuid() == 0:
        os.chown(program, 65534, 0)
        said, _ = hooks.obtain("uacme", out, f"q.{DOMAIN}", ok=(2,), program=program)
        expect(said, f"{program} belongs to user 65534; mend it: chown root:root {program}", "another user's hook")
    same(seen.read_text(), "" if options else "\n".join(lines) + "\n", "what was run that should not be")


def refusals(hooks):
    out = hooks.lab.directory / "x"
    for style, program, options, said in (
            ("other", None, (), "there are dehydrated, certbot, lego, lego-raw, uacme, acme.sh, mod_md and mod_md-2"),
            ("lego", None, ("--challenge", "http-01"), "hooks of style lego cannot answer http-01"),
            ("uacme", "/nowhere/hook", (), "it is not there, or not executable"),
            ("uacme", "hook", (), "its path does not begin with /"),
            ("certbot", f"{hooks.directory / 'hook'},/nowhere", (), "the hook /nowhere cannot be executed")):
        text, calls = hooks.obtain(style, out, f"x.{DOMAIN}", ok=(2,), program=program, options=options)
        expect(text, said, style)
        same(calls, [], "calls of what is refused")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab, DnsServer(lab.directory / "updated", {DOMAIN: "* A 127.0.0.1\n@ A 127.0.0.1\n"},
                                 keys=f'key "acme" {{ algorithm hmac-sha256; secret "{SECRET}"; }};',
                                 zone_options='allow-update { key "acme"; };') as dns:
        lab.dns.port = dns.port
        lab.configure(policy=POLICY)
        lab.start()
        hooks = Hooks(lab, dns)
        dehydrated(hooks)
        like_dehydrated(hooks)
        chain(hooks)
        stopped(hooks)
        if EXAMPLE.exists():  # not where documentation is left out
            example(hooks)
        certbot(hooks)
        by_http(hooks, lab)
        lego_and_uacme(hooks)
        overwrites(hooks)
        mod_md(hooks)
        acme_sh(hooks)
        hangs(hooks)
        bounded(hooks)
        refusals(hooks)


main()

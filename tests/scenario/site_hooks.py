#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Names of sites proven to pebble by hooks of other ACME clients, which change a zone of BIND by nsupdate: each style as its
client calls it, as a user of its own; one that fails, one that hangs, and the death of the runner and of the keeper in the
middle of a call; and programs that the runner does not execute."""

import base64
import json
import os
import pathlib
import pwd
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent.parent / "lib"))
sys.path.insert(0, str(HERE.parent.parent.parent / "bench"))
import servers  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from lab import DOMAIN, expect, wait_for  # noqa: E402
from outside import World, directories, site  # noqa: E402
from sites import Backend  # noqa: E402

SECRET = base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
USER = "nobody"
FAILED = 2
STYLES = ("dehydrated", "certbot", "lego", "uacme", "mod_md-2")
# A hook of every style. What it does beside is said by files in its notes.
HOOK = r"""#!/usr/bin/python3
import json, os, pathlib, subprocess, sys, time
env, args = dict(os.environ), sys.argv[1:]
notes = pathlib.Path(env["NOTES"])
style = env["STYLE"]
if style == "dehydrated":
    add, name, value = args[0] == "deploy_challenge", args[1], args[3]
elif style == "certbot":
    add, name, value = args[0] == "auth", env["CERTBOT_DOMAIN"], env["CERTBOT_VALIDATION"]
    print("record 7")
elif style == "lego":
    add, name, value = args[0] == "present", args[1][len("_acme-challenge."):-1], args[2]
elif style == "uacme":
    add, name, value = args[0] == "begin", args[2], args[4]
else:
    add, name, value = args[0] == "setup", args[1], args[2]
with open(notes / "log", "a") as f:
    f.write(json.dumps({"style": style, "add": add, "name": name, "args": args, "uid": os.getuid(), "groups": os.getgroups(),
                        "cwd": os.getcwd(), "env": env}) + "\n")
if add and (notes / "fails").exists():
    print("the provider says: no credit", file=sys.stderr)
    sys.exit(3)
if add and (notes / "hangs").exists():
    child = subprocess.Popen(["sleep", "600"])
    (notes / "pids").write_text("%d %d" % (os.getpid(), child.pid))
    child.wait()
subprocess.run(["nsupdate", "-y", "hmac-sha256:acme:" + env["SECRET"]], check=True, text=True,
               input="server %s %s\nzone %s\nupdate %s _acme-challenge.%s 1 TXT %s\nsend\n" % (
                   *env["SERVER"].split(":"), env["ZONE"], "add" if add else "delete", name, value))
if add and (notes / "slow").exists():
    (notes / "pids").write_text(str(os.getpid()))
    time.sleep(600)
"""


class Hooks:
    def __init__(self, server):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="autarky-hooks-"))
        self.directory.chmod(0o755)
        self.program = self.directory / "hook"
        self.program.write_text(HOOK)
        self.program.chmod(0o755)
        self.notes = self.directory / "notes"
        self.notes.mkdir()
        self.notes.chmod(0o777)
        for style in STYLES:
            variables = self.directory / f"{style}.env"
            variables.write_text(f"# of the provider\nSTYLE={style}\nNOTES={self.notes}\nSECRET={SECRET}\nSERVER={server}\n"
                                 f"ZONE={DOMAIN}\n")
            variables.chmod(0o600)

    def declared(self, program=None, user=USER, more="", timeout="30s"):
        lines = []
        for style in STYLES:
            words = f'command: ["{program or self.program}"' + (', "auth"' if style == "certbot" else "") + "]"
            if style == "certbot":
                words += f', cleanup: ["{self.program}", "remove"]'
            lines.append(f'    - {{name: {style}, style: {style}, {words}, user: {user}, timeout: {timeout}, '
                         f'environment: "{self.directory}/{style}.env"{more}}}\n')
        return "  hooks:\n" + "".join(lines)

    def log(self):
        path = self.notes / "log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def calls(self, name):
        return [call for call in self.log() if call["name"] == name]

    def do(self, what):
        (self.notes / what).write_text("")

    def stop(self, what):
        (self.notes / what).unlink()

    def pids(self):
        path = self.notes / "pids"
        return [int(p) for p in path.read_text().split()] if path.exists() else []


def of(style):
    return f"{style.replace('_', '-')}.{DOMAIN}"


def records(zone, name):
    return subprocess.run(["dig", "+short", "+tries=1", f"@{zone.host}", "-p", str(zone.port), "TXT", f"_acme-challenge.{name}"],
                          stdout=subprocess.PIPE, text=True, check=False, timeout=30).stdout.strip()


def configure(lab, backend, pebble, declared, names, **more):
    lab.sites = [site(lab, backend, of(s), directory=pebble.directory_url, challenge="dns-01", **{"dns": s, **more}) for s in names]
    lab.configure("  directories:\n" + directories((pebble, "")) + declared)


def mistakes(lab, backend, pebble, hooks):
    """What `config check` says."""
    one = ["dehydrated"]
    cases = (
        (hooks.declared(), dict(dns="theirs"), "has `dns: theirs`, which is none of `updates` or `hooks`"),
        (hooks.declared(user="root"), {}, "would run as root"),
        (hooks.declared(user="autarky-signer"), {}, "would run as autarky-signer"),
        (hooks.declared(program="hook"), {}, "`command` is a program by its absolute path"),
        (hooks.declared(more=', cleanup: ["/bin/true"]'), {}, "cleanup"),
        (hooks.declared(timeout="10m"), {}, "5m"),
        (hooks.declared() + "  updates: [{name: lego, file: /etc/x}]\n", {}, '"lego" is the name of one of `updates`, too'),
        (hooks.declared(program=hooks.directory / "nothing"), {}, f"there is no program {hooks.directory}/nothing"),
    )
    for declared, more, said in cases:
        configure(lab, backend, pebble, declared, one, **more)
        expect(lab.autarky("config", "check", ok=(65, 78, 1, 2)), said, f"{said}: config check")
    configure(lab, backend, pebble, hooks.declared(), one)
    hooks.program.chmod(0o777)
    expect(lab.autarky("config", "check", ok=(FAILED,)), f"chmod go-w {hooks.program}", "a program for everybody to change")
    hooks.program.chmod(0o755)
    lab.autarky("config", "check")


def called(hooks):
    """Each style as its own client calls it, as another user, with nothing of ours around it."""
    uid = pwd.getpwnam(USER).pw_uid if os.geteuid() == 0 else os.geteuid()
    for style in STYLES:
        name = of(style)
        wait_for(f"the removal of the record of {name}", lambda: [c["add"] for c in hooks.calls(name)][-1:] == [False])
        for call in hooks.calls(name):
            if call["uid"] != uid or call["cwd"] != "/" or "CREDENTIALS_DIRECTORY" in call["env"] or "AUTARKY" in str(call["env"]):
                sys.exit(f"called as {call}")
        first, last = hooks.calls(name)[0], hooks.calls(name)[-1]
        if style == "dehydrated" and (first["args"][:2] != ["deploy_challenge", name] or last["args"][0] != "clean_challenge"):
            sys.exit(f"dehydrated's was called {first['args']}, {last['args']}")
        if style == "certbot" and (first["args"] != ["auth"] or last["args"] != ["remove"] or
                                   last["env"]["CERTBOT_AUTH_OUTPUT"] != "record 7"):
            sys.exit(f"certbot's was called {first}, {last}")
        if style == "uacme" and last["args"][0] != "done":
            sys.exit(f"uacme's hook was told {last['args'][0]} at the end")


def fails(lab, hooks):
    """The reason is the hook's own; the site serves an internal certificate; mended, it is tried anew."""
    name = of("dehydrated")
    before = lab.state(name)["serial"]
    hooks.do("fails")
    lab.autarky("site", "renew", name)
    wait_for("a failure that is told", lambda: lab.state(name)["failures"] > 0, 60)
    reason = lab.state(name)["reason"]
    for part in ("the hook dehydrated has set no record", "ended with status 3", "no credit", f"autarky site renew {name}"):
        expect(reason, part, "why")
    if lab.state(name)["serial"] != before or not lab.is_public(name):
        sys.exit("what was in force is not any more")
    hooks.stop("fails")
    lab.autarky("site", "renew", name)
    wait_for("a new certificate", lambda: lab.state(name)["serial"] != before and lab.state(name)["failures"] == 0, 120)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().split()[2] == "Z"


def dies(lab, zone, hooks, role):
    """The process dies in the middle of a call: with the runner the call ends, and its successor makes it anew; what was set for a keeper
    that is gone is taken away."""
    name = of("lego")
    before, n = lab.state(name)["serial"], len(hooks.calls(name))
    hooks.do("slow")
    lab.autarky("site", "renew", name)
    wait_for("the call", lambda: hooks.pids() and records(zone, name), 60)
    pid = lab.processes(role)[0]
    hooks.stop("slow")
    hook = hooks.pids()[0]
    os.kill(pid, signal.SIGKILL)
    wait_for(f"another {role}", lambda: lab.processes(role) not in ([], [pid]), 60)
    if role == "runner":
        wait_for("the end of the call", lambda: gone(hook), 30)
    else:
        os.kill(hook, signal.SIGKILL)
        wait_for("what the next keeper knows", lambda: lab.state(name)["state"] == "waiting", 60)
        wait_for("the removal of the record", lambda: records(zone, name) == "", 60)
        lab.autarky("site", "renew", name)
    wait_for("a new certificate", lambda: lab.state(name)["serial"] != before and lab.state(name)["failures"] == 0, 180)
    (hooks.notes / "pids").unlink()
    print(f"{role} died in the middle of a call: {[c['args'][0] for c in hooks.calls(name)[n:]]}", flush=True)


def hangs(lab, backend, pebble, hooks):
    """One that does not end is killed, with what it has started."""
    name = of("certbot")
    configure(lab, backend, pebble, hooks.declared(timeout="2s"), STYLES)
    hooks.do("hangs")
    lab.autarky("reload")
    lab.autarky("site", "renew", name)
    wait_for("a failure that is told", lambda: lab.state(name)["failures"] > 0, 60)
    expect(lab.state(name)["reason"], "did not end within 2 seconds and was killed", "why")
    for pid in hooks.pids():
        wait_for(f"the end of {pid}", lambda p=pid: gone(p), 10)
    hooks.stop("hangs")


def refused(lab, hooks):
    """Somebody else could change the program meanwhile: it is not executed."""
    name = of("uacme")
    n = len(hooks.calls(name))
    hooks.program.chmod(0o777)
    lab.autarky("site", "renew", name)
    wait_for("a failure that is told", lambda: lab.state(name)["failures"] > 0, 60)
    expect(lab.state(name)["reason"], f"chmod go-w {hooks.program}", "why")
    if len(hooks.calls(name)) != n:
        sys.exit("it was called")
    hooks.program.chmod(0o755)


def main():
    backend = Backend()
    with World() as lab:
        (lab.data / "conf.d").mkdir(exist_ok=True)
        keys = f'key "acme" {{ algorithm hmac-sha256; secret "{SECRET}"; }};'
        zone = DnsServer(lab.directory / "zone", {DOMAIN: "@ A 127.0.0.1\n* A 127.0.0.1"}, keys=keys,
                         zone_options="update-policy { grant acme zonesub TXT; };")
        lab.dns.stop()
        lab.dns = zone
        hooks = Hooks(zone.address)
        pebble = lab.pebble(servers.Pebble, "first")
        mistakes(lab, backend, pebble, hooks)
        configure(lab, backend, pebble, hooks.declared(), STYLES)
        pebble.start()
        lab.start()
        try:
            for style in STYLES:
                lab.wait_public(of(style))
                print(f"{of(style)} has a certificate of the other CA", flush=True)
            called(hooks)
            fails(lab, hooks)
            for role in ("runner", "keeper"):
                dies(lab, zone, hooks, role)
            refused(lab, hooks)
            hangs(lab, backend, pebble, hooks)
            left = {of(s): records(zone, of(s)) for s in STYLES if s != "certbot"}
            if any(left.values()):
                sys.exit(f"records that are left: {left}")
        finally:
            pebble.stop()
            backend.stop()


main()

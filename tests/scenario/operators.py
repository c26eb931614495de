#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""Who may operate, attacked with curl: signing in with what is wrong, old or used, from other sites, too often; commands that a
role has not; cookies that another site has a browser send; tokens that ended. Then that all of it is in the audit log."""

import base64
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import Lab, expect, run  # noqa: E402

PASSWORD = "correct horse battery"


def code(key, step):
    """RFC 6238, by Python's own library."""
    mac = hmac.new(base64.b32decode(key), struct.pack(">Q", step), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


class Browser:
    def __init__(self, lab, name):
        self.lab = lab
        self.jar = lab.directory / f"cookies-{name}"

    def ask(self, path, *options):
        """Status and body."""
        out = run("curl", "-sS", "--cacert", self.lab.roots, "-b", self.jar, "-c", self.jar, "-w", "\n%{http_code}", *options,
                  self.lab.api + path)
        body, status = out.rsplit("\n", 1)
        return int(status), body

    def post(self, path, args, *options):
        return self.ask(path, "-H", "Content-Type: application/json", "-d", json.dumps(args), *options)

    def sign_in(self, user, password, one_time, *options):
        form = urllib.parse.urlencode({"user": user, "password": password, "code": one_time})
        return self.ask("/ui/sign-in", "-d", form, *options)


def want(got, status, what):
    if got[0] != status:
        sys.exit(f"{what}: {got[0]} instead of {status}: {got[1][:500]}")
    return got[1]


def fresh_step(last):
    """A step of 30 seconds that is later than `last`, waiting for it."""
    for _ in range(40):
        step = int(time.time()) // 30
        if step > last:
            return step
        time.sleep(1)
    sys.exit("the clock stands still")


def add(lab, name, roles):
    file = lab.directory / "password.txt"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    made = json.loads(lab.autarky("user", "add", name, "--role", roles, "--host-user", "none", "--password-file", file,
                                  "--reason", "INC-1", "--json"))
    expect(made["totp"], f"otpauth://totp/Example%20Hospital:{name}?secret={made['totp_key']}", "the URL of the generator")
    return made["totp_key"]


def signing_in(lab, key):
    alice = Browser(lab, "alice")
    origin = ("-H", f"Origin: {lab.api}")
    step = fresh_step(0)
    page = want(alice.ask("/ui/"), 403, "the dashboard without a session")
    expect(page, 'name="password"', "the form")
    wrong = want(alice.sign_in("alice", "wrong password", code(key, step), *origin), 403, "a wrong password")
    for user, password, one_time in (("alice", PASSWORD, "000000"), ("nobody", PASSWORD, code(key, step)),
                                     ("alice' OR 1=1 --", PASSWORD, "1"), ("alice", "x" * 290, code(key, step))):
        time.sleep(0.4)
        if want(alice.sign_in(user, password, one_time, *origin), 403, f"signing in as {user}") != wrong:
            sys.exit(f"the answer for {user} tells something")
    for header in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"):
        expect(want(alice.sign_in("alice", PASSWORD, code(key, step), "-H", header), 403, "another site's form"), "another site", header)
    time.sleep(2)  # the pause of five failures
    step = fresh_step(0)
    out = run("curl", "-sS", "--cacert", lab.roots, "-D", "-", "-o", "/dev/null", "-c", alice.jar, *origin, "-d",
              urllib.parse.urlencode({"user": "alice", "password": PASSWORD, "code": code(key, step)}), lab.api + "/ui/sign-in")
    expect(out, " 303", "signing in")
    for attribute in ("__Host-autarky=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        expect(out, attribute, "the cookie")
    expect(want(alice.ask("/ui/plain"), 200, "the dashboard"), "Overview", "the dashboard")
    time.sleep(1)
    want(Browser(lab, "replay").sign_in("alice", PASSWORD, code(key, step), *origin), 403, "a code for the second time")
    return alice, step


def roles(lab, alice):
    origin = ("-H", f"Origin: {lab.api}")
    expect(want(alice.ask("/api/v1/issuance/status"), 200, "what an operator may see"), '"frozen":false', "the status")
    want(alice.post("/api/v1/issuance/freeze", {"reason": "x"}), 403, "a cookie without an origin")
    want(alice.post("/api/v1/issuance/freeze", {"reason": "x"}, "-H", "Origin: https://evil.example"), 403, "another site")
    want(alice.ask("/api/v1/issuance/freeze"), 405, "a change by GET")
    want(alice.post("/api/v1/issuance/freeze", {"reason": "INC-2"}, *origin), 200, "an operator freezes")
    for command in ("issuance/thaw", "user/add", "token/create", "ui/link", "issuer/change", "approval/grant", "user/list"):
        body = want(alice.post("/api/v1/" + command, {}, *origin), 403, f"an operator's {command}")
        expect(body, "core.admin-roles", f"why not {command}")
    lab.autarky("issuance", "thaw", "--reason", "INC-2")


def tokens(lab):
    nobody = Browser(lab, "nobody")
    expect(want(nobody.ask("/api/v1/status", "-i"), 401, "nobody").lower(), 'www-authenticate: bearer realm="autarky"\n', "the challenge")
    made = json.loads(lab.autarky("token", "create", "nagios", "--role", "viewer", "--expires", "1h", "--json"))
    bearer = ("-H", f"Authorization: Bearer {made['token']}")
    expect(want(nobody.ask("/api/v1/status", *bearer), 200, "a token"), '"organization":"Example Hospital"', "the status")
    expect(want(nobody.post("/api/v1/issuance/freeze", {}, *bearer, "-i"), 403, "a viewer freezes"), 'error="insufficient_scope"', "why")
    want(nobody.ask("/api/v1/status", "-H", f"Authorization: Bearer {made['token'][:-1]}"), 401, "a piece of a token")
    lab.autarky("token", "revoke", "nagios")
    expect(want(nobody.ask("/api/v1/status", *bearer, "-i"), 401, "a revoked token"), 'error="invalid_token"', "why")


def main():
    with Lab() as lab:
        lab.start()
        key = add(lab, "alice", "operator")
        alice, step = signing_in(lab, key)
        roles(lab, alice)
        tokens(lab)
        expect(lab.autarky("session", "list"), "alice", "who is signed in")
        new = json.loads(lab.autarky("user", "totp", "alice", "--json"))["totp_key"]
        want(alice.ask("/api/v1/status"), 401, "a session of a user who was changed")
        fresh = fresh_step(step)
        want(alice.sign_in("alice", PASSWORD, code(key, fresh)), 403, "a code of the old key")
        time.sleep(5)  # the pause of seven failures
        want(alice.sign_in("alice", PASSWORD, code(new, fresh)), 303, "a code of the new key")
        lab.autarky("user", "remove", "alice")
        want(alice.ask("/ui/"), 403, "a session of a user who was removed")
        lab.autarky("audit", "export", "--out", lab.directory / "audit")
        trail = "".join(f.read_text(errors="replace") for f in (lab.directory / "audit").rglob("*") if f.is_file())
        for action in ("user.added", "operator.signed-in", "operator.sign-in-refused", "operator.refused", "token.created",
                       "token.revoked", "user.totp-replaced", "user.removed", '"user alice"', "issuance.frozen"):
            expect(trail, action, "the audit log")
        for secret in (PASSWORD, key, new, "wrong password"):
            if secret in trail or secret in lab.log():
                sys.exit("a secret is on record")


main()

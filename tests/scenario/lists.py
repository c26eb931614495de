#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Lists of /api/v1/ in pages, walked with curl while rows come and go: nothing is missed, nothing comes twice. The command line has
them whole, and so has whoever gives no limit. The document says which member a list is."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, Lab, expect, free_port, run, wait_for  # noqa: E402

PASSWORD = "correct horse battery"
ROWS = 12  # each
RECEIVERS = 8
LIMITS = (1, 5)


class Robot:
    """A program with a token, which asks with curl."""

    def __init__(self, lab):
        self.lab = lab
        self.token = json.loads(lab.autarky("token", "create", "robot", "--role", "operator,officer,auditor", "--expires", "1h",
                                            "--json"))["token"]

    def post(self, command, args, status=200):
        out = run("curl", "-sS", "--max-time", "20", "--cacert", self.lab.roots, "-H", f"Authorization: Bearer {self.token}", "-H",
                  "Content-Type: application/json", "-d", json.dumps(args), "-w", "\n%{http_code}",
                  f"{self.lab.api}/api/v1/{command.replace(' ', '/')}")
        body, got = out.rsplit("\n", 1)
        if int(got) != status:
            sys.exit(f"{command} {args}: {got} instead of {status}: {body[:500]}")
        return json.loads(body)


# ---- rows

def many(make):
    """Those are slow for the password's sake, or wait for the disk."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return list(pool.map(make, range(ROWS)))


def add_user(lab, name):
    file = lab.directory / "password.txt"
    return json.loads(lab.autarky("user", "add", name, "--role", "viewer", "--host-user", "none", "--password-file", file,
                                  "--json"))["totp_key"]


def code_of(key):
    mac = hmac.new(base64.b32decode(key), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


def sign_in(lab, name, key):
    """By password and code; a code is good once, so one session of each user. So many at a time are told to wait."""
    for _ in range(60):
        form = urllib.parse.urlencode({"user": name, "password": PASSWORD, "code": code_of(key)})
        out = run("curl", "-sS", "--cacert", lab.roots, "-H", f"Origin: {lab.api}", "-o", "/dev/null", "-w", "%{http_code}", "-d", form,
                  lab.api + "/ui/sign-in")
        if out != "429":
            break
        time.sleep(1)
    if out != "303":
        sys.exit(f"{name} is not signed in: {out}")


def add_silence(lab, name):
    lab.autarky("alert", "silence", "--owner", name, "--until", "1h", "--reason", name)


def end_silence(lab, row):
    lab.autarky("alert", "unsilence", row["id"], "--reason", "over")


def end_session(lab, row):
    lab.autarky("session", "end", row["id"], "--reason", "over")


class Kind:
    """A list; `add` makes a row of that name, `end` has one go."""

    def __init__(self, command, member, key, add=None, end=None):
        self.command, self.member, self.key, self.add, self.end = command, member, key, add, end


KINDS = (
    Kind("token list", "tokens", "name",
         lambda lab, name: lab.autarky("token", "create", name, "--role", "viewer", "--expires", "1h", "--json")),
    Kind("eab list", "items", "name", lambda lab, name: lab.autarky("eab", "create", name, "--json")),
    Kind("user list", "users", "name", add_user),
    Kind("session list", "sessions", "id", None, end_session),
    Kind("alert silences", "items", "id", add_silence, end_silence),
    Kind("agent tokens", "items", "id", lambda lab, name: lab.autarky("agent", "token", "create", "--name", name, "--reason", "test"),
         lambda lab, row: lab.autarky("agent", "remove", row["id"], "--reason", "over")),
    Kind("alert deliveries", "items", "id", lambda lab, name: lab.autarky("issuance", "freeze", "--zone", f"{name}.{DOMAIN}", "--reason",
                                                                          name)),
)


# ---- walks

def walk(lab, robot, kind, limit):
    """All pages; while it goes on, rows come, and some go: one that was shown, the one where it stands, one that comes."""
    before = robot.post(kind.command, {})[kind.member]
    seen, cursor, pages = [], None, 0
    while True:
        page = robot.post(kind.command, {"limit": limit, **({"cursor": cursor} if cursor else {})})
        rows, cursor = page[kind.member], page["next"]
        if len(rows) > limit:
            sys.exit(f"{kind.command}: {len(rows)} rows instead of {limit} at most")
        seen += [row[kind.key] for row in rows]
        pages += 1
        if not cursor:
            break
        if pages in (2, 3):
            if kind.add:
                kind.add(lab, f"more-{limit}-{pages}-{kind.member}")
            there = {row[kind.key] for row in robot.post(kind.command, {})[kind.member]}
            for row in (before[0], rows[-1], before[-pages]) if kind.end else ():
                if row[kind.key] in there:
                    kind.end(lab, row)
                    there.discard(row[kind.key])
    after = {row[kind.key] for row in robot.post(kind.command, {})[kind.member]}
    missed = [row[kind.key] for row in before if row[kind.key] in after and row[kind.key] not in seen]
    twice = {key for key in seen if seen.count(key) > 1}
    if missed or twice or pages < len(after) // limit // 2:
        sys.exit(f"{kind.command} by {limit}: {missed} missed, {twice} twice, {pages} pages")
    print(f"{kind.command} by {limit}: {len(seen)} rows on {pages} pages")


def whole(lab, robot, kind):
    """At the command line, in words and as JSON; one page of it as well."""
    answer = robot.post(kind.command, {})
    rows = answer[kind.member]
    if len(rows) < 2 or answer["next"] is not None:
        sys.exit(f"{kind.command}: {len(rows)} rows, and it goes on at {answer['next']}")
    words = kind.command.split()
    shown = json.loads(lab.autarky(*words, "--json"))
    if [row[kind.key] for row in shown[kind.member]] != [row[kind.key] for row in rows] or shown["next"] is not None:
        sys.exit(f"{kind.command} is another list at the command line")
    text = lab.autarky(*words)
    for row in rows:
        expect(text, row[kind.key], kind.command)
    one = json.loads(lab.autarky(*words, "--json", "--limit", "1"))
    two = json.loads(lab.autarky(*words, "--json", "--limit", "1", "--cursor", one["next"]))
    if [one[kind.member][0][kind.key], two[kind.member][0][kind.key]] != [row[kind.key] for row in rows[:2]]:
        sys.exit(f"{kind.command}: the first two pages are not the first two rows")


def document(lab, robot):
    """Every list of the document is one, takes what it says, and refuses what is no cursor."""
    paths = json.loads(run("curl", "-sS", "--cacert", lab.roots, lab.api + "/api/v1/openapi.json"))["paths"]
    lists = 0
    for path, methods in paths.items():
        schema = methods["post"]["requestBody"]["content"]["application/json"]["schema"]
        if "cursor" not in schema["properties"] or schema["required"]:
            continue
        answer = methods["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        command = path[1:]
        got = robot.post(command, {"limit": 1})
        for member in answer["required"]:
            if member not in got:
                sys.exit(f"{command} has no {member}")
        for bad in ("..", "1 OR 1=1", "18446744073709551616", "-1", "x" * 3000):
            if robot.post(command, {"cursor": bad}, 400)["code"] != "api.list-cursor":
                sys.exit(f"{command} takes the cursor {bad}")
        lists += 1
    if lists < 19:
        sys.exit(f"the document has {lists} lists")


def main():
    # Each message of a round is a delivery to each of them, and none is there.
    extra = "receivers:\n" + "".join(f"  - {{name: nobody{n}, kind: alertmanager, url: \"http://127.0.0.1:{free_port()}\", plain: true}}\n"
                                      for n in range(RECEIVERS))
    extra += f"agents: {{enabled: true}}\nalerts:\n  - {{to: [{', '.join(f'nobody{n}' for n in range(RECEIVERS))}]}}\n"
    with Lab(extra=extra) as lab:
        lab.start()
        robot = Robot(lab)
        (lab.directory / "password.txt").write_text(PASSWORD + "\n")
        (lab.directory / "password.txt").chmod(0o600)
        keys = many(lambda n: add_user(lab, f"user{n}"))
        many(lambda n: sign_in(lab, f"user{n}", keys[n]))
        for kind in KINDS:
            if kind.add and kind.command != "user list":
                many(lambda n, kind=kind: kind.add(lab, f"row{n}"))
        wait_for("deliveries", lambda: len(robot.post("alert deliveries", {})["items"]) >= RECEIVERS)
        document(lab, robot)
        for kind in KINDS:
            whole(lab, robot, kind)
            for limit in LIMITS:
                walk(lab, robot, kind, limit)


if __name__ == "__main__":
    main()

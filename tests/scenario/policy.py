#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The policy's rules from outside, with Debian's certbot and a client of our own: the most specific rule decides, a key is the
only proof, what is refused says by whom and no more, operators have what rules give them; check and explain say the same."""
# autarky-test: timeout=300

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import AcmeError, Client, Http01, make_csr, new_key  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, OPENSSL, expect, run, verify_chain  # noqa: E402

RULES = f"""\
  - {{name: wide, allow: ["*.{DOMAIN}"], lifetime: 30d, profiles: [default]}}
  - {{name: few, allow: ["*.few.{DOMAIN}"], names_max: 1}}
  - {{name: devices, allow: ["pump-*.{DOMAIN}"], eab: [pumps], challenges: [none], key_algorithms: [ecdsa], lifetime: 2d}}
  - {{name: closed, allow: [closed.{DOMAIN}], networks: [203.0.113.0/24]}}
"""


def is_(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found}, not {wanted}")


def refused(what, kind, text, call):
    try:
        call()
    except AcmeError as error:
        is_(what, error.kind, kind)
        expect(str(error), text, what)
        return str(error)
    sys.exit(f"{what} was not refused")




def by_key(lab):
    """certbot proves nothing: no port is given to it and nothing listens there."""
    made = json.loads(lab.autarky("eab", "create", "pumps", "--json"))
    home, name = lab.directory / "certbot", f"pump-7.{DOMAIN}"
    run("/usr/bin/certbot", "certonly", "--standalone", "--http-01-port", lab.http_port, "--server", lab.directory_url,
        "--agree-tos", "--email", f"a@{DOMAIN}", "--no-eff-email", "--eab-kid", made["kid"], f"--eab-hmac-key={made['key']}",
        "-d", name, "--config-dir", home, "--work-dir", home, "--logs-dir", home, "--non-interactive",
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.roots)})
    live = home / "live" / name
    verify_chain(lab.roots, live / "cert.pem", live / "chain.pem", live / "fullchain.pem", name)
    run(OPENSSL, "x509", "-in", live / "cert.pem", "-noout", "-checkend", 3 * 86400, ok=(1,))
    account, = json.loads(lab.autarky("account", "list", "--eab", "pumps", "--json"))["items"]
    told = json.loads(lab.autarky("policy", "explain", "--account", account["id"], "--name", name, "--json"))
    is_("explain", (told["allowed"], told["eab"], told["names"][0]["rule"], told["names"][0]["vouched"], told["lifetime"]),
        (True, "pumps", "devices", True, "2d"))


def by_rule(lab, responder):
    client = Client(lab.directory_url, str(lab.roots), responder)
    client.register()
    issued = lab.directory / "wide.pem"
    issued.write_bytes(client.obtain([f"a.{DOMAIN}", f"b.{DOMAIN}"]).pem)
    run(OPENSSL, "x509", "-in", issued, "-noout", "-checkend", 31 * 86400, ok=(1,))
    run(OPENSSL, "x509", "-in", issued, "-noout", "-checkend", 28 * 86400)
    refused("two of few", "rejectedIdentifier", 'rule \\"few\\"', lambda: client.order([f"a.few.{DOMAIN}", f"b.few.{DOMAIN}"]))
    text = refused("nobody's", "rejectedIdentifier", "no policy rule allows", lambda: client.order([DOMAIN]))
    if "pump" in text or "203.0.113" in text:
        sys.exit(f"a refusal tells of other rules: {text}")
    # Where the special rule is for others, the wide one counts.
    client.obtain([f"closed.{DOMAIN}"])
    # What a rule no longer takes is refused when the challenge is answered, and at finalize.
    _, made = client.order([f"late.{DOMAIN}"])
    url, ready = client.order([f"later.{DOMAIN}"])
    client.answer(ready["authorizations"][0])
    client.wait(url, ("ready",))
    lab.configure(policy=RULES.replace("profiles: [default]", "profiles: [default], challenges: [dns-01]"))
    lab.autarky("reload")
    refused("the challenge", "unauthorized", "does not take http-01", lambda: client.answer(made["authorizations"][0]))
    refused("finalize", "unauthorized", "takes that no more",
            lambda: client.finalize(url, ready, make_csr(new_key(), [f"later.{DOMAIN}"])))
    lab.configure(policy=RULES)
    lab.autarky("reload")


def operators(lab):
    out = lab.directory / "issued"
    lab.autarky("cert", "issue", "--name", f"o.{DOMAIN}", "--out", out)
    lab.configure(policy=RULES + f"  - {{name: hands, from: [operators], allow: [\"*.{DOMAIN}\"], key_algorithms: [ecdsa]}}\n")
    lab.autarky("reload")
    lab.autarky("cert", "issue", "--name", f"o.{DOMAIN}", "--out", out, "--force")
    told = run(AUTARKY, "cert", "issue", "--name", f"o.{DOMAIN}", "--key", "rsa", "--out", out, "--force", "--data", lab.data,
               ok=(2,))
    expect(told, 'rule "hands"', "a key that the rule has not")
    told = run(AUTARKY, "cert", "issue", "--name", DOMAIN, "--out", out, "--force", "--data", lab.data, ok=(2,))
    expect(told, "no policy rule allows", "a name that no rule has")


def commands(lab):
    told = lab.autarky("policy", "explain", "--account", "none", "--from", "10.1.2.3", "--name", f"closed.{DOMAIN}")
    expect(told, "rule closed: has it, but not for that address", "explain")
    expect(told, "rule wide: decides", "explain")
    expect(told, "ALLOWED", "explain")
    told = lab.autarky("policy", "explain", "--from", "203.0.113.9", "--name", f"closed.{DOMAIN}")
    expect(told, "rule closed: decides", "explain from inside")
    expect(lab.autarky("policy", "explain", "--name", f"*.x.{DOMAIN}"), "REFUSED", "explain a wildcard")
    expect(lab.autarky("policy", "check"), "nothing is wrong", "check")
    lab.configure(policy=RULES + f"  - {{name: again, allow: [\"*.{DOMAIN}\"]}}\n  - {{name: none, allow: [example.com]}}\n")
    found = json.loads(run(AUTARKY, "policy", "check", "--json", "--data", lab.data, ok=(2,)))
    is_("check", [(f["finding"], f["rule"], f.get("other")) for f in found["findings"]],
        [("unreachable", "again", "wide"), ("outside", "none", None)])


def dry_run(lab):
    """Of what the others left, the pump's certificate and the operators' could not be had again; the rest could."""
    new = lab.directory / "new.yaml"
    lab.configure(policy=f"""\
  - {{name: clients-only, from: [clients], allow: ["*.{DOMAIN}"]}}
  - {{name: pumps, from: [clients], allow: ["pump-*.{DOMAIN}"], profiles: [short]}}
""")
    new.write_text((lab.data / "autarky.yaml").read_text())
    lab.configure(policy=RULES)
    told = json.loads(run(AUTARKY, "policy", "check", "--config", new, "--dry-run", "--json", "--data", lab.data, ok=(2,)))
    why = {name: item["text"] for item in told["refused"] for name in item["names"]}
    is_("what could not be had again", sorted(why), sorted([f"o.{DOMAIN}", f"pump-7.{DOMAIN}"]))
    expect(why[f"pump-7.{DOMAIN}"], 'rule "pumps"', "the pump's profile")
    expect(why[f"o.{DOMAIN}"], "no policy rule allows", "the operators' name")
    if told["looked_at"] <= told["refused_total"]:
        sys.exit(f"nothing stays: {told}")
    expect(lab.autarky("policy", "check", "--dry-run"), "0 of", "under the rules in force")


def hostile(lab):
    for rule, wanted in ((f"groups: [nobody], allow: [a.{DOMAIN}]", 'group "nobody"'),
                         (f"profiles: [gone], allow: [a.{DOMAIN}]", 'profile "gone"'),
                         (f"challenges: [none], allow: [a.{DOMAIN}]", "wants no proof"),
                         (f"challenges: [none, dns-01], eab: [k], allow: [a.{DOMAIN}]", "others beside"),
                         (f"wildcards: approval, allow: [a.{DOMAIN}]", "takes approval, by 1 of"),
                         (f"lifetime: 5m, allow: [a.{DOMAIN}]", "an hour"),
                         ("allow: [\"a*b*c*d*e*.lan\"]", "4 stars")):
        lab.configure(policy=f"  - {{name: bad, {rule}}}\n")
        expect(run(AUTARKY, "config", "check", "--data", lab.data, ok=(2,)), wanted, rule)


def main():
    with Lab(policy=RULES) as lab:
        lab.start()
        by_key(lab)
        responder = Http01(lab.http_port)
        by_rule(lab, responder)
        responder.close()
        operators(lab)
        lab.configure(policy=RULES)
        lab.autarky("reload")
        commands(lab)
        dry_run(lab)
        hostile(lab)
        lab.configure(policy=RULES)


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""RFC 8555 clause by clause against the running service, by a client that breaks each of them: the form and signature of
requests, nonces, what a deactivated account and a stranger may do, races, and how much one account may leave open."""

import collections
import hashlib
import hmac
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

# pylint: disable=wrong-import-position
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from acme import AcmeError, Client, Http01, b64, compact, in_parallel, make_csr, new_key
from lab import DOMAIN, Lab

ORDER = {"identifiers": [{"type": "dns", "value": f"a.{DOMAIN}"}]}


def fail(clause, what, found):
    sys.exit(f"RFC 8555 section {clause}: {what}: {found}")


def is_(clause, what, found, wanted):
    if found != wanted:
        fail(clause, what, f"{found}, not {wanted}")


def kind_of(reply):
    return reply.problem().get("type", "").rsplit(":", 1)[-1] if reply.status >= 400 else reply.status


class Forger:
    """Sends what it is told to, as one account or none."""

    def __init__(self, client):
        self.client = client
        self.url = client.directory["newOrder"]

    def nonce(self):
        return self.client._new_nonce()  # pylint: disable=protected-access

    def raw(self, body, url=None, method="POST"):
        return self.client._send(method, url or self.url, body)  # pylint: disable=protected-access

    def sign(self, protected, payload, key=None):
        """`protected` may be text, to be wrong as JSON."""
        text = protected if isinstance(protected, str) else compact(protected)
        head, tail = b64(text.encode()), payload if isinstance(payload, str) else b64(compact(payload).encode())
        r, s = utils.decode_dss_signature((key or self.client.key).sign(f"{head}.{tail}".encode(), ec.ECDSA(hashes.SHA256())))
        return {"protected": head, "payload": tail, "signature": b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}

    def header(self, **changed):
        header = {"alg": "ES256", "kid": self.client.kid, "nonce": self.nonce(), "url": self.url}
        header.update(changed)
        return {k: v for k, v in header.items() if v is not None}

    def send(self, payload=None, **changed):
        return self.raw(compact(self.sign(self.header(**changed), ORDER if payload is None else payload)))


# ---- section 6: requests

def forms(f):
    good = f.sign(f.header(), ORDER)
    deep = "[" * 5000 + "]" * 5000
    doubled = compact(f.header())[:-1] + ',"alg":"ES256"}'
    for clause, what, body, wanted in (
            ("6.2", "no JSON", "jose", "malformed"),
            ("6.2", "an array", "[]", "malformed"),
            ("6.2", "a part is missing", compact({k: good[k] for k in ("protected", "payload")}), "malformed"),
            ("6.2", "an unprotected header", compact({**good, "header": {}}), "malformed"),
            ("6.2", "several signatures", compact({"payload": good["payload"], "signatures": [good]}), "malformed"),
            ("6.1", "a member twice", compact(good)[:-1] + ',"payload":""}', "malformed"),
            ("6.1", "a member of the header twice", compact(f.sign(doubled, ORDER)), "malformed"),
            ("6.1", "nested too deep", compact(f.sign(f.header(), b64(deep.encode()))), "malformed"),
            ("6.1", "nested too deep outside", deep, "malformed"),
            ("6.1", "base64url with padding", compact({**good, "payload": good["payload"] + "=="}), "malformed"),
            ("6.1", "base64, not base64url", compact({**good, "signature": "+/" + good["signature"][2:]}), "malformed"),
            ("6.1", "characters that are none", compact({**good, "payload": "a b"}), "malformed"),
            ("6.2", "the payload is no object", compact(f.sign(f.header(), b64(b"[1]"))), "malformed"),
            ("6.2", "the payload is no JSON", compact(f.sign(f.header(), b64(b"{"))), "malformed"),
            ("6.2", "the payload was changed", compact({**good, "payload": b64(b"{}")}), "malformed"),
            ("6.2", "larger than is read", compact(f.sign(f.header(), b64(b"{" + b" " * 140000 + b"}"))), "malformed")):
        is_(clause, what, kind_of(f.raw(body)), wanted)


def keys(f):
    spki = f.client.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def confused(secret):
        head, tail = b64(compact(f.header(alg="HS256")).encode()), b64(compact(ORDER).encode())
        return compact({"protected": head, "payload": tail,
                        "signature": b64(hmac.new(secret, f"{head}.{tail}".encode(), hashlib.sha256).digest())})

    for clause, what, reply, wanted in (
            ("6.2", "alg none", f.send(alg="none"), "badSignatureAlgorithm"),
            ("6.2", "HS256 under the public key", f.raw(confused(spki)), "badSignatureAlgorithm"),
            ("6.2", "HS256 under the JWK", f.raw(confused(compact(f.client.jwk).encode())), "badSignatureAlgorithm"),
            ("6.2", "ES384 with a P-256 key", f.send(alg="ES384"), "badSignatureAlgorithm"),
            ("6.2", "RS256 with a P-256 key", f.send(alg="RS256"), "badSignatureAlgorithm"),
            ("6.2", "jwk and kid", f.send(jwk=f.client.jwk), "malformed"),
            ("6.2", "neither", f.send(kid=None), "malformed"),
            ("6.2", "jwk where kid is wanted", f.send(kid=None, jwk=f.client.jwk), "malformed"),
            ("6.2", "no alg", f.send(alg=None), "malformed"),
            ("6.2", "crit", f.send(crit=["x"]), "malformed"),
            ("6.2", "b64", f.send(b64=False), "malformed"),
            ("6.2", "another key", f.raw(compact(f.sign(f.header(), ORDER, new_key()))), "malformed"),
            ("6.2", "an account that there is not", f.send(kid=f.client.kid[:-26] + "0" * 26), "accountDoesNotExist"),
            ("6.2", "an account elsewhere", f.send(kid="https://ca.elsewhere.test/acme/account/1"), "accountDoesNotExist"),
            ("6.4", "another url", f.send(url=f.client.directory["revokeCert"]), "unauthorized"),
            ("6.4", "a url elsewhere", f.send(url="https://ca.elsewhere.test/acme/new-order"), "unauthorized"),
            ("6.4", "no url", f.send(url=None), "malformed")):
        is_(clause, what, kind_of(reply), wanted)
    listed = f.send(alg="none").problem()
    is_("6.2", "the algorithms that there are", listed.get("algorithms"), ["RS256", "ES256", "ES384"])
    curve = dict(f.client.jwk, crv="P-384")
    off = dict(f.client.jwk, y=f.client.jwk["x"])
    for what, jwk in (("another curve", curve), ("a point off the curve", off), ("symmetric", {"kty": "oct", "k": "AAAA"})):
        body = f.sign({"alg": "ES256", "jwk": jwk, "nonce": f.nonce(), "url": f.client.directory["newAccount"]}, {})
        found = kind_of(f.raw(compact(body), f.client.directory["newAccount"]))
        if found not in ("badPublicKey", "badSignatureAlgorithm"):
            fail("6.7", f"a JWK with {what}", found)


def nonces(f, foreign):
    body = compact(f.sign(f.header(), ORDER))
    is_("6.5", "the first time", f.raw(body).status, 201)
    again = f.raw(body)
    is_("6.5", "the same again", kind_of(again), "badNonce")
    if not again.headers.get("Replay-Nonce"):
        fail("6.5.1", "badNonce without a fresh nonce", again.headers)
    for what, nonce, wanted in (("another boot's", foreign, "badNonce"), ("none", None, "badNonce"), ("empty", "", "malformed"),
                                ("made up", "AAAA", "badNonce"), ("no base64url", "a b", "badNonce")):
        is_("6.5", f"a nonce, {what}", kind_of(f.send(nonce=nonce)), wanted)


# ---- sections 6.3, 7: resources

def resources(client, order_url, order, certificate):
    """All that belongs to an account, with what is sent to it."""
    authorization = order["authorizations"][0]
    challenge = client.post(authorization).json["challenges"][0]["url"]
    csr = {"csr": b64(make_csr(new_key(), [f"a.{DOMAIN}"]))}
    return [(order_url, None), (order["finalize"], csr), (authorization, None), (authorization, {"status": "deactivated"}),
            (challenge, {}), (challenge, None), (certificate, None), (client.kid, None), (client.kid, {"status": "deactivated"}),
            (client.kid + "/orders", None)]


def only_by_post(f, objects):
    for url, _ in objects + [(f.client.directory[n], None) for n in
                             ("newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange")]:
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
            reply = f.raw(None, url, method)
            if reply.status not in (405, 501) or b"orders" in reply.body or b"CERTIFICATE" in reply.body:
                fail("6.3", f"{method} {url}", (reply.status, reply.body))


def headers(client, objects):
    index = f'<{client.directory["newNonce"].replace("new-nonce", "directory")}>;rel="index"'
    for url, payload in objects:
        if payload is not None:
            continue
        reply = client.post(url)
        links = reply.headers.get_all("Link") or []
        if index not in links:
            fail("7.1", f"{url} without a link to the directory", links)
        if not reply.headers.get("Replay-Nonce"):
            fail("6.5", f"{url} without a nonce", reply.headers)
        if reply.headers.get("Cache-Control") != "no-store":
            fail("7.2", f"{url} may be kept", reply.headers)
        if "/challenge/" in url and not any(link.endswith(';rel="up"') for link in links):
            fail("7.5.1", "a challenge without its authorization", links)


def attempt(client, url, payload):
    try:
        return client.post(url, payload).status
    except AcmeError as error:
        return error.kind


def strangers(other, objects):
    for url, payload in objects:
        found = attempt(other, url, payload)
        if found not in ("malformed", "unauthorized"):
            fail("6.2", f"another account's {url}", found)


def deactivated(client, objects):
    client.post(client.kid, {"status": "deactivated"})
    more = [(client.directory["newOrder"], ORDER), (client.directory["newAuthz"], {"identifier": ORDER["identifiers"][0]}),
            (client.directory["keyChange"], {}), (client.directory["revokeCert"], {"certificate": ""})]
    for url, payload in objects + more:
        is_("7.3.6", f"a deactivated account at {url}", attempt(client, url, payload), "unauthorized")
    kid, client.kid = client.kid, None
    try:
        client.register()
    except AcmeError as error:
        is_("7.3.6", "its key again", error.kind, "unauthorized")
    else:
        fail("7.3.6", "its key again", client.kid)
    client.kid = kid


def ready(client, name):
    url, order = client.order([name])
    client.answer(order["authorizations"][0])
    client.wait(url, ("ready",))
    return url, order


def same_account(client):
    copy = Client(client.directory["newNonce"].replace("new-nonce", "directory"), client.roots)
    copy.kid, copy.key, copy.jwk = client.kid, client.key, client.jwk
    return copy


def one_certificate(lab, client):
    name = f"race.{DOMAIN}"
    url, order = ready(client, name)
    copies = [same_account(client) for _ in range(50)]
    found = collections.Counter(in_parallel(50, lambda i: attempt(copies[i], order["finalize"],
                                                                  {"csr": b64(make_csr(new_key(), [name]))})))
    is_("7.4", "finalize, 50 at once", found, {200: 1, "orderNotReady": 49})
    is_("7.4", "the order", client.post(url).json["status"], "valid")
    is_("7.4", "its certificates", lab.autarky("cert", "list", "--name", name).count(name), 1)


def subproblems(client):
    names = [f"good.{DOMAIN}", "www.elsewhere.test", "bad..name"]
    try:
        client.order(names)
    except AcmeError as error:
        found = [(s["type"].rsplit(":", 1)[1], s["identifier"]["value"]) for s in error.problem["subproblems"]]
        is_("6.7.1", "the type of all", error.kind, "compound")
        is_("6.7.1", "the types of each", sorted(found), [("malformed", "bad..name"), ("rejectedIdentifier", names[1])])
        return
    fail("6.7.1", "an order for others' names", "made")


def left_open(client, limit, tries):
    made = collections.Counter()
    for _ in range(tries):
        try:
            client.order([f"flood.{DOMAIN}"])
            made["made"] += 1
        except AcmeError as error:
            made[error.kind] += 1
            is_("6.6", "the status", error.status, 429)
    is_("6.6", f"{tries} orders", made, {"made": limit, "rateLimited": tries - limit})
    reply = client._send("POST", client.directory["newOrder"],  # pylint: disable=protected-access
                         client._sign(client.directory["newOrder"], ORDER, False))  # pylint: disable=protected-access
    if not reply.retry_after:
        fail("6.6", "rateLimited without Retry-After", reply.headers)


def main():
    with Lab() as lab:
        lab.start()
        early = Client(lab.directory_url, lab.roots)
        foreign = early._new_nonce()  # pylint: disable=protected-access
        lab.stop()
        lab.start()
        responder = Http01(lab.http_port)
        owner, other, flood = (Client(lab.directory_url, lab.roots, responder) for _ in range(3))
        for client in (owner, other, flood):
            client.register()
        forger = Forger(owner)
        forms(forger)
        keys(forger)
        nonces(forger, foreign)
        issued = owner.obtain([f"a.{DOMAIN}"])
        url, order = owner.order([f"a.{DOMAIN}"])
        objects = resources(owner, url, order, issued.url)
        only_by_post(forger, objects)
        headers(owner, objects)
        strangers(other, objects)
        one_certificate(lab, owner)
        subproblems(other)
        left_open(flood, 300, 340)
        left_open(other, 300, 310)  # an account of its own
        deactivated(owner, objects)
        responder.close()
        if lab.stop() != 0:
            sys.exit(lab.log()[-2000:])


main()

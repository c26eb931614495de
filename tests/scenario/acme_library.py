#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""What no packaged ACME client asks for, with python3-acme, the library behind certbot: each by its clause of RFC 8555."""

import datetime
import pathlib
import sys
import time

# Behind the system's: "acme" is the library here.
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import josepy  # noqa: E402
import OpenSSL  # noqa: E402
from acme import client as acme_client, jws  # noqa: E402
from lab import DOMAIN, OPENSSL, Lab, expect, run  # noqa: E402
from library import Json, Library, algorithm, errors, kind_of, leaf, messages, new_key  # noqa: E402
from responder import Http01  # noqa: E402

PAGE = 100  # of the list of orders


def fail(clause, what, found):
    sys.exit(f"RFC 8555 section {clause}: {what}: {found}")


def is_(clause, what, found, wanted):
    if found != wanted:
        fail(clause, what, f"{found}, not {wanted}")


def next_page(reply):
    return reply.links.get("next", {}).get("url")


# ---- section 7.3: accounts

def accounts(lab, responder):
    """onlyReturnExisting finds what is there and makes nothing."""
    nobody = Library(lab, responder, new_key("ec"), register=False)
    asked = messages.NewRegistration.from_data(terms_of_service_agreed=True).update(only_return_existing=True)
    is_("7.3.1", "a key that has no account", kind_of(lambda: nobody.client.new_account(asked)), "accountDoesNotExist")
    nobody.account = nobody.client.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
    found = nobody.client.query_registration(nobody.account)
    is_("7.3.1", "an account by its key", found.uri, nobody.account.uri)
    nobody.net.account = None
    try:
        nobody.client.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
    except errors.ConflictError as conflict:  # the library's word for status 200
        is_("7.3", "the same key again", conflict.location, nobody.account.uri)
    else:
        fail("7.3", "the same key again", "another account")


def rollover(lab, responder):
    """Section 7.3.5; afterwards the new key speaks for the account and the old one for nobody."""
    old = Library(lab, responder)
    other = Library(lab, responder)
    url, key = old.directory["keyChange"], new_key("ec")

    def inner(signer, old_key=old.key, account=old.account.uri, at=url):
        payload = {"account": account, "oldKey": old_key.public_key().to_partial_json()}
        signed = jws.JWS.sign(Json(payload).json_dumps().encode(), key=signer, alg=algorithm(signer), nonce=None, url=at)
        return {k: v for k, v in signed.to_partial_json().items() if k != "header"}

    for what, body, wanted in (("another account", inner(key, account=other.account.uri), "malformed"),
                               ("another old key", inner(key, old_key=other.key), "malformed"),
                               ("another url", inner(key, at=old.directory["newOrder"]), "malformed")):
        is_("7.3.5", what, kind_of(lambda body=body: old.post(url, body)), wanted)
    taken = None
    try:
        old.post(url, inner(other.key))
    except errors.ConflictError as conflict:
        taken = conflict.location
    is_("7.3.5", "a key that another account has", taken, other.account.uri)
    old.post(url, inner(key))
    is_("7.3.5", "the old key, of another kind", kind_of(lambda: old.post(old.account.uri)), "badSignatureAlgorithm")
    net = acme_client.ClientNetwork(key, account=old.account, alg=josepy.ES256, verify_ssl=str(lab.roots))
    found = net.post(old.account.uri, None, new_nonce_url=old.directory["newNonce"]).json()
    is_("7.3.5", "the new key", found["status"], "valid")


# ---- section 7.1.2.1: the list of orders

def orders(lab, responder):
    library = Library(lab, responder)
    made = [library.order([f"o{i}.{DOMAIN}"])[0] for i in range(PAGE + 5)]
    account = library.post(library.account.uri).json()
    found, url, pages = [], account["orders"], 0
    while url:
        reply = library.post(url)
        found += reply.json()["orders"]
        url, pages = next_page(reply), pages + 1
    is_("7.1.2.1", "the orders", (sorted(found), pages), (sorted(made), 2))


# ---- section 7.4

def dates(library):
    now = datetime.datetime.utcnow().replace(microsecond=0)
    until = now + datetime.timedelta(days=3)
    name = f"dates.{DOMAIN}"
    _, order = library.order([name], notBefore=(now - datetime.timedelta(seconds=30)).isoformat() + "Z",
                             notAfter=until.isoformat() + "Z")
    is_("7.4", "notAfter", order["notAfter"], until.isoformat() + "Z")
    library.prove(order)
    cert = leaf(library.pem(library.finalize(order, [name])["certificate"]))
    is_("7.4", "the certificate's end", cert.not_valid_after, until)
    if cert.not_valid_before < now - datetime.timedelta(seconds=30):
        fail("7.4", "the certificate's beginning", cert.not_valid_before)
    for wrong in ({"notBefore": (now + datetime.timedelta(days=1)).isoformat() + "Z"}, {"notAfter": "2020-01-01T00:00:00Z"},
                  {"notAfter": (now + datetime.timedelta(days=4000)).isoformat() + "Z"}, {"notAfter": "soon"}):
        is_("7.4", wrong, kind_of(lambda wrong=wrong: library.order([name], **wrong)), "malformed")


def ahead(library):
    """Section 7.4.1: proven ahead, given up again (7.5.2)."""
    name = f"ahead.{DOMAIN}"
    reply = library.post(library.directory["newAuthz"], {"identifier": {"type": "dns", "value": name}})
    is_("7.4.1", "a new authorization", (reply.status_code, reply.json()["status"]), (201, "pending"))
    url = reply.headers["Location"]
    library.prove({"authorizations": [url]})
    _, order = library.order([name])
    is_("7.4.1", "an order that needs nothing more", (order["status"], order["authorizations"]), ("ready", [url]))
    resource = messages.AuthorizationResource(body=messages.Authorization.from_json(library.post(url).json()), uri=url)
    given_up = library.client.deactivate_authorization(resource)
    is_("7.5.2", "the authorization", given_up.body.status, messages.STATUS_DEACTIVATED)
    is_("7.4", "an order without its authorization", kind_of(lambda: library.finalize(order, [name])), "unauthorized")
    is_("7.4.1", "the next order", library.order([name])[1]["status"], "pending")
    is_("7.4.1", "a wildcard", kind_of(lambda: library.post(
        library.directory["newAuthz"], {"identifier": {"type": "dns", "value": f"*.{name}"}})), "malformed")


def several_problems(library):
    """Section 6.7.1."""
    try:
        library.order([f"good.{DOMAIN}", "www.elsewhere.test", "elsewhere.test"])
    except messages.Error as error:
        is_("6.7.1", "the type of all", error.code, "rejectedIdentifier")
        is_("6.7.1", "the names", sorted(p.identifier.value for p in error.subproblems), ["elsewhere.test", "www.elsewhere.test"])
    else:
        fail("6.7.1", "others' names", "ordered")


def nonce(library):
    """Section 6.5: the library signs again with the nonce that comes with badNonce."""
    net = library.net
    net._nonces.clear()  # pylint: disable=protected-access
    net._nonces.add(b"made up")  # pylint: disable=protected-access
    is_("6.5", "with a nonce that is none", library.post(library.account.uri).json()["status"], "valid")


# ---- section 7.4.2: alternate chains

def chains(lab, responder):
    """A client of the old root and one of the new root each find a chain for them."""
    library = Library(lab, responder)
    lab.autarky("root", "create", "--next", "--algorithms", "rsa")
    lab.autarky("issuer", "cross-sign", "root-rsa-2")
    time.sleep(1)
    name = f"chain.{DOMAIN}"
    key, csr = library.csr([name])
    order = library.client.new_order(csr)
    for resource in order.authorizations:
        library.authorize(resource)
    deadline = datetime.datetime.now() + datetime.timedelta(seconds=60)
    order = library.client.poll_authorizations(order, deadline)
    order = library.client.finalize_order(order, deadline, fetch_alternative_chains=True)
    all_of_them = [order.fullchain_pem, *order.alternative_fullchains_pem]
    if len(all_of_them) < 2 or len(set(all_of_them)) != len(all_of_them):
        fail("7.4.2", "chains", all_of_them)
    verified = set()
    for chain in all_of_them:
        file = lab.directory / "chain.pem"
        file.write_text(chain)
        is_("7.4.2", "the leaf", leaf(chain), leaf(order.fullchain_pem))
        for root in ("root-rsa", "root-rsa-2"):
            out = run(OPENSSL, "verify", "-x509_strict", "-CAfile", lab.data / "trust" / f"{root}.pem", "-untrusted", file, file,
                      ok=(0, 2))
            verified |= {root} if out.endswith(": OK\n") else set()
    is_("7.4.2", "the roots that the chains lead to", verified, {"root-rsa", "root-rsa-2"})
    return key


# ---- section 7.6

def revocation(lab, responder):
    owner, holder, stranger = (Library(lab, responder) for _ in range(3))
    names = [f"r1.{DOMAIN}", f"r2.{DOMAIN}"]

    def issued():
        order, key = owner.obtain(names)
        cert = OpenSSL.crypto.load_certificate(OpenSSL.crypto.FILETYPE_PEM, order.fullchain_pem.encode())
        return josepy.ComparableX509(cert), key

    first, _ = issued()
    is_("7.6", "a stranger", kind_of(lambda: stranger.client.revoke(first, 0)), "unauthorized")
    holder.obtain(names[:1])
    is_("7.6", "who has proven one of two names", kind_of(lambda: holder.client.revoke(first, 0)), "unauthorized")
    holder.obtain(names)
    is_("7.6", "of another's key", kind_of(lambda: holder.client.revoke(first, 1)), "badRevocationReason")
    holder.client.revoke(first, 4)
    is_("7.6", "again", kind_of(lambda: owner.client.revoke(first, 4)), "alreadyRevoked")
    second, key = issued()
    is_("7.6", "a reason that is none", kind_of(lambda: owner.client.revoke(second, 7)), "badRevocationReason")
    by_key = acme_client.ClientV2(owner.directory, acme_client.ClientNetwork(josepy.JWKRSA.load(key), verify_ssl=str(lab.roots)))
    by_key.revoke(second, 1)
    is_("7.6", "a certificate for a compromised key", kind_of(lambda: reuse(owner, names, key)), "badPublicKey")
    expect(lab.autarky("cert", "list", "--name", names[0]), "revoked", "the register")


def reuse(library, names, key):
    from acme import crypto_util  # pylint: disable=import-outside-toplevel
    _, order = library.order(names)
    library.prove(order)
    csr = OpenSSL.crypto.load_certificate_request(OpenSSL.crypto.FILETYPE_PEM, crypto_util.make_csr(key, names))
    library.net.post(order["finalize"], messages.CertificateRequest(csr=josepy.ComparableX509(csr)),
                     new_nonce_url=library.directory["newNonce"])


def main():
    with Lab(init_options=("--algorithms", "ecdsa,rsa")) as lab:
        lab.start()
        responder = Http01(lab.http_port)
        accounts(lab, responder)
        rollover(lab, responder)
        orders(lab, responder)
        library = Library(lab, responder)
        dates(library)
        ahead(library)
        several_problems(library)
        nonce(library)
        revocation(lab, responder)
        chains(lab, responder)
        responder.close()
        if lab.stop() != 0:
            sys.exit(lab.log()[-2000:])


main()

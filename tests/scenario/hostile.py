#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""Strangers and clients who mean harm, against the running service: requests that two parsers would read differently,
names that lead where validation must not go, other people's objects, CSRs for more than the order, and many at once."""

import collections
import pathlib
import socket
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

# pylint: disable=wrong-import-position
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from acme import AcmeError, Client, Http01, b64, in_parallel, make_csr, new_key
from lab import DOMAIN, Lab

FORBIDDEN = {"metadata": "A 169.254.169.254", "mapped": "AAAA ::ffff:169.254.169.254", "nat64": "AAAA 64:ff9b::a9fe:a9fe",
             "loop6": "AAAA ::1", "any": "A 0.0.0.0", "multicast": "A 224.0.0.1", "denied": "A 127.0.0.66"}


def fail(what, found):
    sys.exit(f"{what}: {found}")


# ---- strangers

def refused_requests(host):
    """Each with the status that must come, and nothing after it."""
    post = b"POST /acme/new-account HTTP/1.1\r\n" + host
    get = b"GET /acme/directory HTTP/1.1\r\n" + host
    second = b"GET /acme/directory HTTP/1.1\r\n" + host + b"\r\n"
    return {
        "both lengths": (400, post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second),
        "two lengths": (400, post + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc" + second),
        "signed length": (400, post + b"Content-Length: +3\r\n\r\nabc" + second),
        "two codings": (400, post + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + second),
        "space before colon": (400, post + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + second),
        "chunk extension": (400, post + b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n" + second),
        "folded": (400, get + b"X: a\r\n b\r\n\r\n" + second),
        "NUL": (400, get + b"X: a\0b\r\n\r\n" + second),
        "bare LF": (400, b"GET /acme/directory HTTP/1.1\nHost: localhost\n\n" + second),
        "fragment": (400, b"GET /acme/directory#a HTTP/1.1\r\n" + host + b"\r\n" + second),
        "tunnel": (501, b"CONNECT localhost:22 HTTP/1.1\r\n" + host + b"\r\n" + second),
        "long target": (414, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + host + b"\r\n"),
        "many headers": (431, get + b"X: a\r\n" * 101 + b"\r\n"),
        "large body": (413, post + b"Content-Length: 300000\r\n\r\n"),
        "foreign host": (421, b"GET /acme/directory HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
        "foreign URL": (421, b"GET https://evil.example/acme/directory HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"),
        "escaped path": (404, b"GET /acme/%64irectory HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"),
        "line in path": (404, b"GET /acme/a%0asupervisor%20info%20forged HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"),
    }


def exchange(port, request):
    context = ssl._create_unverified_context()  # pylint: disable=protected-access
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain) as s:
        s.sendall(request)
        answer = b""
        try:
            while piece := s.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def strangers(lab):
    port = int(lab.api.rsplit(":", 1)[1])
    for what, (status, request) in refused_requests(b"Host: localhost:%d\r\n" % port).items():
        answer = exchange(port, request)
        if not answer.startswith(b"HTTP/1.1 %d " % status) or answer.count(b"\r\nX-Request-Id: ") != 1:
            fail(what, answer)
        if b"evil.example/" in answer:
            fail(f"{what}: a URL of somebody else's", answer)
    if "\nsupervisor info forged" in lab.log():
        fail("a forged line", lab.log()[-2000:])


# ---- where validation does not go

def forbidden_addresses(client):
    orders = {n: client.order([f"{n}.{DOMAIN}"])[1]["authorizations"][0] for n in FORBIDDEN}
    for authorization in orders.values():
        client.answer(authorization)
    for name, authorization in orders.items():
        try:
            client.wait(authorization, ("valid",))
        except AcmeError:
            state = client.post(authorization).json
            kind = state["challenges"][0]["error"]["type"].rsplit(":", 1)[1]
            if kind != "rejectedIdentifier":
                fail(name, state)
            continue
        fail("validated", name)


# ---- clients

def status_of(work):
    try:
        return work().status
    except AcmeError as error:
        return error.kind


def ready_order(client, name):
    url, order = client.order([name])
    client.answer(order["authorizations"][0])
    client.wait(url, ("ready",))
    return url, order


def other_peoples_objects(owner, other):
    issued = owner.obtain([f"owned.{DOMAIN}"])
    url, order = ready_order(owner, f"pending.{DOMAIN}")
    challenge = owner.post(order["authorizations"][0]).json["challenges"][0]["url"]
    csr = {"csr": b64(make_csr(new_key(), [f"pending.{DOMAIN}"]))}
    for target, payload in ((url, None), (order["finalize"], csr), (order["authorizations"][0], None), (challenge, {}),
                            (issued.url, None), (owner.kid, None), (owner.kid + "/orders", None),
                            (owner.kid, {"status": "deactivated"})):
        found = status_of(lambda: other.post(target, payload))  # pylint: disable=cell-var-from-loop
        if found not in ("malformed", "unauthorized"):
            fail(target, found)
    der = b64(issued.cert.public_bytes(serialization.Encoding.DER))
    found = status_of(lambda: other.post(other.directory["revokeCert"], {"certificate": der}))
    if found != "unauthorized":
        fail("revocation by another", found)
    return issued, url, order


def csr_for(names, common_name=None, key=None, extensions=()):
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key or new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def more_than_ordered(client):
    name = f"narrow.{DOMAIN}"
    _, order = ready_order(client, name)
    dns = x509.DNSName
    for what, csr in {
            "wildcard": csr_for([dns(f"*.{DOMAIN}")]),
            "another name": csr_for([dns(name), dns(f"evil.{DOMAIN}")]),
            "common name": csr_for([dns(name)], f"evil.{DOMAIN}"),
            "address": csr_for([dns(name)], "10.0.0.1"),
            "NUL": csr_for([dns(name + "\0.evil.example")]),
            "final dot": csr_for([dns(name + ".")]),
            "mail": csr_for([dns(name), x509.RFC822Name("a@b.example")]),
            "CA": csr_for([dns(name)], extensions=[x509.BasicConstraints(True, None)]),
            "account key": csr_for([dns(name)], key=client.key),
    }.items():
        found = status_of(lambda: client.post(order["finalize"], {"csr": b64(csr)}))  # pylint: disable=cell-var-from-loop
        if found != "badCSR":
            fail(what, found)


def same_account(client):
    copy = Client(client.directory["newNonce"].replace("new-nonce", "directory"), client.roots)
    copy.kid, copy.key, copy.jwk = client.kid, client.key, client.jwk
    return copy


def at_once(client, n, url, payload):
    """What n requests get that are sent at a time."""
    copies = [same_account(client) for _ in range(n)]
    return collections.Counter(in_parallel(n, lambda i: status_of(lambda: copies[i].post(url, payload(i)))))


def races(lab, client, issued, url, order):
    before = len(lab.autarky("cert", "list").splitlines())
    found = at_once(client, 30, order["finalize"],
                    lambda _: {"csr": b64(make_csr(new_key(), [f"pending.{DOMAIN}"]))})
    if found != {200: 1, "orderNotReady": 29} or client.post(url).json["status"] != "valid":
        fail("finalize", found)
    if len(lab.autarky("cert", "list").splitlines()) != before + 1:
        fail("certificates for one order", lab.autarky("cert", "list"))
    der = b64(issued.cert.public_bytes(serialization.Encoding.DER))
    found = at_once(client, 10, client.directory["revokeCert"], lambda _: {"certificate": der, "reason": 1})
    if found != {200: 1, "alreadyRevoked": 9}:
        fail("revocation", found)
    _, again = ready_order(client, f"again.{DOMAIN}")
    csr = b64(make_csr(issued.key, [f"again.{DOMAIN}"]))
    found = status_of(lambda: client.post(again["finalize"], {"csr": csr}))
    if found != "badPublicKey":
        fail("a compromised key", found)


def main():
    records = "\n".join(f"{name} IN {record}" for name, record in FORBIDDEN.items())
    with Lab(dns_records=records) as lab:
        conf = lab.data / "autarky.yaml"
        conf.write_text(conf.read_text().replace(
            "allow: [127.0.0.0/8]}", "allow: [127.0.0.0/8], deny: [127.0.0.66/32], attempts: 1}"))
        lab.start()
        responder = Http01(lab.http_port)
        owner, other = (Client(lab.directory_url, lab.roots, responder) for _ in range(2))
        owner.register()
        other.register()
        strangers(lab)
        forbidden_addresses(owner)
        issued, url, order = other_peoples_objects(owner, other)
        more_than_ordered(owner)
        races(lab, owner, issued, url, order)
        responder.close()
        if lab.stop() != 0:
            fail("the end", lab.log()[-2000:])


main()

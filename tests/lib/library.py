# SPDX-License-Identifier: Apache-2.0
"""python3-acme, the library behind certbot, as a client: what its own classes can say, and by its signing and nonces also what
they cannot."""

import datetime

import josepy
import OpenSSL
import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

__all__ = ["Json", "Library", "errors", "kind_of", "messages", "new_key"]


class Json(josepy.JSONDeSerializable):
    """Any object as a payload."""

    def __init__(self, members):
        self.members = members

    def to_partial_json(self):
        return self.members

    @classmethod
    def from_json(cls, jobj):
        return cls(jobj)


def new_key(kind="rsa"):
    if kind == "ec":
        return josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    return josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))


def algorithm(key):
    return josepy.ES256 if isinstance(key, josepy.JWKEC) else josepy.RS256


def kind_of(work):
    """The type of the problem that `work` meets; None when it meets none."""
    try:
        work()
    except messages.Error as error:
        return error.typ.rsplit(":", 1)[-1]
    return None


class Library:
    """An account of its own. `responder`: lab's Http01."""

    def __init__(self, lab, responder, key=None, register=True):
        self.key = key or new_key()
        self.responder = responder
        self.net = client.ClientNetwork(self.key, alg=algorithm(self.key), verify_ssl=str(lab.roots))
        self.directory = client.ClientV2.get_directory(lab.directory_url, self.net)
        self.client = client.ClientV2(self.directory, self.net)
        self.account = None
        if register:
            self.account = self.client.new_account(messages.NewRegistration.from_data(
                email="admin@hospital.example", terms_of_service_agreed=True))

    def post(self, url, members=None, **options):
        """The library's own way: signed, badNonce tried again, problems raised. Without members POST-as-GET."""
        options.setdefault("new_nonce_url", self.directory["newNonce"])
        return self.net.post(url, None if members is None else Json(members), **options)

    def pem(self, url):
        return self.post(url).text

    def authorize(self, resource):
        """By http-01, if it is not valid yet; waits."""
        if resource.body.status == messages.STATUS_VALID:
            return
        body = next(c for c in resource.body.challenges if isinstance(c.chall, challenges.HTTP01))
        response, validation = body.response_and_validation(self.key)
        self.responder.add(body.chall.encode("token"), validation)
        self.client.answer_challenge(body, response)

    def csr(self, names):
        """PEM, with a key of its own."""
        key = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return key, crypto_util.make_csr(key, names)

    def order(self, names, **members):
        """(URL, body, CSR in PEM) of an order with what the library's own class has no field for."""
        identifiers = [{"type": "dns", "value": name} for name in names]
        reply = self.post(self.directory["newOrder"], {"identifiers": identifiers, **members})
        return reply.headers["Location"], reply.json()

    def prove(self, order):
        """All that an order has to have proven."""
        for url in order["authorizations"]:
            reply = self.post(url)
            resource = messages.AuthorizationResource(body=messages.Authorization.from_json(reply.json()), uri=url)
            self.authorize(resource)
            while self.post(url).json()["status"] == "pending":
                pass

    def finalize(self, order, names):
        csr = OpenSSL.crypto.load_certificate_request(OpenSSL.crypto.FILETYPE_PEM, self.csr(names)[1])
        request = messages.CertificateRequest(csr=josepy.ComparableX509(csr))
        return self.net.post(order["finalize"], request, new_nonce_url=self.directory["newNonce"]).json()

    def obtain(self, names):
        """As certbot does: (finalized order resource, private key)."""
        key, csr = self.csr(names)
        order = self.client.new_order(csr)
        for resource in order.authorizations:
            self.authorize(resource)
        return self.client.poll_and_finalize(order, datetime.datetime.now() + datetime.timedelta(seconds=60)), key

    @staticmethod
    def get(url, lab):
        """Without a signature."""
        return requests.get(url, verify=str(lab.roots), timeout=30)


def leaf(pem):
    return x509.load_pem_x509_certificate(pem.encode())

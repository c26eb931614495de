# SPDX-License-Identifier: Apache-2.0
"""A small, quick ACME client (RFC 8555) for scenarios and benchmarks: ES256 accounts, http-01, one kept-alive connection
per client. It has the retry logic that a decent client has and no more: a lost connection is tried again, badNonce is
signed again, 503 is obeyed. One Client per thread."""

import base64
import collections
import hashlib
import http.client
import json
import ssl
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

from responder import Http01  # noqa: F401

REQUEST_SECONDS = 30
POLL_FIRST, POLL_MOST = 0.02, 0.5


class AcmeError(Exception):
    """What the server answered that is no success; `kind` is the type of the problem document without its prefix."""

    def __init__(self, what, status, problem):
        self.status = status
        self.problem = problem
        self.kind = problem.get("type", "").rsplit(":", 1)[-1]
        super().__init__(f"{what}: status {status}: {json.dumps(problem)}")


class GaveUp(Exception):
    """The server could not be reached, or was not done, within the client's patience."""


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def make_csr(key, names):
    """PKCS#10 in DER, the names as subjectAltName alone."""
    san = x509.SubjectAlternativeName([x509.DNSName(n) for n in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(san, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def split_chain(pem):
    """The certificates of a PEM file, parsed; the leaf first."""
    end = b"-----END CERTIFICATE-----"
    return [x509.load_pem_x509_certificate(part + end) for part in pem.split(end) if part.strip()]


def serial_text(cert):
    """As the register shows it: hexadecimal, whole bytes, upper case."""
    text = f"{cert.serial_number:X}"
    return text.zfill(len(text) + len(text) % 2)


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def retry_after(self):
        value = self.headers.get("Retry-After", "")
        return int(value) if value.isdigit() else None

    def problem(self):
        if "json" in self.headers.get("Content-Type", ""):
            return self.json
        return {"detail": self.body.decode(errors="replace")}


class Connection:
    """One kept-alive HTTPS connection to one server, opened anew when it is lost."""

    def __init__(self, base, roots):
        parts = urllib.parse.urlsplit(base)
        self.context = ssl.create_default_context(cafile=str(roots))
        self.http = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=REQUEST_SECONDS,
                                                context=self.context)

    def send(self, method, path, body=None, headers=None):
        """One request; OSError or HTTPException when the connection is lost, before or in the middle."""
        try:
            self.http.request(method, path, body=body, headers=headers or {})
            answer = self.http.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException):
            self.http.close()
            raise

    def close(self):
        self.http.close()


Issued = collections.namedtuple("Issued", "names order url pem cert serial key")


class Client:
    """`retry`: with the retry logic; without, whatever goes wrong is raised. `patience`: seconds for one request with all
    its repetitions, and for each wait. `on(event, url)` is told of "account", "order", "certificate", "revoked", each
    once it is acknowledged."""

    def __init__(self, directory_url, roots, responder=None, *, retry=True, patience=60, on=None):
        self.roots = roots
        self.connection = Connection(directory_url, roots)
        self.responder = responder
        self.retry = retry
        self.patience = patience
        self.on = on or (lambda event, url: None)
        self.counts = collections.Counter()
        self.nonces = []
        self.kid = None
        self.key = new_key()
        numbers = self.key.public_key().public_numbers()
        self.jwk = {"crv": "P-256", "kty": "EC", "x": b64(numbers.x.to_bytes(32, "big")),
                    "y": b64(numbers.y.to_bytes(32, "big"))}
        self.thumbprint = b64(hashlib.sha256(compact(self.jwk).encode()).digest())
        self.directory = self._until(directory_url, lambda: self._send("GET", directory_url)).json

    # ---- requests

    def _send(self, method, url, body=None):
        path = urllib.parse.urlsplit(url).path
        headers = {"Content-Type": "application/jose+json"} if body else {}
        reply = self.connection.send(method, path, body, headers)
        nonce = reply.headers.get("Replay-Nonce")
        if nonce:
            self.nonces.append(nonce)
        self.counts["requests"] += 1
        return reply

    def _until(self, what, attempt):
        """Repeats what a client repeats: lost connections, badNonce, 503 (after its Retry-After)."""
        end = time.monotonic() + self.patience
        pause = 0.05
        while True:
            try:
                reply = attempt()
            except ssl.SSLCertVerificationError:
                raise
            except (OSError, http.client.HTTPException) as lost:
                if not self.retry or time.monotonic() > end:
                    raise
                self.counts[type(lost).__name__] += 1
                self.nonces.clear()
                time.sleep(pause)
                pause = min(pause * 2, 1)
                continue
            if reply.status < 400:
                return reply
            error = AcmeError(what, reply.status, reply.problem())
            if error.kind == "badNonce" and time.monotonic() < end:
                self.counts["badNonce"] += 1
                continue
            if reply.status != 503 or not self.retry or time.monotonic() > end:
                raise error
            if reply.retry_after is None:
                raise AcmeError(f"{what}: no Retry-After", reply.status, reply.problem())
            self.counts["503"] += 1
            time.sleep(reply.retry_after)

    def _sign(self, url, payload, by_key):
        nonce = self.nonces.pop() if self.nonces else self._new_nonce()
        protected = {"alg": "ES256", "nonce": nonce, "url": url}
        protected.update({"jwk": self.jwk} if by_key else {"kid": self.kid})
        head = b64(compact(protected).encode())
        text = "" if payload is None else b64(compact(payload).encode())
        r, s = utils.decode_dss_signature(self.key.sign(f"{head}.{text}".encode(), ec.ECDSA(hashes.SHA256())))
        return compact({"protected": head, "payload": text,
                        "signature": b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))})

    def _new_nonce(self):
        self._send("HEAD", self.directory["newNonce"])
        return self.nonces.pop()

    def post(self, url, payload=None, by_key=False):
        """A signed request; without a payload POST-as-GET. AcmeError for any status of 400 and above."""
        return self._until(url, lambda: self._send("POST", url, self._sign(url, payload, by_key)))

    # ---- the way to a certificate

    def register(self):
        reply = self.post(self.directory["newAccount"], {"termsOfServiceAgreed": True}, by_key=True)
        self.kid = reply.headers["Location"]
        self.on("account", self.kid)
        return self.kid

    def order(self, names):
        """(URL, order object)"""
        identifiers = [{"type": "dns", "value": n} for n in names]
        reply = self.post(self.directory["newOrder"], {"identifiers": identifiers})
        url = reply.headers["Location"]
        self.on("order", url)
        return url, reply.json

    def answer(self, authorization):
        """Has one authorization validated, if it is not; does not wait."""
        state = self.post(authorization).json
        if state["status"] == "valid":
            return None
        challenge = next(c for c in state["challenges"] if c["type"] == "http-01")
        self.responder.add(challenge["token"], f"{challenge['token']}.{self.thumbprint}")
        self.post(challenge["url"], {})
        return challenge["token"]

    def wait(self, url, wanted):
        """Polls until the status is one of `wanted`; the object."""
        end = time.monotonic() + self.patience
        pause = POLL_FIRST
        while True:
            reply = self.post(url)
            state = reply.json
            if state["status"] in wanted:
                return state
            if state["status"] == "invalid":
                raise AcmeError(url, 0, state.get("error", {}))
            if time.monotonic() > end:
                raise GaveUp(f"{url} is {state['status']} after {self.patience} s")
            self.counts["polls"] += 1
            time.sleep(pause if reply.retry_after is None else reply.retry_after)
            pause = min(pause * 2, POLL_MOST)

    def finalize(self, url, order, csr):
        """The order, valid. A repeated request may find that the first one was heard: the order says so (RFC 8555
        section 7.4)."""
        try:
            state = self.post(order["finalize"], {"csr": b64(csr)}).json
        except AcmeError as error:
            if error.kind != "orderNotReady":
                raise
            self.counts["orderNotReady"] += 1
            state = {"status": "processing"}
        return state if state["status"] == "valid" else self.wait(url, ("valid",))

    def obtain(self, names):
        """The whole way."""
        url, order = self.order(names)
        tokens = [self.answer(a) for a in order["authorizations"]]
        self.wait(url, ("ready",))
        for token in filter(None, tokens):
            self.responder.remove(token)
        key = new_key()
        state = self.finalize(url, order, make_csr(key, names))
        pem = self.post(state["certificate"]).body
        cert = split_chain(pem)[0]
        self.on("certificate", state["certificate"])
        return Issued(names, url, state["certificate"], pem, cert, serial_text(cert), key)

    def revoke(self, issued, reason=4):
        try:
            self.post(self.directory["revokeCert"],
                      {"certificate": b64(issued.cert.public_bytes(serialization.Encoding.DER)), "reason": reason})
        except AcmeError as error:
            if error.kind != "alreadyRevoked":  # a repetition
                raise
        self.on("revoked", issued.url)

    def close(self):
        self.connection.close()


def in_parallel(n, work):
    """Runs work(i) in n threads; their results, or the first exception."""
    results, failures = [None] * n, []

    def run(i):
        try:
            results[i] = work(i)
        except BaseException as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""Another CA that is hostile, and what it does to the site that names it and to the ones that do not: chains that fit
nowhere, certificates that no server can show or that end at once, authorizations for names that nobody ordered. The
internal certificate goes on serving, other sites are renewed as ever, the CA gets no second order."""

import base64
import datetime
import http.server
import json
import pathlib
import ssl
import sys
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent.parent / "lib"))
from lab import DOMAIN, expect, wait_for  # noqa: E402
from sites import Backend, SiteLab  # noqa: E402

PLAIN, CALM = f"plain.{DOMAIN}", f"calm.{DOMAIN}"
# What it does at one site each, and what is said of that.
DEEDS = {
    "big": "more than 64 KiB",
    "sha1": "signed by an algorithm",
    "short": "too soon",
    "swap": "which is not in the order",
}
ANCIENT = "ancient"  # valid since 1970: taken, and not ordered again at once
PADDING = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x04\x83\x00\xc8\x00" + b"x" * 51200)
DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem_of(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def builder(subject, issuer, key, begin=None, end=None):
    return (x509.CertificateBuilder().subject_name(name_of(subject)).issuer_name(name_of(issuer)).public_key(key)
            .serial_number(x509.random_serial_number()).not_valid_before(begin or now() - DAY)
            .not_valid_after(end or now() + 90 * DAY))


class HostileCA:
    """An ACME server without a conscience: it checks nothing."""

    def __init__(self, directory, roots):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self.authority("Hostile Root", big=False)
        self.big = self.authority("Hostile Elsewhere", big=True)
        self.orders, self.chains, self.nonces, self.challenged = {}, {}, 0, 0
        self.lock = threading.Lock()
        (roots / "hostile.pem").write_text(pem_of(self.root))
        handler = type("Handler", (Handler,), {"ca": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.socket = self.context(directory).wrap_socket(self.server.socket, server_side=True,
                                                                 do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def context(self, directory):
        key = ec.generate_private_key(ec.SECP256R1())
        text = pem_of(self.leaf(key.public_key(), "localhost")) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        (directory / "hostile-tls.pem").write_text(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "hostile-tls.pem")
        return context

    def authority(self, issuer, big):
        made = builder("Hostile Root", issuer, self.key.public_key(), end=now() + 900 * DAY)
        made = made.add_extension(x509.BasicConstraints(True, None), True)
        if big:
            made = made.add_extension(PADDING, False)
        return made.sign(self.key, hashes.SHA256())

    def leaf(self, key, name, begin=None, end=None, digest=None):
        made = builder(name, "Hostile Root", key, begin, end)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        return made.sign(self.key, digest or hashes.SHA256())

    def issue(self, request, name):
        deed, key = name.split(".")[0], request.public_key()
        if deed == "big":
            return pem_of(self.leaf(key, name)) + pem_of(self.big)
        if deed == "sha1":
            return pem_of(self.leaf(key, name, digest=hashes.SHA1()))
        if deed == "short":
            return pem_of(self.leaf(key, name, end=now() + datetime.timedelta(minutes=5)))
        return pem_of(self.leaf(key, name, begin=datetime.datetime(1970, 1, 2)))

    def ordered(self, name):
        with self.lock:
            return sum(1 for n in self.orders.values() if n == name)

    def order(self, number, status):
        said = {"status": status, "identifiers": [], "authorizations": [], "finalize": f"{self.url}/finalize/{number}"}
        if status == "pending":
            said["authorizations"] = [f"{self.url}/authorization/{number}"]
        if status == "valid":
            said["certificate"] = f"{self.url}/certificate/{number}"
        return said


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ca = None

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def answer(self, status, body=b"", kind="application/json", location=None):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        with self.ca.lock:
            self.ca.nonces += 1
            nonce = self.ca.nonces
        self.send_response(status)
        self.send_header("Replay-Nonce", f"n{nonce}")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.answer(200)

    def do_GET(self):
        places = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
        self.answer(200, {key: f"{self.ca.url}/{place}" for key, place in places.items()})

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        payload = json.loads(decode(said["payload"]) or "null")
        place, _, number = self.path.strip("/").partition("/")
        getattr(self, f"post_{place}")(payload, int(number or 0))

    def post_account(self, *_):
        self.answer(201, {"status": "valid"}, location=f"{self.ca.url}/account/1")

    def post_order(self, payload, number):
        if number:
            self.answer(200, self.ca.order(number, "pending"))
            return
        name = payload["identifiers"][0]["value"]
        with self.ca.lock:
            number = len(self.ca.orders) + 1
            self.ca.orders[number] = name
        status = "pending" if name.startswith("swap.") else "ready"
        self.answer(201, self.ca.order(number, status), location=f"{self.ca.url}/order/{number}")

    def post_authorization(self, _, number):
        challenge = {"type": "http-01", "url": f"{self.ca.url}/challenge/{number}", "status": "pending",
                     "token": f"token-{number}"}
        self.answer(200, {"status": "pending", "identifier": {"type": "dns", "value": CALM}, "challenges": [challenge]})

    def post_challenge(self, _, number):
        self.ca.challenged += 1
        self.answer(200, {"type": "http-01", "url": f"{self.ca.url}/challenge/{number}", "status": "pending",
                          "token": f"token-{number}"})

    def post_finalize(self, payload, number):
        request = x509.load_der_x509_csr(decode(payload["csr"]))
        self.ca.chains[number] = self.ca.issue(request, self.ca.orders[number])
        self.answer(200, self.ca.order(number, "valid"))

    def post_certificate(self, _, number):
        self.answer(200, self.ca.chains[number].encode(), kind="application/pem-certificate-chain")


def shown(lab, name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with lab.connect(name, context) as s:
        certificate = x509.load_der_x509_certificate(s.getpeercert(True))
    return certificate.issuer.rfc4514_string(), certificate.serial_number


def renews(lab, name):
    """And that every worker gets it."""
    before = shown(lab, name)
    lab.autarky("site", "renew", name)
    wait_for(f"another certificate of {name}", lambda: shown(lab, name) != before, 20)


def deeds(lab, ca):
    for deed, said in DEEDS.items():
        name = f"{deed}.{DOMAIN}"
        wait_for(f"{name} fails", lambda n=name: lab.certificates(n)["ecdsa"]["failures"] > 0, 30)
        state = lab.certificates(name)["ecdsa"]
        if state["state"] != "meanwhile":
            sys.exit(f"{name} is {state}")
        expect(state["reason"], said, name)
        expect(shown(lab, name)[0], "Example Hospital", f"what serves {name}")
    name = f"{ANCIENT}.{DOMAIN}"
    wait_for(name, lambda: shown(lab, name)[0] == "CN=Hostile Root", 30)
    if ca.challenged:
        sys.exit("a proof was shown for a name that nobody had ordered")
    log = lab.log()
    for event in ("keeper.identity-not-sendable", "keeper.identity-refused", "keeper.identity-given-up"):
        if event in log:
            sys.exit(f"a worker was to be handed what it cannot have: {event}")
    time.sleep(5)
    for deed in (*DEEDS, ANCIENT):
        if ca.ordered(f"{deed}.{DOMAIN}") != 1:
            sys.exit(f"{ca.ordered(f'{deed}.{DOMAIN}')} orders for {deed}.{DOMAIN}")


def configure(lab, backend, ca, more=""):
    def site(name, **also):
        return {"name": name, "backends": [f"http://127.0.0.1:{backend.port}"], "algorithms": ["ecdsa"], **also}

    url = f"{ca.url}/directory"
    lab.sites = [site(f"{deed}.{DOMAIN}", directory=url) for deed in (*DEEDS, ANCIENT)] + [site(CALM), site(PLAIN)]
    lab.configure(f"  directories: [{{url: \"{url}\", trust: hostile.pem, agree_terms: true{more}}}]\n")


def main():
    with SiteLab() as lab:
        backend = Backend()
        (lab.data / "conf.d").mkdir(exist_ok=True)
        ca = HostileCA(lab.directory, lab.data / "conf.d")
        try:
            configure(lab, backend, ca)
            lab.start()
            for name in (CALM, PLAIN):
                lab.wait_site(name)
            deeds(lab, ca)
            renews(lab, CALM)
            # A file of that CA's is missing: everything else starts, and serves.
            lab.stop()
            configure(lab, backend, ca, f", eab_kid: k, eab_key_file: \"{lab.directory}/none\"")
            lab.start()
            renews(lab, PLAIN)
            expect(shown(lab, f"big.{DOMAIN}")[0], "Example Hospital", "what serves without the binding")
        finally:
            backend.stop()
            ca.server.shutdown()
    print("a hostile CA does no harm")


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Keys of the client that no file has: those of certificates and of accounts in a PKCS#11 token, in files (SoftHSM) and in a TPM
(swtpm, tpm2-pkcs11); secrets that a TPM has sealed."""

import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, run, steady_port, verify_chain  # noqa: E402
from tokens import PIN, SoftHsm, TpmToken  # noqa: E402

POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [http-01]\n"


class Place:
    """A certificate of its own, with keys in the token."""

    def __init__(self, lab, token, name):
        self.lab, self.token, self.out = lab, token, lab.directory / name
        self.name = f"{name}.{DOMAIN}"

    def obtain(self, *options, ok=(0,)):
        return run(AUTARKY, "obtain", "--server", self.lab.directory_url, "--ca-file", self.lab.roots, "--out", self.out, "--agree-tos",
                   "--name", self.name, "--http-listen", f"127.0.0.1:{self.lab.http_port}", *options, ok=ok)

    def renew(self, *options, ok=(0,)):
        return run(AUTARKY, "renew", self.out, "--force", *options, ok=ok)

    def state(self):
        return json.loads((self.out / ".autarky/state.json").read_text())

    def leaf(self):
        return (self.out / "cert.pem").read_bytes()

    def public(self):
        """Of the certificate, in DER."""
        return subprocess.run([OPENSSL, "pkey", "-pubin", "-outform", "DER"], check=True, capture_output=True,
                              input=run(OPENSSL, "x509", "-in", self.out / "cert.pem", "-noout", "-pubkey").encode()).stdout

    def check(self, key):
        if key and self.public() != self.token.public(key):
            sys.exit(f"{self.out}: the certificate is for another key than {key} of the token")
        verify_chain(self.lab.roots, self.out / "cert.pem", self.out / "chain.pem", self.out / "fullchain.pem", self.name)
        for file in self.out.rglob("*"):
            text = file.read_bytes() if file.is_file() else b""
            if PIN.encode() in text or (b"PRIVATE KEY" in text and (key or file.name != "privkey.pem")):
                sys.exit(f"{file} has a secret")
        if (self.out / ".autarky/account.pem").exists():
            sys.exit("the account has a key in a file, too")


def stays(place, words, what, said):
    """Whatever is wrong: what to do is said, and what is in place stays."""
    leaf = place.leaf()
    for attempt in said:
        expect(words(), attempt, what)
        if place.leaf() != leaf:
            sys.exit(f"{what}: the certificate in place is another one")


def accounts(lab):
    return {a["id"]: a for a in json.loads(lab.autarky("account", "list", "--json"))["items"]}


def both(lab, token, kind):
    """The certificate's key and the account's; across renewals, and a start of the server's anew."""
    before = accounts(lab)
    place = Place(lab, token, f"{kind}-{token.label.lower()}")
    where = "--account-key", token.uri(f"acme-{kind}"), *token.options()
    expect(place.obtain("--key-uri", token.uri(f"tls-{kind}"), "--key", kind, *where), "obtained a certificate", kind)
    place.check(f"tls-{kind}")
    expect((place.out / "privkey.pem").read_text(), "BEGIN PKCS#11 PROVIDER URI", "privkey.pem")
    new = set(accounts(lab)) - set(before)
    account, leaf = place.state()["account"], place.leaf()
    if len(new) != 1 or not account.endswith(new.copy().pop()):
        sys.exit(f"{account} is not the account that is new: {new}")
    lab.stop()
    lab.start()
    expect(place.renew(), "renewed", f"{kind}, renewed")
    place.check(f"tls-{kind}")
    if place.leaf() == leaf or place.state()["account"] != account or set(accounts(lab)) != set(before) | new:
        sys.exit("a renewal is another certificate of the same account")
    return place


def account_alone(lab, token):
    """The key that is there already, made by somebody else's tool; the certificate's is a file, and new each time."""
    token.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "given", "--id", "0a")
    place = Place(lab, token, f"account-{token.label.lower()}")
    place.obtain("--account-key", token.uri("given"), *token.options())
    place.check(None)
    first, account = place.public(), place.state()["account"]
    place.renew()
    place.check(None)
    if place.public() == first or place.state()["account"] != account:
        sys.exit("the account is the same, and the key another one")
    return place


def wrong_pin(place):
    """It is tried once, whoever comes how often; then the right one serves."""
    place.token.set_pin("wrong-pin")
    stays(place, lambda: place.renew(ok=(2,)), "a wrong PIN", ("refuses the PIN, which was tried once", "refused this very PIN",
                                                               "refused this very PIN"))
    expect(place.renew(ok=(2,)), "set it right where --pin-file says", "the cure")
    place.token.set_pin(PIN)
    expect(place.renew(), "renewed", "the right PIN")


def missing_key(place, key):
    """A renewal makes no key of an account: it would be another account, which nobody has asked for."""
    account = place.state()["account"]
    place.token.remove(key)
    stays(place, lambda: place.renew(ok=(2,)), "a key that is gone", ("`autarky obtain` with the same --out makes one there",))
    place.obtain("--account-key", place.token.uri(key), *place.token.options())
    if place.state()["account"] == account:
        sys.exit("another key is another account")
    expect(place.renew(), "renewed", "with the new account")


def usage(place):
    for options, said in ((("--account-key", place.token.uri("x")), "takes --pkcs11-module, too"),
                          (("--account-key", place.token.uri("x"), "--pkcs11-module", place.token.module), "takes --pin-file, too"),
                          (("--pin-file", place.token.pin), "--pin-file is for --key-uri and for --account-key pkcs11:"),
                          (("--key-uri", place.token.uri("x")), "--key-uri names a key in a token, which takes --pkcs11-module")):
        expect(place.obtain(*options, ok=(64,)), said, "usage")
    expect(place.obtain("--account-key", f"pkcs11:token={place.token.label}", *place.token.options(), ok=(64, 2)), "names no single key",
           "a token is no key")


def in_files(lab):
    token = SoftHsm(lab.directory / "hsm", "Web")
    for kind in ("p256", "rsa2048"):
        place = both(lab, token, kind)
    usage(place)
    wrong_pin(place)
    alone = account_alone(lab, token)
    missing_key(alone, "given")
    away = lab.directory / "hsm/elsewhere"
    token.files.rename(away)
    token.files.mkdir(mode=0o700)
    for one in (place, alone):
        stays(one, lambda one=one: one.renew(ok=(75,)), "a token that is away", ("connect or start it, then this goes on",))
    token.files.rmdir()
    away.rename(token.files)
    expect(alone.renew(), "renewed", "it is back")


def seal(lab, tpm, name, text):
    """As an administrator does it, and as systemd opens it for a unit; the TPM alone has the key."""
    store, file, device = lab.directory / "credentials", lab.directory / f"{name}.cred", f"--tpm2-device={tpm.reached}"
    store.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["systemd-creds", "encrypt", "--with-key=tpm2", device, f"--name={name}", "-", file], input=text, text=True, check=True,
                   stderr=subprocess.DEVNULL)
    if text.strip() in file.read_text():
        sys.exit(f"{name} is not encrypted")
    (store / name).touch(mode=0o400)
    run("systemd-creds", "decrypt", device, f"--name={name}", file, store / name)


def sealed(lab, token):
    """The PIN of the token and the key of a binding: nothing on disk opens them without the TPM."""
    binding = json.loads(lab.autarky("eab", "create", "sealed", "--json"))
    lab.secrets.add(binding["key"])
    seal(lab, token.tpm, "pin", PIN + "\n")
    seal(lab, token.tpm, "eab", binding["key"] + "\n")
    token.pin.unlink()
    place = Place(lab, token, "sealed")
    os.environ["CREDENTIALS_DIRECTORY"] = str(lab.directory / "credentials")
    place.obtain("--account-key", token.uri("sealed"), "--key-uri", token.uri("sealed-tls"), "--key", "p256", "--pkcs11-module",
                 token.module, "--pin-file", "credential:pin", "--eab-kid", binding["kid"], "--eab-key-file", "credential:eab")
    place.check("sealed-tls")
    if json.loads(lab.autarky("eab", "list", "--json"))["items"][0]["accounts"] != 1:
        sys.exit("the account is not bound")
    expect(place.renew(), "renewed", "with the credentials")
    del os.environ["CREDENTIALS_DIRECTORY"]
    stays(place, lambda: place.renew(ok=(2,)), "without them", ("LoadCredentialEncrypted=pin:FILE",))
    token.set_pin(PIN)


def in_a_tpm(lab):
    token = TpmToken(lab.directory / "tpm", "Tpm")
    try:
        for kind in ("p256", "rsa2048"):
            place = both(lab, token, kind)
        alone = account_alone(lab, token)
        sealed(lab, token)
        token.tpm.halt()
        stays(alone, lambda: alone.renew(ok=(2, 75)), "a TPM that does not answer", ("",))
        token.tpm.start()
        expect(alone.renew(), "renewed", "it is back")
        expect(place.renew(), "renewed", "it is back, and has both keys")
    finally:
        token.stop()


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab:
        lab.configure(policy=POLICY, api=(f"127.0.0.1:{steady_port()}",))
        lab.start()
        in_files(lab)
        os.environ["ASAN_OPTIONS"] = f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0".lstrip(":")  # tpm2-pkcs11 1.9 forgets a little with each signature
        in_a_tpm(lab)


main()

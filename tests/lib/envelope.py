# SPDX-License-Identifier: Apache-2.0
"""Keys that the CA makes, as others see them: what is in an SM2EnvelopedKey (GM/T 0009), opened by the openssl command, and where
else the key might be."""

import atexit
import base64
import os
import pathlib
import sys

from lab import OPENSSL, run

DISTID = "1234567812345678"

# Ours looks for none of the system's.
REQUEST_CONFIG = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"request-{os.getpid()}.cnf"
REQUEST_CONFIG.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
atexit.register(REQUEST_CONFIG.unlink)


def der(data):
    """Tag and content of each value in these bytes."""
    values = []
    while data:
        tag, length, at = data[0], data[1], 2
        if length > 0x80:
            at += length - 0x80
            length = int.from_bytes(data[2:at], "big")
        values.append((tag, data[at:at + length]))
        data = data[at + length:]
    return values


def number_of(key):
    """The private number of a key file, as OpenSSL reads it."""
    text = run(OPENSSL, "pkey", "-in", key, "-noout", "-text")
    return int("".join(text.split("priv:")[1].split("pub:")[0].split()).replace(":", ""), 16).to_bytes(32, "big")


def opened_by_openssl(directory, path, key, openssl=OPENSSL):
    """The private number in an SM2EnvelopedKey, by nothing of ours; `directory` is for what is between."""
    cipher, sealed_key, point, number = [v for _, v in der(der(path.read_bytes())[0][1])]
    if der(cipher)[0][1].hex() != "2a811ccf55016801" or len(point) != 66:
        sys.exit(f"no SM2EnvelopedKey with SM4: {path.read_bytes().hex()}")
    (directory / "key.sm2").write_bytes(b"\x30" + bytes([0x81] if len(sealed_key) > 127 else []) + bytes([len(sealed_key)]) + sealed_key)
    sm4, clear, sealed = (directory / name for name in ("key.sm4", "number", "number.sm4"))
    run(openssl, "pkeyutl", "-decrypt", "-inkey", key, "-in", directory / "key.sm2", "-out", sm4)
    sealed.write_bytes(number[1:])
    run(openssl, "enc", "-d", "-sm4-ecb", "-nopad", "-K", sm4.read_bytes().hex(), "-in", sealed, "-out", clear)
    return clear.read_bytes()


def nowhere(directory, number):
    """These bytes, or what a line of a key file in PEM would have of them, are in no file of the server's."""
    for path in directory.rglob("*"):
        if path.is_file() and any(form in path.read_bytes() for form in (number, number.hex().encode(), base64.b64encode(number[:12]))):
            sys.exit(f"{path} has a key that nobody was to keep")

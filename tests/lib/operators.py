# SPDX-License-Identifier: Apache-2.0
"""Users of `autarky user add`, and how one of them signs in with a browser."""

import base64
import hashlib
import hmac
import json
import struct
import time


PASSWORD = "correct horse battery"


used = {}  # the last step of each key


def code(key):
    """RFC 6238 for now, by Python's own library; never at the end of a step, and each once."""
    if time.time() % 30 > 20 or used.get(key) == int(time.time()) // 30:
        time.sleep(30 - time.time() % 30)
    used[key] = int(time.time()) // 30
    mac = hmac.new(base64.b32decode(key), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


def add(lab, name, roles):
    """The key of the user's codes."""
    file = lab.directory / "password.txt"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    return json.loads(lab.autarky("user", "add", name, "--role", roles, "--host-user", "none", "--password-file", file,
                                  "--json"))["totp_key"]


def try_in(page, name, password, one_time):
    for label, value in (("User", name), ("Password", password), ("Code", one_time)):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_in(lab, page, name, key):
    page.goto(lab.api + "/ui/")
    try_in(page, name, PASSWORD, code(key))
    page.get_by_role("banner").get_by_text(name).wait()
    page.get_by_role("main").get_by_role("heading", level=1).wait()

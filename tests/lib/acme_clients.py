# SPDX-License-Identifier: Apache-2.0
"""What scenarios with ACME clients of others have in common: bindings, what came of it, and answers from files."""

import json
import pathlib
import re
import socket
import ssl

from acme import Http01, split_chain
from lab import verify_chain


def eab(lab, name, accounts=1):
    """A key as an administrator gives it to a person: kid and key."""
    made = json.loads(lab.autarky("eab", "create", name, "--accounts", accounts, "--json"))
    return made["kid"], made["key"]


def check(lab, fullchain, name):
    """The chain in one file, as all libraries see it."""
    directory = lab.directory / f"check.{name}"
    directory.mkdir(exist_ok=True)
    text = pathlib.Path(fullchain).read_text()
    parts = [p for p in re.split(r"(?<=-----END CERTIFICATE-----)\n", text) if "BEGIN CERTIFICATE" in p]
    (directory / "cert.pem").write_text(parts[0] + "\n")
    (directory / "chain.pem").write_text("\n".join(parts[1:]) + "\n")
    verify_chain(lab.roots, directory / "cert.pem", directory / "chain.pem", fullchain, name)
    return split_chain(pathlib.Path(fullchain).read_bytes())[0].serial_number


def accounts_of(lab, key):
    return json.loads(lab.autarky("account", "list", "--eab", key, "--json"))["items"]


def revoked(lab, name):
    return [i for i in json.loads(lab.autarky("cert", "list", "--status", "revoked", "--json"))["items"] if name in i["names"]]


def served(port, name, roots):
    """The certificate that a server gives for the name, checked; its serial."""
    context = ssl.create_default_context(cafile=str(roots))
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            with context.wrap_socket(plain, server_hostname=name) as s:
                return s.getpeercert()["serialNumber"]
    except OSError:
        return None


class Shelf(Http01):
    """Answers from files that a client puts somewhere."""

    shelf = None

    def __init__(self, port):
        super().__init__(port)
        self.answers = self

    def get(self, token):
        path = pathlib.Path(self.shelf) / pathlib.PurePath(token.decode()).name
        return path.read_bytes() if path.is_file() else None

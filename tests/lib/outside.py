# SPDX-License-Identifier: Apache-2.0
"""Sites whose certificates come from another CA, pebble: a lab that it reaches, and what is configured for it."""

import json
import pathlib
import shutil
import ssl
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench"))
import servers  # noqa: E402
from lab import OPENSSL, free_port, run, wait_for  # noqa: E402
from sites import SiteLab  # noqa: E402


class Tortured(servers.Pebble):
    """A fifth of the nonces is refused, validations begin late, and authorizations are used again."""
    environment = {"PEBBLE_WFE_NONCEREJECT": "20", "PEBBLE_VA_SLEEPTIME": "3", "PEBBLE_AUTHZREUSE": "50"}


class World(SiteLab):
    """The ports of plain and gateway are known before, for pebble has to know them."""

    def __init__(self):
        self.ports = free_port(), free_port()
        super().__init__()

    def configure(self, extra="", policy=None, api=("127.0.0.1:0",)):
        super().configure(extra, policy, api)
        path = self.data / "autarky.yaml"
        plain, gateway = self.ports
        path.write_text(path.read_text().replace('plain: ["127.0.0.1:0"]', f'plain: ["127.0.0.1:{plain}"]')
                        .replace('gateway: ["127.0.0.1:0"]', f'gateway: ["127.0.0.1:{gateway}"]'))

    def pebble(self, kind, name, http=None):
        server = kind(self.directory, self.dns.port, http or self.ports[0], self.ports[1], name)
        shutil.copy(server.roots, self.data / "conf.d" / f"{name}.pem")
        return server

    def issuer(self, name):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.connect(name, context) as s:
            pem = ssl.DER_cert_to_PEM_cert(s.getpeercert(True))
        path = self.directory / f"shown-{threading.get_ident()}.pem"
        path.write_text(pem)
        return run(OPENSSL, "x509", "-in", path, "-noout", "-issuer")

    def is_public(self, name):
        try:
            return "Pebble" in self.issuer(name)
        except ssl.SSLError:  # there is none yet
            return False

    def wait_public(self, name, seconds=120):
        wait_for(f"the certificate of {name} from another CA", lambda: self.is_public(name), seconds)

    def state(self, name, algorithm="ecdsa"):
        return self.certificates(name)[algorithm]

    def failures(self, name, algorithm="ecdsa"):
        path = self.data / "keeper" / name / f"{algorithm}.json"
        return json.loads(path.read_text()).get("public_failures", 0)


def site(lab, backend, name, **more):
    return {"name": name, "backends": [f"http://127.0.0.1:{backend.port}"], "algorithms": ["ecdsa"], **more}


def directories(*listed):
    return "".join(f"    - {{url: \"{s.directory_url}\", trust: {s.name}.pem, agree_terms: true, "
                   f"contact: [pki@hospital.example]{more}}}\n" for s, more in listed)

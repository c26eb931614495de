# SPDX-License-Identifier: Apache-2.0
"""certbot with its plugin for dynamic updates (RFC 2136), against a lab's directory and a name server that takes them."""

import os

from lab import DOMAIN, run


class CertbotDns:
    """`port`: of the name server on 127.0.0.1; `secret`: of its TSIG key "acme", base64, HMAC-SHA-256."""

    def __init__(self, lab, port, secret):
        self.lab = lab
        self.home = lab.directory / "certbot"
        self.home.mkdir()
        self.ini = self.home / "rfc2136.ini"
        self.ini.write_text(f"dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_port = {port}\ndns_rfc2136_name = acme\n"
                            f"dns_rfc2136_secret = {secret}\ndns_rfc2136_algorithm = HMAC-SHA256\n")
        self.ini.chmod(0o600)

    def issue(self, name, *more, ok=(0,)):
        return run("/usr/bin/certbot", "certonly", "--dns-rfc2136", "--dns-rfc2136-credentials", self.ini,
                   "--dns-rfc2136-propagation-seconds", "1", "--server", self.lab.directory_url, "--agree-tos", "--email",
                   f"admin@{DOMAIN}", "--no-eff-email", "-d", name, *more, "--config-dir", self.home, "--work-dir", self.home,
                   "--logs-dir", self.home, "--non-interactive", ok=ok,
                   env={**os.environ, "REQUESTS_CA_BUNDLE": str(self.lab.roots)})

    def files(self, name):
        """Certificate, chain, and both."""
        live = self.home / "live" / name
        return live / "cert.pem", live / "chain.pem", live / "fullchain.pem"

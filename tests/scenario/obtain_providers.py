#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`autarky obtain` by dns-01 through the HTTP APIs of others: PowerDNS itself, and recorders of acme-dns, of httpreq, of
Cloudflare, of Route 53, of Azure DNS, of Alibaba Cloud and of Tencent Cloud that check every word and write into BIND. Delegation by alias, a wildcard beside its name,
values of others, and refusals."""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.parse
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import azure_dns  # noqa: E402
from dns_server import DnsServer, free_port  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, expect, run, verify_chain  # noqa: E402
from powerdns_server import PowerDnsServer  # noqa: E402

POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [dns-01]\n    wildcards: true\n"
SECRET = base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
ZONE_ID = "023e105f4ecef8ad9ca31a8372d0c353"
KEYS = f'key "k" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'
RECORDS = "* A 127.0.0.1\n@ A 127.0.0.1\n_acme-challenge.wiki CNAME s-wiki.acme\n_acme-challenge.shop CNAME s-shop.acme\n" + "".join(
    f"_acme-challenge.alias-{k} CNAME one-{k}.proofs\none-{k}.proofs CNAME two-{k}.proofs\n_acme-challenge.lost-{k} CNAME lost.elsewhere.test.\n"
    for k in ("cloudflare", "route53", "azure", "alibaba", "tencent"))
ACCOUNTS = {f"{n}.{DOMAIN}": {"username": f"u-{n}", "password": f"p-{n}", "subdomain": f"s-{n}",
                              "fulldomain": f"s-{n}.acme.{DOMAIN}", "allowfrom": []} for n in ("wiki", "shop")}


class Recorder(http.server.BaseHTTPRequestHandler):
    """The APIs as their documentation has them."""

    def log_message(self, *_):
        pass

    def reply(self, status, body, headers=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def azure(self, body=""):
        status, headers, answer = self.server.azure.answer(self.command, self.path, self.headers, body, f"http://{self.headers['Host']}")
        return self.reply(status, answer, headers)

    def do_PUT(self):
        self.azure(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def do_GET(self):
        if self.path.startswith("/arm/"):
            return self.azure()
        if self.path.startswith("/2013-04-01/"):
            return self.route53("")
        return self.cloudflare(None)

    def do_DELETE(self):
        return self.azure() if self.path.startswith("/arm/") else self.cloudflare(None)

    def cloudflare(self, body):
        """Zones by their exact name, records one by one; the errors are those of the documentation."""
        url = urllib.parse.urlsplit(self.path)
        query, parts = dict(urllib.parse.parse_qsl(url.query)), url.path.split("/")[3:]
        self.server.seen.append((f"{self.command} {url.path}", query or body))
        if self.headers["Authorization"] != "Bearer cf-token":
            return self.cloudflare_says(403, None, {"code": 9109, "message": "Invalid access token"})
        if self.server.faults:
            return self.reply(self.server.faults.pop(), {})
        if parts == ["zones"]:
            return self.cloudflare_page([{"id": ZONE_ID, "name": DOMAIN}] if query["name"] == DOMAIN else [], query, 50)
        if parts[:3] != ["zones", ZONE_ID, "dns_records"]:
            return self.cloudflare_says(404, None, {"code": 7003, "message": f"Could not route to {url.path}"})
        records = self.server.records
        if self.command == "GET":
            return self.cloudflare_page([r for r in records if r["name"] == query["name"] and r["type"] == query["type"]], query, 100)
        if self.command == "DELETE":
            gone = [r for r in records if r["id"] == parts[3]]
            records[:] = [r for r in records if r not in gone]
            self.write([f"update delete {r['name']} TXT {r['content']}" for r in gone])
            return self.cloudflare_says(200, {"id": parts[3]})
        if any(r["name"] == body["name"] and r["content"] == body["content"] for r in records):
            return self.cloudflare_says(400, None, {"code": 81058, "message": "An identical record already exists."})
        records.append({**body, "id": f"{len(self.server.seen):032x}"})
        self.write([f"update add {body['name']} 1 TXT {body['content']}"])
        return self.cloudflare_says(200, records[-1])

    def cloudflare_page(self, found, query, most):
        page, size = int(query["page"]), int(query["per_page"])
        if page < 1 or not 1 <= size <= most:
            return self.cloudflare_says(400, None, {"code": 6003, "message": f"Invalid request {query}"})
        held = found[size * (page - 1):size * page]
        return self.cloudflare_says(200, held, result_info={"page": page, "per_page": size, "count": len(held), "total_count": len(found)})

    def cloudflare_says(self, status, result, *errors, **more):
        return self.reply(status, {"success": not errors, "errors": list(errors), "messages": [], "result": result, **more})

    def signed(self, body):
        """Signature Version 4, from its description."""
        def mac(key, text):
            return hmac.digest(key, text.encode(), "sha256")
        url = urllib.parse.urlsplit(self.path)
        query = "&".join(sorted(f"{urllib.parse.quote(k, '-_.~')}={urllib.parse.quote(v, '-_.~')}"
                                for k, v in urllib.parse.parse_qsl(url.query)))
        stamp = self.headers["X-Amz-Date"]
        if abs(datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ") - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)).seconds > 300:
            return False
        canonical = "\n".join([self.command, url.path, query, f"host:{self.headers['Host']}", f"x-amz-date:{stamp}", "",
                               "host;x-amz-date", hashlib.sha256(body.encode()).hexdigest()])
        scope = [stamp[:8], "us-east-1", "route53", "aws4_request"]
        key = b"AWS4aws-secret"
        for part in scope:
            key = mac(key, part)
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
        return self.headers["Authorization"] == (
            f"AWS4-HMAC-SHA256 Credential=AKIDHERE/{'/'.join(scope)}, SignedHeaders=host;x-amz-date, "
            f"Signature={mac(key, text).hex()}")

    def route53(self, body):
        """One public zone beside a private one, sets of values, changes that are everywhere at the second question."""
        url = urllib.parse.urlsplit(self.path)
        query, parts = dict(urllib.parse.parse_qsl(url.query)), url.path.strip("/").split("/")[1:]
        self.server.seen.append((f"{self.command} {url.path}", query or body))
        if not self.signed(body):
            return self.xml(403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>The signature is wrong</Message>"
                                 "</Error></ErrorResponse>")
        if parts == ["hostedzonesbyname"]:
            zones = [("Z9PRIVATE", "true"), ("Z1PUBLIC", "false")] if query["dnsname"].rstrip(".") == DOMAIN else []
            return self.xml(200, "<R><HostedZones>" + "".join(
                f"<HostedZone><Id>/hostedzone/{i}</Id><Name>{DOMAIN}.</Name><Config><PrivateZone>{p}</PrivateZone></Config></HostedZone>"
                for i, p in zones) + "</HostedZones><IsTruncated>false</IsTruncated></R>")
        if parts == ["change", "C1"]:
            return self.xml(200, "<R><ChangeInfo><Id>/change/C1</Id><Status>INSYNC</Status></ChangeInfo></R>")
        if parts != ["hostedzone", "Z1PUBLIC", "rrset"]:
            return self.xml(404, "<ErrorResponse><Error><Code>NoSuchHostedZone</Code><Message>none</Message></Error></ErrorResponse>")
        if self.command == "GET":
            held = self.server.sets.get(query["name"], [])
            return self.xml(200, "<R><ResourceRecordSets>" + (
                f"<ResourceRecordSet><Name>{query['name']}</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords>" + "".join(
                    f"<ResourceRecord><Value>{v}</Value></ResourceRecord>" for v in held) + "</ResourceRecords></ResourceRecordSet>"
                if held else "") + "</ResourceRecordSets><IsTruncated>false</IsTruncated></R>")
        return self.route53_change(body)

    def route53_change(self, body):
        space = "{https://route53.amazonaws.com/doc/2013-04-01/}"
        for change in xml.etree.ElementTree.fromstring(body).iter(f"{space}Change"):
            name = change.find(f".//{space}Name").text
            given = [v.text for v in change.iter(f"{space}Value")]
            if change.find(f"{space}Action").text == "DELETE":
                if self.server.race or given != self.server.sets.get(name):
                    self.server.race = False
                    return self.xml(400, "<ErrorResponse><Error><Code>InvalidChangeBatch</Code><Message>not those values</Message>"
                                         "</Error></ErrorResponse>")
                self.server.sets.pop(name)
            else:
                self.server.sets[name] = given
        self.write([f"update delete {name} TXT"] + [f"update add {name} 1 TXT {v}" for v in self.server.sets.get(name, [])])
        return self.xml(200, "<R><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status></ChangeInfo></R>")

    def acs3(self, body):
        """ACS3-HMAC-SHA256, from its description."""
        url = urllib.parse.urlsplit(self.path)
        query = "&".join(sorted(f"{urllib.parse.quote(k, '-_.~')}={urllib.parse.quote(v, '-_.~')}"
                                for k, v in urllib.parse.parse_qsl(url.query)))
        named = sorted(h.lower() for h in self.headers if h.lower().startswith("x-acs-") or h.lower() == "host")
        empty = hashlib.sha256(body.encode()).hexdigest()
        canonical = "\n".join([self.command, url.path, query, *(f"{h}:{self.headers[h].strip()}" for h in named), "", ";".join(named), empty])
        text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        nonce, age = self.headers["X-Acs-Signature-Nonce"], datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.strptime(
            self.headers["X-Acs-Date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
        fresh = nonce not in self.server.nonces and len(nonce) >= 32 and abs(age.total_seconds()) < 900
        self.server.nonces.add(nonce)
        return fresh and self.headers["X-Acs-Content-Sha256"] == empty and self.headers["Authorization"] == (
            f"ACS3-HMAC-SHA256 Credential=LTAIHERE,SignedHeaders={';'.join(named)},"
            f"Signature={hmac.digest(b'ali-secret', text.encode(), 'sha256').hex()}")

    def alibaba_error(self, status, code, message):
        return self.reply(status, {"RequestId": "R", "HostId": "alidns", "Code": code, "Message": message})

    def alibaba(self, body):
        """Domains by their exact name, records by number, lists by pages."""
        ask, action = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query)), self.headers["X-Acs-Action"]
        self.server.seen.append((action, ask))
        if not self.acs3(body) or self.headers["X-Acs-Version"] != "2015-01-09":
            return self.alibaba_error(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation")
        if self.server.faults:
            return self.alibaba_error(*self.server.faults.pop())
        if action == "DeleteDomainRecord":
            return self.alibaba_delete(ask["RecordId"])
        if ask["DomainName"] != DOMAIN:
            return self.alibaba_error(400, "InvalidDomainName.NoExist", "The specified domain name does not exist")
        records = self.server.records
        if action == "DescribeDomainInfo":
            return self.reply(200, {"RequestId": "R", "DomainName": DOMAIN, "PunyCode": DOMAIN})
        if action == "DescribeSubDomainRecords":
            held = [r for r in records if f"{r['RR']}.{DOMAIN}" == ask["SubDomain"] and r["Type"] == ask["Type"]]
            size, page = int(ask["PageSize"]), int(ask["PageNumber"])
            return self.reply(200, {"TotalCount": len(held), "PageNumber": page, "PageSize": size,
                                    "DomainRecords": {"Record": held[size * (page - 1):size * page]}})
        if any(r["RR"] == ask["RR"] and r["Value"] == ask["Value"] for r in records):
            return self.alibaba_error(400, "DomainRecordDuplicate", "The DNS record already exists")
        records.append({"RecordId": f"9{len(self.server.seen):018}", **{k: ask[k] for k in ("RR", "Type", "Value", "TTL")}})
        self.write([f"update add {ask['RR']}.{DOMAIN} 1 TXT {ask['Value']}"])
        return self.reply(200, {"RecordId": records[-1]["RecordId"]})

    def alibaba_delete(self, number):
        gone = [r for r in self.server.records if r["RecordId"] == number]
        if not gone:
            return self.alibaba_error(400, "DomainRecordNotBelongToUser", "The DNS record does not belong to this user")
        self.server.records.remove(gone[0])
        self.write([f"update delete {gone[0]['RR']}.{DOMAIN} TXT {gone[0]['Value']}"])
        return self.reply(200, {"RecordId": number})

    def tc3(self, body):
        """TC3-HMAC-SHA256, from its description."""
        stamp = int(self.headers["X-Tc-Timestamp"])
        now = datetime.datetime.now(datetime.timezone.utc)
        canonical = "\n".join(["POST", "/", "", f"content-type:{self.headers['Content-Type']}", f"host:{self.headers['Host']}", "",
                               "content-type;host", hashlib.sha256(body.encode()).hexdigest()])
        scope = [datetime.datetime.fromtimestamp(stamp, datetime.timezone.utc).strftime("%Y-%m-%d"), "dnspod", "tc3_request"]
        key = b"TC3tc-secret"
        for part in scope:
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join(["TC3-HMAC-SHA256", str(stamp), "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
        return abs(now.timestamp() - stamp) < 300 and self.path == "/" and self.headers["Authorization"] == (
            f"TC3-HMAC-SHA256 Credential=AKIDTC/{'/'.join(scope)}, SignedHeaders=content-type;host, "
            f"Signature={hmac.digest(key, text.encode(), 'sha256').hex()}")

    def tencent_says(self, **answer):
        return self.reply(200, {"Response": {**answer, "RequestId": "R"}})

    def tencent_error(self, code, message):
        return self.tencent_says(Error={"Code": code, "Message": message})

    def tencent(self, text):
        """Domains by their exact name, records by number, a list that is an error when it would be empty."""
        action, ask = self.headers["X-Tc-Action"], json.loads(text)
        self.server.seen.append((action, ask))
        if not self.tc3(text) or self.headers["X-Tc-Version"] != "2021-03-23":
            return self.tencent_error("AuthFailure.SignatureFailure", "The provided credentials could not be validated")
        if self.server.faults:
            return self.tencent_error(*self.server.faults.pop())
        if ask["Domain"] != DOMAIN:
            return self.tencent_error("InvalidParameterValue.DomainNotExists", "The domain does not exist")
        if action == "DescribeDomain":
            return self.tencent_says(DomainInfo={"DomainId": 7, "Domain": DOMAIN, "Punycode": DOMAIN})
        records = self.server.records
        if action == "DescribeRecordList":
            held = [r for r in records if r["Name"] == ask["Subdomain"] and r["Type"] == ask["RecordType"]]
            page = held[ask["Offset"]:ask["Offset"] + ask["Limit"]]
            if not page:
                return self.tencent_error("ResourceNotFound.NoDataOfRecord", "The list of records is empty")
            return self.tencent_says(RecordCountInfo={"TotalCount": len(held), "ListCount": len(page)}, RecordList=page)
        if action == "DeleteRecord":
            gone = [r for r in records if r["RecordId"] == ask["RecordId"]]
            if not gone:
                return self.tencent_error("InvalidParameter.RecordIdInvalid", "The record number is wrong")
            records.remove(gone[0])
            self.write([f"update delete {gone[0]['Name']}.{DOMAIN} TXT {gone[0]['Value']}"])
            return self.tencent_says()
        if ask["RecordLine"] != "\u9ed8\u8ba4":
            return self.tencent_error("InvalidParameter.RecordLineInvalid", "The record line is wrong")
        if any(r["Name"] == ask["SubDomain"] and r["Value"] == ask["Value"] for r in records):
            return self.tencent_error("InvalidParameter.DomainRecordExist", "The record exists")
        records.append({"RecordId": len(self.server.seen) + (1 << 32), "Name": ask["SubDomain"], "Type": "TXT", "Value": ask["Value"],
                        "TTL": ask["TTL"]})
        self.write([f"update add {ask['SubDomain']}.{DOMAIN} 1 TXT {ask['Value']}"])
        return self.tencent_says(RecordId=records[-1]["RecordId"])

    def xml(self, status, text):
        data = b'<?xml version="1.0"?>\n' + text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        if not self.headers["Content-Length"]:
            return self.reply(411, {"Code": "MissingContentLength", "Message": "You must provide the Content-Length HTTP header"})
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path.startswith("/login/"):
            return self.azure(text)
        if self.headers["X-Acs-Action"]:
            return self.alibaba(text)
        if self.headers["X-Tc-Action"]:
            return self.tencent(text)
        if self.path.startswith("/2013-04-01/"):
            return self.route53(text)
        body = json.loads(text)
        if self.path.startswith("/client/v4/"):
            return self.cloudflare(body)
        self.server.seen.append((self.path, body))
        return {"/update": self.update, "/present": self.change, "/cleanup": self.change}[self.path](body)

    def update(self, body):
        for account in ACCOUNTS.values():
            if (self.headers["X-Api-User"], self.headers["X-Api-Key"]) == (account["username"], account["password"]) and \
                    body["subdomain"] == account["subdomain"] and len(body["txt"]) == 43:
                kept = self.server.kept.setdefault(body["subdomain"], [])
                kept[:] = (kept + [body["txt"]])[-2:]
                name = account["fulldomain"]
                self.write([f"update delete {name} TXT"] + [f"update add {name} 1 TXT {v}" for v in kept])
                return self.reply(200, {"txt": body["txt"]})
        return self.reply(401, {"error": "forbidden"})

    def change(self, body):
        if self.headers["Authorization"] != "Basic " + base64.b64encode(b"us:open sesame").decode():
            return self.reply(401, {"message": "who are you"})
        verb = "add" if self.path == "/present" else "delete"
        self.write([f"update {verb} {body['fqdn']} {'1 ' if verb == 'add' else ''}TXT {body['value']}"])
        return self.reply(200, {})

    def write(self, lines):
        update(self.server.dns_port, lines)


def update(port, lines):
    text = "\n".join([f"server 127.0.0.1 {port}", f"zone {DOMAIN}", *lines, "send\n"])
    subprocess.run(["nsupdate", "-y", f"hmac-sha256:k:{SECRET}"], input=text, text=True, check=True)


def config(directory, name, text):
    path = directory / f"{name}.conf"
    path.write_text(text)
    path.chmod(0o600)
    return path


def obtain(lab, kind, conf, *names, ok=(0,)):
    out = lab.directory / f"out-{conf.stem}"
    said = run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--dns", kind,
               "--dns-config", conf, *(w for n in names for w in ("--name", n)), ok=ok)
    if ok == (0,):
        verify_chain(lab.roots, *(out / f for f in ("cert.pem", "chain.pem", "fullchain.pem")), names[0].replace("*", "any"))
    return said


def values(port, name):
    return sorted(run("dig", "+short", "+tcp", "@127.0.0.1", "-p", port, name, "TXT").split())


def aliases(lab, kind, text, refusal):
    """The record goes where the aliases end, and is taken away there; a zone that the provider does not have is refused."""
    conf = config(lab.directory, f"{kind}-alias", text)
    obtain(lab, kind, conf, f"alias-{kind}.{DOMAIN}")
    lost = obtain(lab, kind, conf, f"lost-{kind}.{DOMAIN}", ok=(2,))
    expect(lost, f"_acme-challenge.lost-{kind}.{DOMAIN} is an alias of lost.elsewhere.test, so the record belongs there: ", "an alias")
    expect(lost, refusal, "an alias into a zone of somebody else")


def acme_dns(lab, api):
    url = f"http://127.0.0.1:{api.server_port}"
    accounts = config(lab.directory, "accounts", json.dumps(ACCOUNTS))
    conf = config(lab.directory, "acme-dns", f"url: {url}/\naccounts: {accounts}\n")
    obtain(lab, "acme-dns", conf, f"wiki.{DOMAIN}", f"*.wiki.{DOMAIN}", f"shop.{DOMAIN}")
    seen = [body["subdomain"] for path, body in api.seen if path == "/update"]
    if sorted(seen) != ["s-shop", "s-wiki", "s-wiki"] or len(api.seen) != 3:
        sys.exit(f"acme-dns was asked: {api.seen}")
    expect(run(AUTARKY, "renew", lab.directory / "out-acme-dns", "--force"), "renewed", "renew")
    single = config(lab.directory, "single", f"url: {url}\nusername: u-shop\npassword: p-shop\nsubdomain: s-shop\n")
    obtain(lab, "acme-dns", single, f"shop.{DOMAIN}")
    # The password as a credential of systemd: others may read the settings then, and not the credential.
    store = lab.directory / "credentials"
    store.mkdir(mode=0o700)
    (store / "shop").write_text("p-shop\n")
    (store / "shop").chmod(0o400)
    os.environ["CREDENTIALS_DIRECTORY"] = str(store)
    sealed = config(lab.directory, "sealed", f"url: {url}\nusername: u-shop\npassword: credential:shop\nsubdomain: s-shop\n")
    sealed.chmod(0o644)
    obtain(lab, "acme-dns", sealed, f"shop.{DOMAIN}")
    (store / "shop").chmod(0o404)
    expect(obtain(lab, "acme-dns", sealed, f"shop.{DOMAIN}", ok=(2,)), "others may read it", "an open credential")
    single.chmod(0o644)
    expect(obtain(lab, "acme-dns", single, f"shop.{DOMAIN}", ok=(2,)), f"{single} holds a secret", "settings for all to read")
    wrong = config(lab.directory, "wrong", f"url: {url}\nusername: u-shop\npassword: other\nsubdomain: s-shop\n")
    expect(obtain(lab, "acme-dns", wrong, f"shop.{DOMAIN}", ok=(2,)), "status 401, forbidden", "another password")
    expect(obtain(lab, "acme-dns", conf, f"new.{DOMAIN}", ok=(2,)), f"has no account for new.{DOMAIN}: register one", "no account")
    accounts.chmod(0o644)
    expect(obtain(lab, "acme-dns", conf, f"new.{DOMAIN}", ok=(2,)), f"{accounts} holds a secret, and others may read it", "open")


def httpreq(lab, api, server):
    url = f"http://127.0.0.1:{api.server_port}"
    conf = config(lab.directory, "httpreq", f"url: {url}\nusername: us\npassword: open sesame\n")
    obtain(lab, "httpreq", conf, f"www.{DOMAIN}", f"*.www.{DOMAIN}")
    paths = sorted(path for path, _ in api.seen if path != "/update")
    if paths != ["/cleanup"] * 2 + ["/present"] * 2 or values(server.port, f"_acme-challenge.www.{DOMAIN}"):
        sys.exit(f"httpreq was asked {paths}, and left {values(server.port, f'_acme-challenge.www.{DOMAIN}')}")
    wrong = config(lab.directory, "stranger", f"url: {url}\n")
    expect(obtain(lab, "httpreq", wrong, f"www.{DOMAIN}", ok=(2,)), "status 401, {\"message\": \"who are you\"}", "nobody")
    down = config(lab.directory, "down", f"url: http://127.0.0.1:{free_port()}\n")
    expect(obtain(lab, "httpreq", down, f"www.{DOMAIN}", ok=(2,)), "refused", "nobody there")
    expect(run(AUTARKY, "obtain", "--server", lab.directory_url, "--out", lab.directory / "x", "--name", f"a.{DOMAIN}", "--dns", "none",
               "--dns-config", down, ok=(64,)), "it can be rfc2136, acme-dns, alibaba, azure, cloudflare, httpreq, powerdns, route53 and tencent", "an unknown way")


def cloudflare(lab, api, server):
    name = f"_acme-challenge.cf.{DOMAIN}"
    theirs = [{"type": "TXT", "name": name, "content": f'"theirs-{i}"', "id": f"f{i:031}"} for i in range(150)]
    api.records, api.seen, api.faults = list(theirs), [], [429, 502]
    text = f"url: http://127.0.0.1:{api.server_port}/client/v4/\ntoken: cf-token\nresolver: {server.address}\n"
    obtain(lab, "cloudflare", config(lab.directory, "cloudflare", text), f"cf.{DOMAIN}", f"*.cf.{DOMAIN}")
    added = [asked for verb, asked in api.seen if verb.startswith("POST")]
    if api.records != theirs or api.faults or len(added) != 2 or {r["ttl"] for r in added} != {60} or values(server.port, name):
        sys.exit(f"Cloudflare was asked {api.seen}, and has {api.records}")
    wrong = config(lab.directory, "cf-token", text.replace("cf-token", "other"))
    expect(obtain(lab, "cloudflare", wrong, f"cf.{DOMAIN}", ok=(2,)), "status 403, Invalid access token", "another token")
    away = config(lab.directory, "cf-zone", text + "zone: away.example\n")
    expect(obtain(lab, "cloudflare", away, f"cf.{DOMAIN}", ok=(2,)), "reaches no zone", "a zone that is not there")
    aliases(lab, "cloudflare", text, "reaches no zone")
    if api.records != theirs or values(server.port, f"two-cloudflare.proofs.{DOMAIN}"):
        sys.exit(f"Cloudflare has {api.records}")


def route53(lab, api, server):
    name = f"_acme-challenge.aws.{DOMAIN}"
    api.sets, api.seen, api.race = {f"{name}.": ['"theirs"']}, [], True
    text = f"url: http://127.0.0.1:{api.server_port}\naccess_key_id: AKIDHERE\nsecret_access_key: aws-secret\nresolver: {server.address}\n"
    obtain(lab, "route53", config(lab.directory, "route53", text), f"aws.{DOMAIN}", f"*.aws.{DOMAIN}")
    verbs = [verb for verb, _ in api.seen]
    # Two are added, two removed, and one change came too late.
    if api.sets != {f"{name}.": ['"theirs"']} or len([v for v in verbs if v.startswith("POST")]) != 5 or api.race or \
            len([v for v in verbs if v.endswith("/change/C1")]) != 2 or values(server.port, name) != ['"theirs"']:
        sys.exit(f"Route 53 was asked {api.seen}, and has {api.sets}")
    wrong = config(lab.directory, "aws-secret", text.replace("aws-secret", "other"))
    expect(obtain(lab, "route53", wrong, f"aws.{DOMAIN}", ok=(2,)), "status 403, The signature is wrong", "another secret")
    aliases(lab, "route53", text, "shows no public hosted zone")
    if api.sets != {f"{name}.": ['"theirs"']}:
        sys.exit(f"Route 53 has {api.sets}")


def azure(lab, api, server):
    """Zones on three pages, values and metadata of others at the name, somebody who is faster, a token that is withdrawn."""
    name = f"_acme-challenge.az.{DOMAIN}"
    dns = api.azure = azure_dns.AzureDns(["example", DOMAIN, "other.example"], lambda where, held: update(server.port, [
        f"update delete {where} TXT", *(f"update add {where} 1 TXT " + " ".join(f'"{s}"' for s in v) for v in held)]))
    theirs = {"TTL": 300, "metadata": {"owner": "ward 7"}, "TXTRecords": [{"value": ["theirs"]}, {"value": ["two ", "strings"]}]}
    dns.rival = lambda: dns.change(name, {"properties": theirs})
    dns.faults = [("DELETE", dns.error(429, "TooManyRequests", "Slowly.", {"Retry-After": "3"})), ("PUT", dns.error(401, "ExpiredAuthenticationToken", "It has expired."))]
    text = f"url: http://127.0.0.1:{api.server_port}/arm/\nlogin: http://127.0.0.1:{api.server_port}/login\ntenant: {azure_dns.TENANT}\n" \
           f"client_id: {azure_dns.CLIENT}\nclient_secret: {azure_dns.SECRET}\nsubscription: {azure_dns.SUBSCRIPTION}\nresource_group: {azure_dns.GROUP}\n" \
           f"resolver: {server.address}\n"
    said = [obtain(lab, "azure", config(lab.directory, "azure", text), f"az.{DOMAIN}", f"*.az.{DOMAIN}")]
    left = dns.sets[name]["properties"]
    # Each of two is added and removed, after one log-in and one more for the token that was refused; the set of others is as it was.
    if {k: left[k] for k in theirs} != theirs or dns.rival or len(dns.tokens) != 2 or values(server.port, name) != sorted('"theirs" "two " "strings"'.split()) or \
            len([s for s in dns.seen if s.startswith("PUT")]) != 6 or len([s for s in dns.seen if s.endswith("/dnsZones")]) != 12:
        sys.exit(f"Azure was asked {dns.seen}, and has {dns.sets}")
    dns.seen.clear()
    dns.times.clear()
    named = config(lab.directory, "azure-zone", f"{text}zone: {DOMAIN}.\nttl: 5\n")
    said.append(obtain(lab, "azure", named, f"solo.{DOMAIN}"))
    # Nothing else is at the name: the set is made, and goes. Its deletion came too soon once, and was made again when that was wanted.
    if list(dns.sets) != [name] or dns.faults or [s.split()[0] for s in dns.seen] != ["POST", "GET", "PUT", "GET", "DELETE", "GET", "DELETE"] or \
            dns.times[5] - dns.times[4] < 3:
        sys.exit(f"Azure was asked {dns.seen}, and has {dns.sets}, {dns.faults}")
    aliases(lab, "azure", text, "shows no public zone that holds")
    if list(dns.sets) != [name]:
        sys.exit(f"Azure has {dns.sets}")
    said.append(obtain(lab, "azure", config(lab.directory, "azure-secret", text.replace(azure_dns.SECRET, "other")), f"az.{DOMAIN}", ok=(2,)))
    expect(said[-1], f"{api.server_port}/login refuses the record {name}: status 401, invalid_client: AADSTS7000215: Invalid client secret", "another secret")
    away = config(lab.directory, "azure-group", text.replace("resource_group: ", "resource_group: no-"))
    expect(obtain(lab, "azure", away, f"az.{DOMAIN}", ok=(2,)), "status 404, ResourceGroupNotFound: The resource group could not", "another group")
    dns.zones = ["other.example"]
    expect(obtain(lab, "azure", config(lab.directory, "azure-none", text), f"az.{DOMAIN}", ok=(2,)), "shows no public zone that holds", "no zone")
    expect(obtain(lab, "azure", named, f"az.{DOMAIN}", ok=(2,)), "status 404, ParentResourceNotFound", "a zone that is not there")
    if any(word in told for word in (azure_dns.SECRET, "client_secret=", "eyJ0") for told in said):
        sys.exit(f"azure: a secret was told: {said}")


def numbered(lab, api, server, kind, name, settings, secret, faults, refusal):
    """Alibaba Cloud and Tencent Cloud: a hundred records of others at the name, a server that is busy twice, another secret."""
    label = "RR" if kind == "alibaba" else "Name"
    theirs = [{"RecordId": i if label == "Name" else str(i), label: f"_acme-challenge.{name}", "Type": "TXT", "Value": f"theirs-{i}"}
              for i in range(1, 151)]
    api.records, api.seen, api.nonces, api.faults = list(theirs), [], set(), list(faults)
    text = f"url: http://127.0.0.1:{api.server_port}\nresolver: {server.address}\n{settings}{secret}\n"
    said = obtain(lab, kind, config(lab.directory, kind, text), f"{name}.{DOMAIN}", f"*.{name}.{DOMAIN}")
    actions = [action for action, _ in api.seen]
    changes = sorted(a for a in actions if not a.startswith("Describe"))
    # Two are added, two removed, and the faults were overcome; each list had two pages.
    if api.records != theirs or api.faults or len(changes) != 4 or len(set(changes)) != 2 or \
            len([a for a in actions if a.startswith("DescribeSub") or a.endswith("RecordList")]) < 8 or \
            values(server.port, f"_acme-challenge.{name}.{DOMAIN}"):
        sys.exit(f"{kind} was asked {actions}, and has {api.records[150:]}")
    wrong = obtain(lab, kind, config(lab.directory, f"{kind}-secret", text.replace(secret, "no-secret")), f"{name}.{DOMAIN}", ok=(2,))
    expect(wrong, refusal, "another secret")
    away = obtain(lab, kind, config(lab.directory, f"{kind}-zone", text + "zone: away.example\n"), f"{name}.{DOMAIN}", ok=(2,))
    expect(away, "shows no domain that holds", "a zone that is not there")
    aliases(lab, kind, text, "shows no domain that holds")
    if api.records != theirs:
        sys.exit(f"{kind} has {api.records[150:]}")
    if any(word in told for word in (secret, "no-secret") for told in (said, wrong, away)):
        sys.exit(f"{kind}: a secret was told: {said} {wrong} {away}")


def powerdns():
    zone = {(DOMAIN, "A"): ["127.0.0.1"], (f"*.{DOMAIN}", "A"): ["127.0.0.1"], (f"_acme-challenge.www.{DOMAIN}", "TXT"): ['"theirs"'],
            (f"_acme-challenge.alias-powerdns.{DOMAIN}", "CNAME"): [f"proof.apps.{DOMAIN}."],
            (f"_acme-challenge.lost-powerdns.{DOMAIN}", "CNAME"): ["lost.elsewhere.test."]}
    with Lab() as lab, PowerDnsServer(lab.directory / "pdns", "changeme", {DOMAIN: zone, f"apps.{DOMAIN}": {
            (f"wiki.apps.{DOMAIN}", "A"): ["127.0.0.1"]}, "other.example": {}}) as server:
        lab.configure(policy=POLICY)
        path = lab.data / "autarky.yaml"
        path.write_text(path.read_text().replace(
            f"  - {{zone: \".\", servers: [\"127.0.0.1:{lab.dns.port}\"]}}\n",
            f"  - {{zone: {DOMAIN}, servers: [\"{server.address}\"], mode: authoritative}}\n"))
        lab.start()
        conf = config(lab.directory, "powerdns", f"url: {server.url}\nkey: changeme\nresolver: {server.address}\n")
        obtain(lab, "powerdns", conf, f"www.{DOMAIN}", f"*.www.{DOMAIN}", f"wiki.apps.{DOMAIN}")
        if values(server.port, f"_acme-challenge.www.{DOMAIN}") != ['"theirs"'] or \
                values(server.port, f"_acme-challenge.wiki.apps.{DOMAIN}"):
            sys.exit("PowerDNS has not what it had before")
        named = config(lab.directory, "named", f"url: {server.url}\nkey: changeme\nzone: {DOMAIN}\nttl: 5\nwait: 1s\nresolver: none\n")
        obtain(lab, "powerdns", named, f"www.{DOMAIN}")
        wrong = config(lab.directory, "key", f"url: {server.url}\nkey: other\nresolver: none\n")
        expect(obtain(lab, "powerdns", wrong, f"www.{DOMAIN}", ok=(2,)), "status 401", "another key")
        away = config(lab.directory, "away", f"url: {server.url}\nkey: changeme\nzone: away.example\nresolver: none\n")
        expect(obtain(lab, "powerdns", away, f"www.{DOMAIN}", ok=(2,)), "status 404", "a zone that is not there")
        aliases(lab, "powerdns", conf.read_text(), "no zone")
        if values(server.port, f"proof.apps.{DOMAIN}"):
            sys.exit("PowerDNS has a record behind an alias that was to be removed")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab, DnsServer(lab.directory / "updated", {DOMAIN: RECORDS}, keys=KEYS,
                                 zone_options="allow-update { key \"k\"; };") as server:
        lab.dns.port = server.port
        lab.configure(policy=POLICY)
        lab.start()
        api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        api.seen, api.kept, api.dns_port = [], {}, server.port
        threading.Thread(target=api.serve_forever, daemon=True).start()
        acme_dns(lab, api)
        httpreq(lab, api, server)
        cloudflare(lab, api, server)
        route53(lab, api, server)
        azure(lab, api, server)
        numbered(lab, api, server, "alibaba", "ali", "access_key_id: LTAIHERE\naccess_key_secret: ", "ali-secret",
                 [(400, "Throttling.User", "Request was denied due to user flow control"), (503, "ServiceUnavailable", "Try later")],
                 "status 400, SignatureDoesNotMatch: Specified signature is not matched")
        numbered(lab, api, server, "tencent", "tc", "secret_id: AKIDTC\nsecret_key: ", "tc-secret",
                 [("RequestLimitExceeded", "Too many"), ("InternalError", "Try later")],
                 "status 200, AuthFailure.SignatureFailure: The provided credentials")
        api.shutdown()
    powerdns()


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""`autarky-agent obtain` and `renew` until the service serves it: nginx is reloaded and looked at, with both kinds of key, and a
service of TLCP with the two certificates that it takes; and services that forget to reload, serve an old chain or none, have one address that is
stale, or break, after which the certificate before is in place and served, and the next renewal tries again."""

import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, OPENSSL, Lab, expect, free_port, run, wait_for  # noqa: E402
from place import NAME, UNPROVEN, Place, same, served, serves  # noqa: E402
from services import ROOT, Nginx, Tlcp  # noqa: E402


def web(lab):
    """Both kinds of key in one nginx, each proven by itself."""
    ecdsa, rsa = Place(lab, "web-ecdsa"), Place(lab, "web-rsa", "rsa2048")
    ecdsa.obtain()
    rsa.obtain()
    with Nginx(lab.directory, [ecdsa.pair, rsa.pair]) as nginx:
        for place in (ecdsa, rsa):
            said = place.obtain("--reload", f"signal:HUP:{nginx.pid}", "--prove", f"127.0.0.1:{nginx.port}")
            expect(said, "obtained a certificate", "nginx")
            expect(place.renew("--force"), "renewed", "nginx")
        serves(nginx.port, ecdsa.leaf())
        forgets(ecdsa, nginx)


def forgets(place, nginx):
    """A reload that does nothing: back to the one before, which is served; the next attempt needs no new order."""
    before = place.leaf()
    place.change(reload="/bin/true", prove_for="1s")
    said = place.renew("--force", ok=(UNPROVEN,))
    expect(said, "it serves the certificate that was in place before: it has not read the new files", "no reload")
    expect(said, "The one before is in place again, and is served", "no reload")
    serves(nginx.port, before)
    if not same(place.leaf(), before):
        sys.exit("a service that forgot to reload: the old one is to be in place")
    state = place.state
    pending = (place.out / ".autarky" / str(state["pending"]) / "cert.pem").read_text()
    if state["failures"] != 1 or same(pending, before):
        sys.exit(f"after that: {state}")
    expect(place.renew(), "the last attempt failed, the next one is not before", "a pause")
    expect(place.renew("--force", "--json", ok=(UNPROVEN,)), '"unproven": true', "--json")
    if place.state["pending"] != state["pending"]:
        sys.exit("a second attempt ordered another certificate")
    place.change(reload=f"signal:HUP:{nginx.pid}")
    expect(place.renew("--force"), "renewed", "once it reloads")
    serves(nginx.port, pending)
    if not same(place.leaf(), pending):
        sys.exit("the one that waited was not taken into use")
    if "pending" in place.state or place.state["failures"]:
        sys.exit(f"after success: {place.state}")


def chains(lab):
    """Services that read the leaf alone, or a chain of their own."""
    place = Place(lab, "chains")
    place.obtain()
    mine = lab.directory / "mine.pem"
    script = lab.directory / "mine.sh"
    mine.write_text(place.chain.read_text())
    with Nginx(lab.directory, [(mine, place.private)], name="nginx-chains") as nginx:
        def reload_with(files, wanted):
            before = place.leaf()
            script.write_text(f"#!/bin/sh\ncat {files} > {mine}.new && mv {mine}.new {mine} && kill -HUP $(cat {nginx.pid})\n")
            script.chmod(0o755)
            said = place.obtain("--reload", script, "--prove", f"127.0.0.1:{nginx.port}", "--prove-for", "2s",
                                ok=(UNPROVEN,))
            expect(said, wanted, files)
            if not same(place.leaf(), before):
                sys.exit(f"{files}: the old one is to be in place")
        reload_with(place.out / "cert.pem", "without its chain: have it read fullchain.pem")
        reload_with(f"{place.out / 'cert.pem'} {lab.roots}", "with another chain")
        # A kind of key that the service does not have is not proven by the other one, nor taken back where it is the first.
        rsa = Place(lab, "chains-rsa", "rsa2048")
        said = rsa.obtain("--prove", f"127.0.0.1:{nginx.port}", "--prove-for", "1s", ok=(UNPROVEN,))
        expect(said, "the TLS handshake failed", "RSA where there is ECDSA alone")
        expect(said, "There was none before it to go back to", "RSA where there is ECDSA alone")
        # A reload that fails, and one that hangs.
        said = place.obtain("--reload", "/bin/false", "--prove", f"127.0.0.1:{nginx.port}", "--prove-for", "1s", ok=(UNPROVEN,))
        expect(said, "/bin/false  ended with status 1", "a reload that fails")
        said = place.obtain("--reload", "shell:sleep 600", "--reload-timeout", "1s", ok=(UNPROVEN,))
        expect(said, "did not end within 1 seconds", "a reload that hangs")


def addresses(lab):
    """Two addresses, of which one belongs to a server that is not told."""
    place = Place(lab, "addresses")
    place.obtain()
    before = place.leaf()
    with Nginx(lab.directory, [place.pair], name="nginx-1") as one, \
            Nginx(lab.directory, [place.pair], address="127.0.0.2", port=one.port, name="nginx-2") as two:
        args = ("--prove", f"127.0.0.1:{one.port}", "--prove", f"127.0.0.2:{one.port}", "--prove-for", "2s")
        said = place.obtain("--reload", f"signal:HUP:{one.pid}", *args, ok=(UNPROVEN,))
        expect(said, f"TLS 127.0.0.2 at 127.0.0.2:{one.port} asked for {NAME}: it serves the certificate that was in place "
               "before", "a stale address")
        if not same(place.leaf(), before) or not same(served(one.port), before):
            sys.exit("a stale address: the old one is to be served at both")
        place.obtain("--reload", f"shell:kill -HUP $(cat {one.pid} {two.pid})", *args)
        if not same(served(one.port, "127.0.0.2"), place.leaf()):
            sys.exit("the second address is still stale")
        if ROOT:
            names(lab, place, one, two)
        place.change(prove=[f"127.0.0.1:{one.port}"], prove_for="1s")
    expect(place.renew("--force", ok=(UNPROVEN,)), "that is not served either", "a service that is down")


def names(lab, place, one, two):
    """Every address of every name, by a hosts file of its own."""
    hosts = lab.directory / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {NAME}\n127.0.0.2 {NAME}\n")
    mine = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts)
    said = place.obtain("--reload", f"signal:HUP:{one.pid}", "--prove", str(one.port), "--prove-for", "2s", ok=(UNPROVEN,),
                        before=mine)
    expect(said, f"TLS {NAME} at 127.0.0.2:{one.port}: it serves the certificate that was in place before", "every address")
    place.obtain("--reload", f"shell:kill -HUP $(cat {one.pid} {two.pid})", "--prove", str(one.port), before=mine)
    hosts.write_text("127.0.0.1 localhost\n")
    said = place.obtain("--prove", str(one.port), "--prove-for", "1s", ok=(UNPROVEN,),
                        before=(*mine, "env", "RES_OPTIONS=attempts:1"))
    expect(said, f"{NAME} cannot be looked up", "a name without address")


MODULE, PIN = "/usr/lib/softhsm/libsofthsm2.so", "token-pin-1"


def make_token(lab):
    """An empty token "Web", and its PIN in a file."""
    root = lab.directory / "token"
    (root / "tokens").mkdir(parents=True)
    (root / "softhsm2.conf").write_text(f"directories.tokendir = {root}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(root / "softhsm2.conf")
    run("softhsm2-util", "--init-token", "--free", "--label", "Web", "--pin", PIN, "--so-pin", "officer-1")
    (root / "pin").write_text(PIN + "\n")
    (root / "pin").chmod(0o600)
    (root / "openssl.cnf").write_text(
        "openssl_conf = init\n[init]\nproviders = all\n[all]\ndefault = of_openssl\npkcs11 = of_tokens\n"
        f"[of_openssl]\nactivate = 1\n[of_tokens]\nmodule = {pathlib.Path(OPENSSL).parent.parent}/lib/ossl-modules/pkcs11.so\n"
        f"pkcs11-module-path = {MODULE}\npkcs11-module-token-pin = file:{root}/pin\nactivate = 1\n")
    return root


def server_script(root, place, port):
    """OpenSSL's own server, with the provider, started anew each time; it knows of no key but what privkey.pem says."""
    script = root / "restart.sh"
    script.write_text(f"""#!/bin/sh
cd {root}
[ -f server.pid ] && kill $(cat server.pid)
OPENSSL_CONF={root}/openssl.cnf SOFTHSM2_CONF={root}/softhsm2.conf setsid sh -c 'echo $$ >server.pid; exec "$@"' sh {OPENSSL} s_server \
    -quiet -accept 127.0.0.1:{port} -cert {place.out}/cert.pem -cert_chain {place.out}/chain.pem -key {place.out}/privkey.pem \
    >server.log 2>&1 </dev/null &
""")
    script.chmod(0o755)
    return script


def in_token(lab):
    """A key that never leaves its token: made there, served by the provider, and the same when it is renewed."""
    place, root, port = Place(lab, "in-token", "p256"), make_token(lab), free_port()
    key = ("--key-uri", "pkcs11:token=Web;object=wiki", "--pkcs11-module", MODULE, "--pin-file", root / "pin")
    try:
        said = place.obtain(*key, "--reload", server_script(root, place, port), "--prove", f"127.0.0.1:{port}", "--prove-for", "20s")
        expect(said, "obtained a certificate", "a key in a token")
        before = run(OPENSSL, "x509", "-in", place.out / "cert.pem", "-noout", "-pubkey"), place.leaf()
        expect(place.private.read_text(), "BEGIN PKCS#11 PROVIDER URI", "privkey.pem")
        if "PRIVATE KEY" in place.private.read_text() or PIN in (place.out / ".autarky/state.json").read_text():
            sys.exit("a secret is on disk")
        expect(place.renew("--force"), "renewed", "a key in a token")
        if run(OPENSSL, "x509", "-in", place.out / "cert.pem", "-noout", "-pubkey") != before[0] or same(place.leaf(), before[1]):
            sys.exit("a renewal is another certificate of the same key")
        if not same(served(port), place.leaf()):
            sys.exit("the token's certificate is not served")
        leaf = place.leaf()
        (root / "pin").write_text("wrong-pin\n")
        expect(place.renew("--force", ok=(2,)), "refuses the PIN", "a wrong PIN")
        if not same(place.leaf(), leaf):
            sys.exit("a wrong PIN: what was in place is to stay")
        expect(place.obtain("--key-uri", "pkcs11:token=Web;object=wiki", ok=(64,)), "--key-uri names a key in a token, which takes --pkcs11-module", "usage")
    finally:
        if (root / "server.pid").exists():
            os.kill(int((root / "server.pid").read_text()), signal.SIGTERM)


LABEL = "system_u:object_r:cert_t:s0"


def labels(lab):
    """As SELinux has them: the kernel keeps what is set; where it cannot, nothing is ordered."""
    place = Place(lab, "labels")
    expect(place.obtain("--selinux", "cert_t", ok=(64,)), "is no label of SELinux", "half a label")
    place.out.mkdir()
    signed = lab.log().count("signer.signed")
    said = place.obtain("--selinux", LABEL, ok=(2,),
                        before=("unshare", "-m", "sh", "-c", 'mount -t ramfs none "$0" && exec "$@"', place.out))
    expect(said, f"the kernel refuses the label {LABEL} for {place.out}: that file system keeps no labels", "a file system without")
    if lab.log().count("signer.signed") != signed:
        sys.exit("a certificate was ordered that could not be put in place")
    both = lab.directory / "labelled.pem"

    def has(file, label):
        if os.getxattr(file, "security.selinux").rstrip(b"\0").decode() != label:
            sys.exit(f"{file} has another label")

    place.obtain("--selinux", LABEL, "--combined", both)
    place.renew("--force")
    for file in (*place.pair, place.out / "cert.pem", place.out / ".autarky/live", both):
        has(file, LABEL)
    # A copy that others have labelled keeps that, where no label is asked for.
    other = LABEL.replace("cert_t", "etc_t")
    os.setxattr(both, "security.selinux", other.encode() + b"\0")
    place.change(selinux="")
    before = both.read_text()
    place.renew("--force")
    has(both, other)
    if both.read_text() == before:
        sys.exit("the copy was not written anew")


def declared(lab):
    """Somebody lets others read the key: doctor says so, and a run that has nothing else to do puts it right."""
    place = Place(lab, "declared")
    place.obtain("--mode", "0640", *(("--group", "daemon") if ROOT else ()))
    was = place.private.stat()
    os.chmod(place.private, 0o644)
    if ROOT:
        os.chown(place.private, 1, 1)
    expect(run(AGENT, "agent", "doctor", place.out, ok=(0, 2)), "with mode 0644, which is not what was declared", "doctor")
    expect(place.renew(), "it is as declared again", "renew")
    now = place.private.stat()
    if now.st_mode & 0o7777 != 0o640 or now.st_gid != was.st_gid:
        sys.exit(f"not as declared: {now}")
    left = place.renew() + run(AGENT, "agent", "doctor", place.out, ok=(0, 2))
    if "is as declared again" in left or "not what was declared" in left:
        sys.exit("it is not put right")


def tlcp(lab):
    """The two certificates of TLCP, each of a directory of its own: both are looked for, whichever is renewed."""
    sign, enc = Place(lab, "tlcp-sign", "sm2"), Place(lab, "tlcp-enc", "sm2")
    sign.obtain("--profile", "tlcp-sign")
    enc.obtain("--profile", "tlcp-enc")
    with Tlcp(lab.directory, sign.pair, enc.pair) as service:
        prove = ("--prove", f"tlcp:127.0.0.1:{service.port}")
        for place, other, profile in ((sign, enc, "tlcp-sign"), (enc, sign, "tlcp-enc")):
            said = place.obtain("--profile", profile, "--reload", service.reload, *prove, "--pair", other.out)
            expect(said, "obtained a certificate", profile)
            expect(place.renew("--force"), "renewed", profile)
            seen = [served["serial"] for served in service.shown()["certificates"]]
            wanted = [run(OPENSSL, "x509", "-in", p.out / "cert.pem", "-noout", "-serial").split("=")[1].strip().lower()
                      for p in (sign, enc)]
            if [s.lower() for s in seen[:2]] != wanted:
                sys.exit(f"TLCP serves {seen}, not {wanted}")
        tlcp_not_served(sign, enc, service)


def tlcp_not_served(sign, enc, service):
    """A service that does not read it again, that has another half, and that is none of TLCP."""
    for place in (sign, enc):
        before = place.leaf()
        reload = place.state["plan"]["reload"]
        place.change(reload="/bin/true", prove_for="1s")
        said = place.renew("--force", ok=(UNPROVEN,))
        expect(said, f"TLCP 127.0.0.1 at 127.0.0.1:{service.port}", "TLCP, no reload")
        expect(said, "it serves the certificate that was in place before", "TLCP, no reload")
        expect(said, "The one before is in place again, and is served", "TLCP, no reload")
        if not same(place.leaf(), before):
            sys.exit("TLCP: the old one is to be in place")
        place.change(reload=reload)
        expect(place.renew("--force"), "renewed", "TLCP, once it reloads")
    # The other half of another directory, which this service does not have.
    other = Place(sign.lab, "tlcp-other", "sm2")
    other.obtain("--profile", "tlcp-enc")
    before = sign.leaf()
    sign.change(pair=str(other.out))
    expect(sign.renew("--force", ok=(UNPROVEN,)), "together with another one than that of --pair", "TLCP, another half")
    if not same(sign.leaf(), before):
        sys.exit("TLCP, another half: the old one is to be in place")
    with Nginx(sign.lab.directory, [Place(sign.lab, "web-ecdsa").pair], name="nginx-tlcp") as nginx:
        sign.change(pair=str(enc.out), prove=[f"tlcp:127.0.0.1:{nginx.port}"])
        expect(sign.renew("--force", ok=(UNPROVEN,)), "the TLCP handshake failed", "TLCP where there is TLS")


def usage(lab):
    place = Place(lab, "usage")
    tls, pair = Place(lab, "usage", "sm2"), ("--pair", lab.directory)
    expect(tls.obtain("--prove", "443", ok=(64,)), "name the place as tlcp:HOST:PORT", "SM2 by TLS")
    expect(place.obtain("--prove", "tlcp:443", ok=(64,)), "is a place for certificates of SM2", "ECDSA by TLCP")
    expect(place.obtain("--prove", "443", *pair, ok=(64,)), "--pair is for certificates of SM2", "a pair of ECDSA")
    expect(place.obtain(*pair, ok=(64,)), "--pair is for --prove", "a pair alone")
    expect(place.obtain("--prove", "gopher:x:70", ok=(64,)), 'there is no protocol "gopher"', "a protocol")
    expect(place.obtain("--reload", "nginx -s reload", ok=(64,)), "does not say how to reload", "a relative path")
    expect(place.obtain("--mode", "0644", ok=(64,)), "is none for a key", "a mode")
    expect(place.obtain("--owner", "nobody-at-all", ok=(2,)), "there is no user", "a user")
    expect(place.obtain("--prove-for", "1s", ok=(64,)), "--prove-for is for --prove", "a time alone")
    if place.out.exists():
        sys.exit("wrong usage left a directory")


def killed(lab):
    """Between the links and the proof: the next run looks, and orders nothing."""
    place = Place(lab, "killed")
    place.obtain()
    before = place.leaf()
    with Nginx(lab.directory, [place.pair], name="nginx-killed") as nginx:
        flag = lab.directory / "flag"
        place.obtain("--reload", f"shell:touch {flag}; kill -9 $PPID", "--prove", f"127.0.0.1:{nginx.port}", ok=(-9,))
        wait_for("the reload", flag.exists)
        fresh = place.leaf()
        if same(fresh, before):
            sys.exit("it was killed before there was anything to prove")
        place.change(reload=f"signal:HUP:{nginx.pid}")
        expect(place.renew(), "renewed", "after it was killed")
        serves(nginx.port, fresh)
        if not same(place.leaf(), fresh):
            sys.exit("after it was killed: another certificate was ordered")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab:
        lab.start()
        usage(lab)
        web(lab)
        chains(lab)
        addresses(lab)
        killed(lab)
        declared(lab)
        tlcp(lab)
        in_token(lab)
        if ROOT:
            labels(lab)
        else:
            print("labels need root; left out")


main()

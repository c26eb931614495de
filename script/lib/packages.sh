# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the system's own apt provides, and how it is installed. Nothing here changes apt's sources.

# group   package               for
# Groups: build = to build and run; test, lint, fuzz, bench = asked for with an option of that name;
# tests = as test, where the distribution has it.
package_table() {
  cat <<'TABLE'
build     build-essential       compiler, make, dpkg-source
build     pkgconf               finding the libraries
build     meson                 the build
build     ninja-build           the build
build     ca-certificates       apt mirrors behind HTTPS
build     libuv1-dev            event loop
build     libsqlite3-dev        the embedded store
build     libyaml-dev           configuration
build     libpsl-dev            the list of public suffixes
build     libseccomp-dev        confinement
build     libcap-ng-dev         dropping privileges
build     libldns-dev           DNS wire format, resolving
build     libnghttp2-dev        HTTP/2: frames, HPACK
build     libcmocka-dev         unit tests
test      ccache                what was compiled before, in another clone
test      mold                  links the test programs in a tenth of the time
test      softhsm2              a PKCS#11 token in files
test      valgrind              instructions counted, and branches on secrets seen
test      swtpm                 a TPM that is software
test      libtss2-tcti-swtpm0   the way to it
test      tpm2-abrmd            what /dev/tpmrm0 is to a TPM of hardware
test      libtss2-tcti-tabrmd0  the way to that
test      dbus-daemon           between them
test      tpm2-tools            asking it
test      libtpm2-pkcs11-1      a PKCS#11 token in a TPM
test      libtpm2-pkcs11-tools  makes one
test      p11-kit               puts one behind a socket
test      p11-kit-modules       the client of that
test      opensc                pkcs11-tool: a second opinion on tokens
test      certbot               an unmodified ACME client
test      python3-certbot-dns-rfc2136  its way to a name server
test      python3-acme          the library behind certbot, for what no packaged client does
test      lego                  an ACME client with tls-alpn-01
test      dehydrated            another one
test      gnutls-bin            certtool: a second opinion on our chains
test      libnss3-tools         vfychain, certutil: a third one
test      uacme                 another one
test      acme-tiny             another one
test      caddy                 a web server that is one
test      apache2-bin           mod_md, another one
test      bind9                 a name server for DNS scenarios
test      knot                  another name server
test      pdns-server           another one, with an HTTP API
test      pdns-backend-sqlite3  where it keeps its zones
test      pebble                an ACME server that tortures its clients
test      rsyslog               where copies of the audit log go
test      rsyslog-openssl       the same by TLS
test      bind9-dnsutils        dig, nsupdate
test      openssl               the distribution's own, as a stranger's tool
build     curl                  script/run looks whether its site answers
test      socat                 sockets by hand
test      jq                    reading our JSON
test      sqlite3               looking into the store
test      wget                  another one
test      nghttp2-client        nghttp, h2load: clients of HTTP/2
test      nghttp2-server        nghttpd: a backend of HTTP/2
test      python3-grpcio        gRPC, both ends
test      testssl.sh            what strangers look for in a TLS server (and script/lib/testssl.sh)
test      sslscan               the same by somebody else
test      nginx-light           a web server that has to be reloaded, a backend that knows PROXY
test      postfix               a mail server with STARTTLS
test      dovecot-imapd         another one, IMAP
test      dovecot-pop3d         and POP3
test      postgresql            a database with TLS inside its protocol
test      slapd                 LDAP with STARTTLS
test      ldap-utils            ldapmodify, which tells it of files
test      mariadb-server-core   MySQL's protocol with TLS inside, without the units of a whole server
test      mariadb-client-core   its administrator
test      vsftpd                FTP with AUTH TLS
test      prosody               XMPP with STARTTLS
test      chromium              a browser
test      zsh                   a shell that completes
test      fish                  another one
test      prometheus            promtool: our numbers and alarms
test      prometheus-alertmanager  a receiver of alerts
test      python3-aiosmtpd      a mail server that writes down what it gets
test      procps                ps, pgrep in scenarios
test      faketime              a host whose clock is wrong
test      iproute2              ss
test      python3-pytest        scenario scripts
test      python3-websockets    WebSocket, both sides
test      python3-h2            HTTP/2 by a third implementation, a client
test      python3-wsproto       WebSocket inside it
test      python3-cryptography  forging what no client would send
test      haproxy               a load balancer before the gateway
test      libmodsecurity3       the rule engine that the gateway asks
test      modsecurity-crs       the OWASP core rule set
tests     lexicon               hooks of certbot's and dehydrated's styles
tests     dehydrated-hook-ddns-tsig  another one
test      clang                 the second compiler
test      libclang-rt-dev       its sanitizer runtimes
test      llvm                  llvm-symbolizer
lint      clang-format          layout of C
lint      clang-tidy            static checks
lint      cppcheck              static checks
lint      shellcheck            these scripts
lint      codespell             spelling
fuzz      clang                 libFuzzer
fuzz      libclang-rt-dev       libFuzzer and sanitizer runtimes
fuzz      llvm                  llvm-symbolizer, llvm-cov
bench     pebble                the ACME server we are measured beside
bench     caddy                 another one
bench     iproute2              a network of our own for them
bench     bind9                 the name server that both ask
bench     nginx-light           the gateway we are measured beside
test      wrk                   asks without end
bench     wrk                   asks both
bench     libmodsecurity3       inspects requests in both
bench     modsecurity-crs       by these rules
bench     libnginx-mod-http-modsecurity  nginx's way to it
bench     nghttp2-client        h2load asks as well
bench     python3-cryptography  the client of both
TABLE
}

# Units that packages above would start, now or at the next boot: a developer's machine keeps its
# ports and its certificates to itself.
readonly UNWANTED_UNITS='nginx.service haproxy.service named.service pebble.service certbot.timer caddy.service knot.service
  prometheus-alertmanager.service postfix.service dovecot.service dovecot.socket postgresql.service
  pdns.service slapd.service vsftpd.service prosody.service tpm2-abrmd.service'

# packages_of GROUP...: the packages of these groups, one per line.
packages_of() {
  local group
  for group in "$@"; do
    package_table | awk -v group="$group" '$1 == group { print $2 }'
  done | sort -u
}

# packages_missing PACKAGE...: those not installed, one per line. No network, a few milliseconds.
packages_missing() {
  local installed
  [ $# -gt 0 ] || return 0
  # dpkg-query fails when it has never heard of one of them.
  installed=$({ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } \
    | awk '$2 == "installed" { print $1 }' | sort -u)
  comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed")
}

# packages_offered PACKAGE...: those that the system's apt has, one per line.
packages_offered() {
  local package
  for package in "$@"; do
    if [ -n "$(system_candidate "$package")" ]; then
      printf '%s\n' "$package"
    fi
  done
}

# The lock of the package lists has no timeout of its own in apt: hence the retries.
system_apt_update() {
  retry 5 10 run_logged apt-update as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get update -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300
}

system_apt_install() {
  retry 3 10 run_logged apt-install as_root env DEBIAN_FRONTEND=noninteractive \
    NEEDRESTART_SUSPEND=1 apt-get install -y -q --no-install-recommends \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# system_candidate PACKAGE: the version that the system's apt would install; empty if none.
system_candidate() {
  LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# While a daemon's package is installed, maintainer scripts ask /usr/sbin/policy-rc.d whether they
# may start it. Somebody else's answer (containers have one) is respected.
services_hold() {
  if [ -e /usr/sbin/policy-rc.d ]; then
    return 0
  fi
  printf '#!/bin/sh\n# temporary: Autarky installs daemons for its tests without starting them\nexit 101\n' \
    | as_root sh -c 'umask 022; cat >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d'
  trap services_release EXIT
}

services_release() {
  if grep -qs 'Autarky installs daemons' /usr/sbin/policy-rc.d; then
    as_root rm -f /usr/sbin/policy-rc.d
  fi
  trap - EXIT
}

# units_present: those unwanted units that were here before us; they are the administrator's.
units_present() {
  local unit
  for unit in $UNWANTED_UNITS; do
    # Of some there is only what init starts, from which systemd makes the unit.
    if [ -e "/lib/systemd/system/$unit" ] || [ -e "/etc/systemd/system/$unit" ] \
      || [ -e "/etc/init.d/${unit%.service}" ]; then
      printf '%s\n' "$unit"
    fi
  done
}

# units_disable BEFORE: what our installation added must not start at the next boot either.
units_disable() {
  local before=$1 unit
  [ -d /run/systemd/system ] || return 0
  for unit in $(units_present); do
    if ! grep -qxF "$unit" <<<"$before"; then
      as_root systemctl disable -q "$unit" || warn "could not disable $unit"
    fi
  done
}

# packages_install PACKAGE...: installs what is missing, quietly and without starting services.
packages_install() {
  local missing units
  mapfile -t missing < <(packages_missing "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  can_be_root || die "these packages are missing and neither root nor sudo is at hand; run as root:
  apt-get install --no-install-recommends ${missing[*]}"
  say "packages: refreshing the lists"
  system_apt_update || die "apt-get update failed"
  say "packages: installing ${#missing[@]}: ${missing[*]}"
  units=$(units_present)
  services_hold
  system_apt_install "${missing[@]}" || die "apt-get install failed"
  services_release
  units_disable "$units"
}

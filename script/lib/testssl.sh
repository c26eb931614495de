# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# testssl.sh, the scanner of strangers, where the distribution's own is too old to know what is spoken
# today: a script, from the donor's binary package. Needs the functions of common.sh, packages.sh and debian.sh.

readonly TESTSSL_MIN=3.2

# Nothing where the distribution has it new enough; elsewhere .deps/testssl leads to one that is.
testssl_provide() {
  local place=$ROOT/.deps/testssl dir
  if system_offers testssl.sh "$TESTSSL_MIN"; then
    rm -f "$place"
    return 0
  fi
  [ -z "${UPDATE:-}" ] && [ -x "$place/usr/bin/testssl" ] && return 0
  CACHE=$(cache_directory)
  dir=$CACHE/testssl
  lock_take 9 "$CACHE/testssl.lock" "testssl.sh"
  if [ -n "${UPDATE:-}" ] || [ ! -x "$dir/usr/bin/testssl" ]; then
    testssl_fetch "$dir"
  fi
  if [ -x "$dir/usr/bin/testssl" ]; then
    mkdir -p "$ROOT/.deps"
    ln -sfn "$dir" "$place"
  fi
  exec 9>&-
}

# testssl_fetch DIR: a mirror without it costs the newer look and nothing else.
testssl_fetch() {
  local dir=$1 debs=$CACHE/testssl-debs
  say "borrowing from Debian $DONOR: testssl.sh"
  if ! debian_open testssl "deb:main:$DONOR" || ! debian_binary_fetch "$debs" testssl.sh \
    || ! version_ge "$(dpkg-deb -W "$debs"/testssl.sh_*.deb | cut -f2)" "$TESTSSL_MIN"; then
    warn "no testssl.sh $TESTSSL_MIN from Debian $DONOR; the distribution's own has to do"
    rm -rf "$debs"
    return 0
  fi
  rm -rf "$dir.new"
  dpkg-deb -x "$debs"/testssl.sh_*.deb "$dir.new"
  rm -rf "$debs" "$dir"
  mv "$dir.new" "$dir"
}

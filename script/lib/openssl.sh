# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# OpenSSL from Debian's source package. Needs CACHE and the functions of debian.sh.

# What Debian leaves out, left out too; beyond that only what no library of Debian 12 can refer to
# (they share this libcrypto at run time), so engines stay. OPENSSLDIR is a place that never exists:
# neither the system's openssl.cnf nor its modules are ever read.
readonly OPENSSL_PREFIX=/nonexistent/autarky

# Part of what a cached build is known by: count it up when the way of building below changes.
readonly OPENSSL_RECIPE=2

# openssl_options LANE: the arguments of Configure, one per line.
openssl_options() {
  local arch
  arch=$(dpkg --print-architecture)
  printf '%s\n' "debian-$arch" --prefix="$OPENSSL_PREFIX" --openssldir="$OPENSSL_PREFIX/ssl" \
    --libdir=lib shared no-docs no-tests no-quic no-legacy no-idea no-mdc2 no-rc5 no-zlib \
    enable-rfc3779 enable-cms enable-ktls
  if [ "$1" = 3 ]; then
    printf '%s\n' no-ssl3 no-ssl3-method no-capieng no-padlockeng no-afalgeng no-loadereng
  fi
  case $arch in
    amd64 | arm64 | ppc64el | riscv64) echo enable-ec_nistp_64_gcc_128 ;;
  esac
}

# openssl_digest LANE: one short word for how it is built.
openssl_digest() {
  { openssl_options "$1" && echo "$OPENSSL_RECIPE"; } | sha256sum | cut -c1-12
}

# openssl_fetch LANE: the newest source of that lane which the mirror hands out, unpacked nowhere
# yet. Sets OPENSSL_VERSION and OPENSSL_DSC; OPENSSL_WITHHELD names newer ones that are listed only.
openssl_fetch() {
  local lane=$1 from to version
  case $lane in
    3) from=3.5 to=3.6~ ;;
    4) from=4 to=5~ ;;
  esac
  OPENSSL_WITHHELD=''
  for version in $(debian_source_versions openssl); do
    if ! version_ge "$version" "$from" || version_ge "$version" "$to"; then
      continue
    fi
    say "OpenSSL $version: fetching the source"
    if OPENSSL_DSC=$(debian_source_fetch openssl "$version" "$CACHE/src/openssl"); then
      OPENSSL_VERSION=$version
      return 0
    fi
    warn "the mirror lists OpenSSL $version but does not hand out its source"
    OPENSSL_WITHHELD="$OPENSSL_WITHHELD $version"
  done
  return 1
}

# openssl_build LANE DEST: compiles OPENSSL_DSC into the new directory DEST (bin, lib, include).
openssl_build() {
  local lane=$1 dest=$2 work
  work=$(mktemp -d "$CACHE/build.XXXXXX")
  if ! (cd "$work" && openssl_compile "$lane"); then
    rm -rf "$work"
    die "building OpenSSL $OPENSSL_VERSION failed; logs: $ROOT/.deps/log"
  fi
  openssl_trim "$work/install$OPENSSL_PREFIX"
  mkdir -p "${dest%/*}"
  rm -rf "$dest"
  mv "$work/install$OPENSSL_PREFIX" "$dest"
  rm -rf "$work"
}

# In an empty working directory. Debian's patches are applied by dpkg-source; the signature inside
# the .dsc is an individual developer's, whose key nobody here has: apt has checked the archive's.
openssl_compile() {
  local lane=$1 name="OpenSSL $OPENSSL_VERSION" options
  mapfile -t options < <(openssl_options "$lane")
  say "$name: unpacking and configuring (1 of 3)"
  run_logged openssl-unpack dpkg-source -x "$OPENSSL_DSC" source || return 1
  mkdir build install
  cd build || return 1
  openssl_flags
  run_logged openssl-configure ../source/Configure "${options[@]}" || return 1
  openssl_make "$name: compiling (2 of 3)" || return 1
  say "$name: installing (3 of 3)"
  run_logged openssl-install make DESTDIR="$PWD/../install" install_sw
}

# Debian's hardening flags, without debug information, which would double the time, and without the
# name of the working directory. libssl finds its own libcrypto, and bin/openssl both, wherever the
# directory is copied to.
openssl_flags() {
  export DEB_BUILD_MAINT_OPTIONS='hardening=+bindnow reproducible=-all' DEB_CFLAGS_STRIP=-g
  CFLAGS="$(dpkg-buildflags --get CFLAGS) -Wall"
  CPPFLAGS=$(dpkg-buildflags --get CPPFLAGS)
  # The shell that make starts takes one layer of quoting off, make itself the other dollar.
  LDFLAGS="$(dpkg-buildflags --get LDFLAGS) -Wl,-rpath,\\\$\$ORIGIN:\\\$\$ORIGIN/../lib"
  export CFLAGS CPPFLAGS LDFLAGS
}

# openssl_make TITLE: make, with a line now and then that says how far it is.
openssl_make() {
  local title=$1 log total pid rc=0 tick=0
  log=$(log_path openssl-make)
  total=$(grep -c '^[^ #]*\.o: ' Makefile)
  make -j"$(nproc)" >"$log" 2>&1 </dev/null &
  pid=$!
  # shellcheck disable=SC2064 # the pid as it is now
  trap "kill $pid 2>/dev/null" EXIT
  while kill -0 "$pid" 2>/dev/null; do
    if [ $((tick % 20)) -eq 0 ]; then
      say "$title, $(find . -name '*.o' | wc -l) of about $total files"
    fi
    tick=$((tick + 1))
    sleep 1
  done
  wait "$pid" || rc=$?
  trap - EXIT
  if [ "$rc" -ne 0 ]; then
    log_failure "$log"
  fi
  return "$rc"
}

# Only what compiling and running against it needs.
openssl_trim() {
  rm -rf "$1"/lib/*.a "$1/lib/cmake" "$1/lib/engines-3" "$1/bin/c_rehash"
  find "$1/lib" -name '*.so*' -type f -exec strip --strip-unneeded {} +
  strip "$1/bin/openssl"
}

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Packages of other Debian suites through apt directories of our own: the system's sources, lists
# and packages stay as they are, and every byte is verified by apt against Debian's signing keys.
# Callers hold the cache's lock. Needs CACHE; ATTEMPTS is how often a transfer is tried (default 3).

readonly DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_mirror LABEL: the mirror that the system's apt uses for Debian (Label "Debian") or for its
# security archive ("Debian-Security"). The label comes from the signed Release file, so that a
# third party's repository which happens to call its suite the same is not taken for Debian's.
debian_mirror() {
  # shellcheck disable=SC2016 # variables of apt
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' \
    'Created-By: Packages' \
    | awk -F'|' -v label="$1" '
        $1 == "Debian" && $2 == label && $3 == "main" && $4 !~ /^cdrom:/ && !n++ { print $4 }'
}

# debian_keyring: a keyring that knows the keys of Debian 13. An old keyring package is not upgraded
# but its newest version fetched with the system's apt, which verifies it with the old keys.
debian_keyring() {
  local dir=$CACHE/keyring
  if [ -e /usr/share/keyrings/debian-archive-trixie-automatic.gpg ]; then
    printf '%s\n' "$DEBIAN_KEYRING"
    return 0
  fi
  if [ ! -e "$dir$DEBIAN_KEYRING" ]; then
    rm -rf "$dir"
    mkdir -p "$dir"
    (cd "$dir" && run_logged keyring apt-get download -q debian-archive-keyring \
      && dpkg-deb -x debian-archive-keyring_*.deb .) || return 1
  fi
  [ -e "$dir/usr/share/keyrings/debian-archive-trixie-automatic.gpg" ] || return 1
  printf '%s\n' "$dir$DEBIAN_KEYRING"
}

# debian_sources TYPE:WHERE:SUITE...: lines for sources.list; WHERE is main or security.
debian_sources() {
  local keyring main security item type where suite uri
  keyring=$(debian_keyring) \
    || die "no keyring with Debian 13's keys, and none could be had: upgrade debian-archive-keyring"
  main=$(debian_mirror Debian)
  if [ -z "$main" ]; then
    # A fresh machine has no lists yet, and only they say which source is Debian's.
    system_apt_update || die "apt-get update failed"
    main=$(debian_mirror Debian)
  fi
  [ -n "$main" ] || die "the system's apt has no source of Debian's main archive; looked for one
  with origin and label Debian and component main in the output of: apt-get indextargets"
  security=$(debian_mirror Debian-Security)
  for item in "$@"; do
    IFS=: read -r type where suite <<<"$item"
    uri=$main
    if [ "$where" = security ]; then
      uri=$security
    fi
    if [ -z "$uri" ]; then
      warn "the system's apt has no source of Debian's security archive: $suite is left out"
      continue
    fi
    printf '%s [signed-by=%s] %s %s main\n' "$type" "$keyring" "$uri" "$suite"
  done
}

# debian_open NAME SOURCE...: private apt directories under that name, lists fetched unless they are
# younger than six hours. Sets APT_CONF for debian_apt. False if the lists could not be had.
debian_open() {
  local name=$1 dir=$CACHE/apt/$1 lines
  shift
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  APT_CONF=$dir/apt.conf
  debian_conf "$dir" >"$APT_CONF"
  lines=$(debian_sources "$@")
  if [ -z "${UPDATE:-}" ] && [ "$lines" = "$(cat "$dir/sources.list" 2>/dev/null)" ] \
    && [ -n "$(find "$dir/updated" -mmin -360 2>/dev/null)" ]; then
    return 0
  fi
  printf '%s\n' "$lines" >"$dir/sources.list"
  rm -f "$dir/updated"
  say "Debian's lists ($name): $(awk '{ print $4 }' "$dir/sources.list" | sort -u | paste -sd' ')"
  retry "${ATTEMPTS:-3}" 10 run_logged "lists-$name" debian_apt get update \
    -o APT::Update::Error-Mode=any || return 1
  touch "$dir/updated"
}

# The system's other settings (a proxy, for example) still apply; its hooks after an update do not.
debian_conf() {
  cat <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State::Lists "$1/lists";
Dir::Cache "$1/cache";
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Acquire::Retries "${ATTEMPTS:-3}";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
Acquire::Languages "none";
CONF
  # apt's own user cannot enter root's home, where the cache usually is.
  if [ "$(id -u)" -eq 0 ]; then
    echo 'APT::Sandbox::User "root";'
  fi
}

# debian_apt get|cache ARGUMENT...
debian_apt() {
  local tool=apt-$1
  shift
  LC_ALL=C "$tool" -q -c "$APT_CONF" "$@"
}

# debian_source_versions PACKAGE: versions of a source package in the open suites, newest first.
debian_source_versions() {
  debian_apt cache showsrc --only-source "$1" | awk '$1 == "Version:" { print $2 }' | sort -ruV
}

# debian_source_fetch PACKAGE VERSION DIR: the verified parts of a source package, not unpacked, into
# DIR, which keeps those of earlier versions: revisions share the large tarball. Prints the path of
# the .dsc. An answer "404" is final: the mirror does not have it.
debian_source_fetch() {
  local package=$1 version=$2 dir=$3 attempt log
  log=$(log_path "source-$package")
  mkdir -p "$dir"
  for attempt in 1 2 3; do
    if (cd "$dir" && debian_apt get source --download-only "$package=$version") >"$log" 2>&1; then
      printf '%s/%s_%s.dsc\n' "$dir" "$package" "${version#*:}"
      return 0
    fi
    if grep -q '404 *Not Found' "$log" || [ "$attempt" -ge "${ATTEMPTS:-3}" ]; then
      return 1
    fi
    sleep 10
  done
}

# debian_binary_fetch DIR PACKAGE...: verified .deb files into an empty DIR.
debian_binary_fetch() {
  local dir=$1
  shift
  rm -rf "$dir"
  mkdir -p "$dir"
  (cd "$dir" && retry 3 10 run_logged binaries debian_apt get download "$@")
}

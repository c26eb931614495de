# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Node and the packages that the dashboard (ui/) is made of, exactly those of ui/package-lock.json. They
# are kept in the cache, one directory for each lock file, and ui/node_modules leads there.

readonly NODE_MIN=18

# A Node of another origin is as good as the distribution's.
node_provide() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    packages_install nodejs npm
  fi
  local major
  major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  [ "$major" -ge "$NODE_MIN" ] || die "the dashboard is built with Node $NODE_MIN or later; $(command -v node) is \
$(node --version 2>&1 || true). Remove it, or have a newer one first in PATH"
}

# ui_digest: of everything that decides what would be installed.
ui_digest() {
  cat "$ROOT/ui/package.json" "$ROOT/ui/package-lock.json" | sha256sum | cut -c 1-16
}

# ui_usable SET: ui/node_modules leads to what the lock file says; "full" serves for "build" too.
ui_usable() {
  local have
  have=$(cat "$ROOT/ui/node_modules/.autarky" 2>/dev/null || true)
  [ "$have" = "$1 $(ui_digest)" ] || [ "$have" = "full $(ui_digest)" ]
}

# ui_fetch SET DIR: npm verifies each package against the lock file. No package runs a script of its own.
ui_fetch() {
  local set=$1 dir=$2 omit=()
  if [ "$set" = build ]; then
    omit=(--omit=dev)
  fi
  say "fetching the packages of the dashboard ($set)"
  rm -rf "$dir.new"
  mkdir -p "$dir.new"
  cp "$ROOT"/ui/{package.json,package-lock.json,.npmrc} "$dir.new/"
  retry 3 10 run_logged npm-ci env -C "$dir.new" npm_config_cache="$CACHE/npm" \
    npm ci --ignore-scripts --no-audit --no-fund "${omit[@]}" \
    || die "npm could not fetch the packages of the dashboard, ui/package-lock.json. Is the registry that npm is set up
  for within reach (npm ping)? A machine without a network builds with the cache of another: copy $CACHE there"
  echo "$set $(ui_digest)" >"$dir.new/node_modules/.autarky"
  rm -rf "$dir"
  mv "$dir.new" "$dir"
}

# ui_provide SET: "build", what the bundle takes; or "full", what lint and tests take as well.
ui_provide() {
  local set=$1 dir
  ui_usable "$set" && return 0
  CACHE=$(cache_directory)
  lock_take 9 "$CACHE/ui.lock" "the packages of the dashboard"
  dir=$CACHE/ui/$(ui_digest)-$set
  mkdir -p "$CACHE/ui"
  if [ ! -e "$dir/node_modules/.autarky" ]; then
    ui_fetch "$set" "$dir"
  fi
  ln -sfn "$dir/node_modules" "$ROOT/ui/node_modules"
  exec 9>&-
}

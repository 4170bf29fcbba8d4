#!/bin/sh
# Installs the servers that the tests run against from Debian's packages, without starting any of them. Run as root.
set -eu

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi

packages=''
command -v redis-server > /dev/null || packages="$packages redis-server"
command -v rabbitmq-server > /dev/null || packages="$packages rabbitmq-server"
command -v nginx > /dev/null || packages="$packages nginx"
command -v openssl > /dev/null || packages="$packages openssl"
command -v chromium > /dev/null || packages="$packages chromium"
[ -n "$packages" ] || exit 0

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # one word per package
apt-get install -y -q --no-install-recommends $packages

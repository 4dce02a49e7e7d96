#!/usr/bin/env bash
# Installs both Debian packages beside each other, looks at what they bring, and purges them. As root, on a machine
# that may be thrown away; systemd need not run.
#
# Usage: scripts/deb-test.sh [FOLDER]; a folder with what scripts/deb.sh made, by default target/deb.
set -euo pipefail

cd "$(dirname "$0")/.."
cd "${1:-target/deb}"

fail() { echo "deb-test: $*" >&2; exit 1; }
packages=(miden-prover miden-prover-proxy)
installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null || true; }

# Everything in the file system and among users and groups that is named after a package.
traces() {
    find / -xdev -name 'miden-prover*'
    getent passwd "${packages[@]}" || true
    getent group "${packages[@]}" || true
}

[ "$(id -u)" -eq 0 ] || fail "only root can install packages"
for package in "${packages[@]}"; do
    [ -z "$(installed "$package")" ] || fail "$package is installed here: purge it first"
done
before=$(traces)

for package in "${packages[@]}"; do
    file=$(echo "$package"-v*-"$(dpkg --print-architecture)".deb)
    [ "$(awk '{ print $1 }' "$file.checksum")" = "$(sha256sum "$file" | awk '{ print $1 }')" ] ||
        fail "$file.checksum is not the checksum of $file"
    DEBIAN_FRONTEND=noninteractive dpkg -i "$file" >/dev/null

    unit=/lib/systemd/system/$package.service settings=/etc/$package/$package.env
    "/usr/bin/$package" --version >/dev/null || fail "/usr/bin/$package does not run"
    [ "$(getent passwd "$package" | cut -d : -f 7)" = /usr/sbin/nologin ] || fail "the user $package can log in"
    [ "$(stat -c '%U %G %a' "/opt/$package")" = "$package $package 750" ] || fail "/opt/$package is not of $package"
    chown -R "$package" "/opt/$package"
    systemd-analyze verify "$unit" || fail "$unit has faults"
    systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" | tail -n 1 || fail "$unit is open too far"

    # The unit's command, with its settings and as its user, which is all that goes without systemd: it must come up,
    # and end when it is told to. Ports are any that are free.
    # shellcheck disable=SC2016 # the inner shell expands it
    setpriv --reuid "$package" --regid "$package" --clear-groups --no-new-privs --bounding-set=-all \
        sh -c 'cd "/opt/$0" && set -a && . "/etc/$0/$0.env" && MPS_WORKER_PORT=0 MPS_WORKER_LOCALHOST=true \
            MPS_PORT=0 MPS_CONTROL_PORT=0 MPS_STATUS_PORT=0 MPS_LOCALHOST=true MPS_DATA_DIR="/opt/$0/data" &&
            exec timeout --preserve-status 5 $1' \
        "$package" "$(sed -n 's/^ExecStart=//p' "$unit")" >/dev/null 2>&1 || fail "$package does not run as its user"
    [ "$package" = miden-prover ] || [ -d "/opt/$package/data" ] || fail "$package keeps no requests in its folder"

    echo "RUST_LOG=debug" >>"$settings"
    DEBIAN_FRONTEND=noninteractive dpkg -i --force-confold "$file" >/dev/null
    tail -n 1 "$settings" | grep -q '^RUST_LOG=debug$' || fail "installing again has overwritten $settings"
done

[ -z "$(dpkg -L "${packages[@]}" | sort | uniq -d | while read -r path; do [ -d "$path" ] || echo "$path"; done)" ] ||
    fail "both packages bring the same file"

for package in "${packages[@]}"; do
    touch "/opt/$package/left-behind"
    dpkg --remove "$package" >/dev/null
    [ -e "/etc/$package/$package.env" ] || fail "removing $package took its settings along"
    [ ! -e "/usr/bin/$package" ] || fail "removing $package left its binary"
    dpkg --purge "$package" >/dev/null
done
left=$(diff <(echo "$before") <(traces) || true)
[ -z "$left" ] || fail "purging left traces:
$left"
echo "deb-test: both packages came and went"

#!/bin/sh
# units.sh UNITS BERTHD — the units as they are installed: systemd finds nothing wrong with them, and their
# exposure stays where it is. UNITS is the folder that has the configured service; berthd.socket lies in the tree.
set -eu

command -v systemd-analyze >/dev/null || {
    echo "skipped: there is no systemd-analyze"
    exit 77
}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Tenths; what is left is the network, other users' ids and programs, and a /tmp that is shared on purpose.
most_exposed=23

cp "$here/../../systemd/berthd.socket" "$work"
# The program is not installed yet: it is looked for where it was built.
sed "s,^ExecStart=.*,ExecStart=$2," "$1/berthd.service" >"$work/berthd.service"
grep -q '^ExecStart=/' "$1/berthd.service" || {
    echo "The service has no program." >&2
    exit 1
}

said=$(systemd-analyze verify --man=no "$work/berthd.service" "$work/berthd.socket" 2>&1) || {
    echo "$said" >&2
    exit 1
}
# Only managers from 254 on know this one; nothing else of ours may be unknown to anybody.
found=$(echo "$said" | grep "^$work" | grep -v "Unknown key 'FileDescriptorStorePreserve'" || true)
[ -z "$found" ] || {
    echo "$found" >&2
    exit 1
}

systemd-analyze security --offline=yes --threshold=$most_exposed "$work/berthd.service" >"$work/said" || {
    cat "$work/said" >&2
    exit 1
}
tail -n 1 "$work/said"

#!/bin/sh
# container.sh CMAKE BUILD WORLD [SCENARIO...] — berth as a system service, under a systemd of its own: boots a
# container on an overlay of the running root, installs berth into it as it is shipped, and runs the
# scenarios of container/ inside. Nothing of the machine is changed. Needs root, overlayfs and
# systemd-nspawn; where it cannot boot, it says so and is skipped.
#
# BERTH_FULL=1 runs the long forms. BERTH_CONTAINER_KEEP=1 leaves the container running, and says where.
set -u

cmake=$1
build=$2
world=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
scenarios=${*:-service identity restart store watchdog inherited kills upgrade}
dir=
nspawn=
leader=
cgroups=

skip()
{
    echo "skipped: $*"
    exit 77
}

finish()
{
    status=$?
    trap - EXIT
    if [ -n "${BERTH_CONTAINER_KEEP-}" ] && [ -n "$leader" ]; then
        echo "The container runs on: nsenter -a -t $leader; kill $nspawn; umount $dir/root; rm -r $dir"
        exit $status
    fi
    # 20 seconds for an orderly end; its overlay is thrown away.
    if [ -n "$nspawn" ]; then
        [ -z "$leader" ] || timeout 10 nsenter -a -t "$leader" systemctl poweroff --force --force 2>/dev/null
        timeout 10 tail --pid="$nspawn" -f /dev/null || kill -9 "$nspawn"
        wait "$nspawn" 2>/dev/null
        for group in $cgroups; do
            find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
        done
    fi
    if [ -n "$dir" ]; then
        umount "$dir/root" 2>/dev/null || umount -l "$dir/root" 2>/dev/null
        rm -rf --one-file-system "$dir"
    fi
    exit $status
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

[ "$(id -u)" -eq 0 ] || skip "booting a container needs root"
for tool in systemd-nspawn nsenter socat jq setpriv; do
    command -v $tool >/dev/null || skip "$tool is not installed"
done

# -- its root: everything that is written stays in $dir/upper -------------------------------------------

# Not in /tmp, which may be in memory, or an overlay itself.
dir=$(mktemp -d /var/tmp/berth-container.XXXXXX)
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$dir/root" 2>"$dir/said" ||
    skip "no overlay of the root can be mounted: $(cat "$dir/said")"
root=$dir/root

# What is needed and no more: sockets, the journal, the bus; none of the machine's own services.
rm -rf "$root/etc/systemd/system" "$root/etc/berth" "$root/var/log/journal"
mkdir -p "$root/etc/systemd/system" "$root/berth-test"
for unit in timers.target systemd-networkd.service systemd-networkd.socket systemd-resolved.service \
    systemd-udev-trigger.service systemd-random-seed.service systemd-update-utmp.service; do
    ln -s /dev/null "$root/etc/systemd/system/$unit"
done
ln -s /lib/systemd/system/basic.target "$root/etc/systemd/system/default.target"
: >"$root/etc/fstab"
: >"$root/etc/machine-id"

{
    DESTDIR=$root "$cmake" --install "$build" &&
        cp "$build/install_manifest.txt" "$root/berth-test/installed" &&
        systemd-sysusers --root="$root" berth.conf
} >"$dir/said" 2>&1 || {
    cat "$dir/said"
    exit 1
}
cp "$here"/container/*.sh "$world" "$root/berth-test/" || exit 1
# Of packages.sh, for the last scenario.
if [ -d "$build/packages" ]; then
    for age in old new; do
        mkdir -p "$root/berth-test/packages/$age"
        cp "$build/packages/$age"/*.deb "$root/berth-test/packages/$age" 2>/dev/null
    done
fi
# Sanitizers look for leaks by ptrace(2), which the unit bars.
mkdir -p "$root/etc/systemd/system/berthd.service.d"
printf '[Service]\nEnvironment=ASAN_OPTIONS=detect_leaks=0\n' \
    >"$root/etc/systemd/system/berthd.service.d/test.conf"

# -- booting ------------------------------------------------------------------------------------------

# Prints its own places among the control groups, so that two of these do not meet in one.
own_cgroups()
{
    awk '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /name=systemd/) { print $2, $3 }' /proc/mounts |
        while read -r mounted type; do
            case $type in
            cgroup2) path=$(sed -n 's,^0::,,p' /proc/self/cgroup) ;;
            *) path=$(sed -n 's,^[0-9]*:name=systemd:,,p' /proc/self/cgroup) ;;
            esac
            echo "$mounted$path/berth-test-$$"
        done
}
cgroups=$(own_cgroups)
# shellcheck disable=SC2016
sh -c 'for group in $1; do mkdir -p "$group" && echo $$ >"$group/cgroup.procs"; done; shift; exec "$@"' \
    sh "$cgroups" systemd-nspawn --boot --quiet -D "$root" --machine="berth-$$" --register=no --keep-unit \
    --private-network --resolv-conf=off --link-journal=no --timezone=off --console=pipe \
    </dev/null >"$dir/console" 2>&1 &
nspawn=$!

# Prints the container's first process; fails while there is none.
find_leader()
{
    # shellcheck disable=SC2013
    for child in $(cat /proc/$nspawn/task/*/children 2>/dev/null); do
        if [ "$(cat "/proc/$child/comm" 2>/dev/null)" = systemd ]; then
            echo "$child"
            return 0
        fi
    done
    return 1
}

inside()
{
    timeout "$1" nsenter -a -t "$leader" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 BERTH_FULL="${BERTH_FULL-}" sh -c "$2"
}

# Until it answers, for 60 seconds: each try asks it.
booted=
until=$(($(date +%s) + 60))
while [ -z "$booted" ] && [ "$(date +%s)" -lt $until ] && kill -0 $nspawn 2>/dev/null; do
    leader=$(find_leader) || continue
    case $(inside 60 'systemctl is-system-running --wait' 2>/dev/null) in
    running | degraded) booted=yes ;;
    esac
done
[ -n "$booted" ] || {
    tail -20 "$dir/console"
    skip "no container boots here"
}
inside 10 'cat /proc/1/comm && systemctl --version | head -1'

# -- the scenarios ------------------------------------------------------------------------------------

n_failed=0
for scenario in $scenarios; do
    echo "== $scenario"
    began=$(date +%s)
    inside 900 "cd /berth-test && sh ./$scenario.sh" || n_failed=$((n_failed + 1))
    echo "   ($(($(date +%s) - began)) s)"
done
[ $n_failed -eq 0 ] || {
    inside 10 'journalctl --no-pager -o short-monotonic -n 120 -u berthd.service -u berthd.socket'
    echo "$n_failed scenarios failed"
    exit 1
}

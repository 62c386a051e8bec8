#!/bin/sh
# installed.sh CMAKE BUILD CC FLAGS — what a user of the library does: installs berth into a prefix, builds
# client/example.c against it by pkg-config (shared and static) and by CMake's find_package, and runs the
# programs against the installed berthd. FLAGS are the sanitizers' if the build has them.
set -eu

cmake=$1
build=$2
cc=$3
flags=${4-}
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
daemon=

finish()
{
    status=$?
    if [ -n "$daemon" ]; then
        kill "$daemon" && wait "$daemon" || status=1
    fi
    [ $status -eq 0 ] || cat "$work/log" 2>/dev/null
    rm -rf "$work"
    exit $status
}
trap finish EXIT

"$cmake" --install "$build" --prefix "$work/prefix" >"$work/log"
for file in bin/berthd bin/berth include/berth.h lib/systemd/system/berthd.service \
    lib/systemd/system/berthd.socket lib/sysusers.d/berth.conf lib/tmpfiles.d/berth.conf share/bash-completion/completions/berth; do
    [ -e "$work/prefix/$file" ] || {
        echo "$file was not installed." >&2
        exit 1
    }
done

library=$(dirname "$(find "$work/prefix" -name libberth.so)")
export PKG_CONFIG_PATH="$library/pkgconfig"
export LD_LIBRARY_PATH="$library"
[ "$(pkg-config --modversion berth)" = 0.1.0 ]

# The others need a peer: nc.sh runs them.
# Lists of flags are split into words.
# shellcheck disable=SC2046,SC2086
{
    for other in example_web example_fetch; do
        $cc $flags "$source/client/$other.c" -o "$work/$other" $(pkg-config --cflags --libs berth)
    done
    $cc $flags "$source/client/example.c" -o "$work/example" $(pkg-config --cflags --libs berth)
    $cc $flags "$source/client/example.c" -o "$work/example_static" \
        $(pkg-config --cflags berth) "$library/libberth.a" -lm
}

mkdir "$work/project"
cat >"$work/project/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.22)
project(example LANGUAGES C)
find_package(berth 0.1 REQUIRED)
add_executable(example "$source/client/example.c")
target_link_libraries(example PRIVATE berth::berth)
EOF
"$cmake" -G Ninja -S "$work/project" -B "$work/project/build" "-DCMAKE_PREFIX_PATH=$work/prefix" \
    "-DCMAKE_C_COMPILER=$cc" "-DCMAKE_C_FLAGS=$flags" >>"$work/log"
"$cmake" --build "$work/project/build" >>"$work/log"

export BERTH_SOCKET="$work/berth.sock"
: >"$work/berthd.conf"
"$work/prefix/bin/berthd" --socket "$BERTH_SOCKET" --config "$work/berthd.conf" 2>>"$work/log" &
daemon=$!
# Connects again and again until the daemon listens.
socat -u /dev/null "UNIX-CONNECT:$BERTH_SOCKET,retry=200,interval=0.05"

for program in "$work/example" "$work/example_static" "$work/project/build/example"; do
    echo "$program"
    "$program"
done
"$work/prefix/bin/berth" ledger.audit --json | jq -e '.balance == 0 and .live == 0' >/dev/null

#!/bin/sh
# try.sh — shows the main job: installs what is missing, builds berth into build/try, starts a berthd of its
# own, and holds a TCP and a UDP conversation through it, first by lines of JSON (socat, jq), then by the command
# `berth`. Ends with 1 when a reply was not as expected, with 2 when berth could not be built or started.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
. "$root/tests/packages.sh"
# Lists of packages are split into words.
# shellcheck disable=SC2086
packages_install $PACKAGES_TO_BUILD $PACKAGES_TO_TRY

build=$root/build/try
work=$(mktemp -d)
daemon=
speaker=

finish()
{
    status=$?
    exec 3>&- 4<&-
    [ -z "$speaker" ] || kill "$speaker" 2>/dev/null || true
    if [ -n "$daemon" ]; then
        kill "$daemon" && wait "$daemon" || status=1
    fi
    [ $status -eq 0 ] || cat "$work/log" >&2
    rm -rf "$work"
    exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM

title()
{
    printf '\n== %s\n' "$*"
}

# -- a daemon of our own ----------------------------------------------------------------------------------

echo "Building into $build"
cd "$root"
{
    cmake --preset release -B "$build" -Wno-dev &&
        cmake --build "$build" --target berthd berth_command -j 2
} >"$work/log" 2>&1 || exit 2

export BERTH_SOCKET="$work/berth.sock"
: >"$work/berthd.conf"
"$build/daemon/berthd" --socket "$BERTH_SOCKET" --config "$work/berthd.conf" 2>"$work/log" &
daemon=$!
# Connects again and again until the daemon listens.
socat -u /dev/null "UNIX-CONNECT:$BERTH_SOCKET,retry=200,interval=0.05" || exit 2

# -- talking to it ----------------------------------------------------------------------------------------

# speak COMMAND...: starts a program that takes lines and answers with lines; `ask` speaks to it.
speak()
{
    rm -f "$work/to" "$work/from"
    mkfifo "$work/to" "$work/from"
    "$@" <"$work/to" >"$work/from" &
    speaker=$!
    exec 3>"$work/to" 4<"$work/from"
}

# ask LINE CHECK: sends the line, reads the reply, and holds it to CHECK, a jq expression that must be true of
# what lies under RESULT in the reply.
ask()
{
    printf '> %s\n' "$1"
    printf '%s\n' "$1" >&3
    IFS= read -r reply <&4 || {
        echo "There is no reply." >&2
        exit 1
    }
    printf '< %s\n' "$reply" | cut -c 1-300
    printf '%s\n' "$reply" | jq -e "$result | $2" >/dev/null || {
        echo "That is not what was expected: $2" >&2
        exit 1
    }
}

# Prints a value of the last reply.
value()
{
    printf '%s\n' "$reply" | jq "$result | $1"
}

# The end of the session: what it left open is closed.
hush()
{
    exec 3>&-
    wait "$speaker"
    speaker=
    exec 4<&-
}

audit()
{
    echo '{"method":"ledger.audit","id":1}' | socat - "UNIX-CONNECT:$BERTH_SOCKET" | jq -c .result
}

# audited TITLE CHECK
audited()
{
    title "$1"
    counts=$(audit)
    echo "$counts"
    echo "$counts" | jq -e "$2" >/dev/null || {
        echo "That is not what was expected: $2" >&2
        exit 1
    }
}

# -- by lines of JSON -------------------------------------------------------------------------------------

audited "The ledger before" '.opened == 0 and .balance == 0'

result=.result
speak socat - "UNIX-CONNECT:$BERTH_SOCKET"

title "A TCP conversation, by socat"
ask '{"method":"create_server","params":{"address":["127.0.0.1",0],"name":"@server"},"id":1}' \
    '.address.port > 0'
port=$(value .address.port)
ask '{"method":"create_connection","params":{"host":"127.0.0.1","port":'"$port"',"name":"@client"},"id":2}' \
    ".peer.port == $port"
ask '{"method":"accept","params":{"handle":"@server","name":"@peer","timeout":5},"id":3}' \
    '.peer.host == "127.0.0.1"'
ask '{"method":"sendall","params":{"handle":"@client","text":"how are you?\n"},"id":4}' '.sent == 13'
ask '{"method":"recv","params":{"handle":"@peer","until":"\n","timeout":5},"id":5}' \
    '.text == "how are you?\n"'
ask '{"method":"sendall","params":{"handle":"@peer","text":"fine\n"},"id":6}' '.sent == 5'
ask '{"method":"recv","params":{"handle":"@client","until":"\n","timeout":5},"id":7}' '.text == "fine\n"'
ask '{"method":"close","params":{"handle":"@client"},"id":8}' '.end.how == "closed" and .sent_bytes == 13'
ask '{"method":"recv","params":{"handle":"@peer","timeout":5},"id":9}' '.text == "" and .eof'

title "A UDP conversation, by socat"
ask '{"method":"socket","params":{"type":"SOCK_DGRAM","name":"@a"},"id":10}' '.handle > 16777216'
ask '{"method":"bind","params":{"handle":"@a","address":["127.0.0.1",0]},"id":11}' '.address.port > 0'
port=$(value .address.port)
ask '{"method":"socket","params":{"type":"SOCK_DGRAM","name":"@b"},"id":12}' '.handle > 16777216'
ask '{"method":"sendto","params":{"handle":"@b","address":["127.0.0.1",'"$port"'],"text":"ping"},"id":13}' \
    '.sent == 4'
ask '{"method":"recvfrom","params":{"handle":"@a","timeout":5},"id":14}' '.text == "ping" and .length == 4'
back=$(value .address)
ask '{"method":"sendto","params":{"handle":"@a","address":'"$(echo "$back" | jq -c .)"',"text":"pong"},"id":15}' \
    '.sent == 4'
ask '{"method":"recvfrom","params":{"handle":"@b","timeout":5},"id":16}' ".text == \"pong\" and .address.port == $port"
hush

audited "The ledger: one was closed, its session's end closed the rest" \
    '.opened == 5 and .live == 0 and .closed == 1 and .reclaimed == 4 and .balance == 0'

# -- by the command ---------------------------------------------------------------------------------------

result=.
# --stop: the first thing that goes wrong ends it.
speak "$build/client/berth" --stop shell

title "A TCP conversation, by berth"
ask 'create_server address=127.0.0.1:0 name=@server' '.address.port > 0'
port=$(value .address.port)
ask "create_connection host=127.0.0.1 port=$port name=@client" ".peer.port == $port"
ask 'accept handle=@server name=@peer timeout=5' '.peer.host == "127.0.0.1"'
ask 'sendall handle=@client text="how are you?"' '.sent == 12'
ask 'recv handle=@peer exactly=12 timeout=5' '.text == "how are you?"'
ask 'sendall handle=@peer text=fine' '.sent == 4'
ask 'recv handle=@client exactly=4 timeout=5' '.text == "fine"'
ask 'close handle=@client' '.end.how == "closed"'

title "A UDP conversation, by berth"
ask 'socket type=SOCK_DGRAM name=@a' '.handle > 16777216'
ask 'bind handle=@a address=127.0.0.1:0' '.address.port > 0'
port=$(value .address.port)
ask 'socket type=SOCK_DGRAM name=@b' '.handle > 16777216'
ask "sendto handle=@b address=127.0.0.1:$port text=ping" '.sent == 4'
ask 'recvfrom handle=@a timeout=5' '.text == "ping"'

title "What the daemon holds meanwhile, by berth ls"
"$build/client/berth" ls
hush

audited "The ledger after" \
    '.opened == 10 and .live == 0 and .closed == 2 and .reclaimed == 8 and .balance == 0'
title "All was as expected."

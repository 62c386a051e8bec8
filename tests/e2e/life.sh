#!/bin/sh
# life.sh BERTHD — how the daemon comes and goes: one per path, a stale path taken over, a foreign user turned
# away, settings that are wrong, SIGHUP, and an orderly end.
set -eu

berthd=$1
work=$(mktemp -d)
socket=$work/berth.sock
daemon=

finish()
{
    status=$?
    exec 3>&- 4<&-
    [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true
    [ $status -eq 0 ] || cat "$work/log" >&2
    rm -rf "$work"
    exit $status
}
trap finish EXIT

wrong()
{
    echo "$*" >&2
    exit 1
}

# start: a daemon on $socket, in $daemon once it listens.
start()
{
    "$berthd" --socket "$socket" --config "$work/berthd.conf" 2>>"$work/log" &
    daemon=$!
    alive || wrong "The daemon does not listen."
}

# Connects, again and again for ten seconds until the daemon listens.
alive()
{
    reply=$(echo '{"method":"ping","id":1}' |
        socat -t 10 - "UNIX-CONNECT:$socket,retry=200,interval=0.05")
    [ "$(echo "$reply" | jq .id)" = 1 ]
}

: >"$work/berthd.conf"
: >"$work/log"

echo "- wrong usage and wrong settings are refused, with file and line"
"$berthd" --nosuch 2>"$work/said" && wrong "--nosuch was taken."
grep -q nosuch "$work/said" || wrong "The wrong option is not named."
printf '# a comment\n[daemon]\nnosuch = 1\n' >"$work/bad.conf"
"$berthd" --socket "$socket" --config "$work/bad.conf" 2>"$work/said" && wrong "Bad settings were taken."
grep -q 'bad.conf:3.*nosuch' "$work/said" || wrong "Key, file and line are not named: $(cat "$work/said")"
"$berthd" --socket "$socket" --config "$work/none.conf" 2>"$work/said" && wrong "A missing file was taken."
[ ! -e "$socket" ] || wrong "A daemon that did not start left a socket."
"$berthd" --help | grep -q -- --socket || wrong "--help does not help."

echo "- one daemon per path"
start
"$berthd" --socket "$socket" --config "$work/berthd.conf" 2>"$work/said" && wrong "There are two on one path."
[ -s "$work/said" ] || wrong "The second daemon does not say why it ends."
alive || wrong "The first daemon suffered."

echo "- another user is not served"
if [ "$(id -u)" -eq 0 ]; then
    chmod 755 "$work"
    setpriv --reuid 65534 --clear-groups true || wrong "Cannot become another user."
    reply=$(echo '{"method":"ping","id":1}' |
        setpriv --reuid 65534 --clear-groups socat -t 10 - "UNIX-CONNECT:$socket" 2>/dev/null || true)
    [ -z "$(printf '%s' "$reply" | jq '.result // empty')" ] || wrong "User 65534 was answered: $reply"
fi

echo "- SIGHUP: good settings are taken, bad ones are not, the daemon lives"
kill -HUP "$daemon"
alive || wrong "The daemon did not survive SIGHUP."
printf '[daemon]\nmax-line = many\n' >"$work/berthd.conf"
kill -HUP "$daemon"
alive || wrong "The daemon did not survive bad settings."
: >"$work/berthd.conf"

echo "- a stale path is taken over"
kill -9 "$daemon"
wait "$daemon" || true
[ -S "$socket" ] || wrong "The killed daemon's socket is gone."
start

echo "- SIGTERM: what waits is answered, the path goes, the status is 0"
mkfifo "$work/to" "$work/from"
socat - "UNIX-CONNECT:$socket" <"$work/to" >"$work/from" &
exec 3>"$work/to" 4<"$work/from"
printf '%s\n' '{"method":"socketpair","params":{"name":"@p"},"id":1}' \
    '{"method":"recv","params":{"handle":"@p"},"id":2}' >&3
IFS= read -r reply <&4
[ "$(echo "$reply" | jq .id)" = 1 ] || wrong "No socketpair: $reply"
# The daemon has turned once more: now the recv waits.
alive
kill "$daemon"
IFS= read -r reply <&4 || wrong "What waited was not answered."
echo "$reply" | jq -e '.id == 2 and .error.code == -32021' >/dev/null ||
    wrong "What waited was answered otherwise: $reply"
IFS= read -r reply <&4 && wrong "More than one answer: $reply"
wait "$daemon" || wrong "The status is not 0."
daemon=
[ ! -e "$socket" ] || wrong "The socket is still there."

if command -v systemd-socket-activate >/dev/null; then
    echo "- the only listener that is given, without a name, is the control socket"
    systemd-socket-activate -l "$work/given.sock" "$berthd" 2>>"$work/log" &
    daemon=$!
    reply=$(echo '{"method":"ping","id":1}' |
        socat -t 10 - "UNIX-CONNECT:$work/given.sock,retry=200,interval=0.05")
    [ "$(echo "$reply" | jq .id)" = 1 ] || wrong "It is not served."
    kill "$daemon"
    wait "$daemon" || wrong "The status is not 0."
    daemon=
fi

echo "- a path that is no longer its own stays"
start
rm "$socket"
: >"$socket"
kill "$daemon"
wait "$daemon" || wrong "The status is not 0."
daemon=
[ -f "$socket" ] || wrong "The daemon removed what is not its own."

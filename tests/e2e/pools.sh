#!/bin/sh
# pools.sh BERTHD BERTH — pools between two real users: what policy denies, what a budget has left, who
# sees whose sockets, and that two users never share a port by SO_REUSEPORT. Needs root.
set -u

[ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null || {
    echo "skipped: two users need root and setpriv"
    exit 77
}
berthd=$1
dir=$(mktemp -d)
chmod 755 "$dir"
# The command must be within reach of another user, wherever it was built.
cp "$2" "$dir/berth" && chmod 755 "$dir/berth"
BERTH_SOCKET=$dir/berth.sock
export BERTH_SOCKET
daemon=
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$dir"' EXIT

cat >"$dir/berthd.conf" <<'EOF'
[pool front]
users = 65534
families = AF_INET
types = SOCK_STREAM
bind = 127.0.0.1:0, 127.0.0.1:18000-18999
connect = 127.0.0.0/8:5432
max-sockets = 3
max-lease = 1min

[pool back]
users = root, 1

[pool other]
users = 1
families = AF_INET

[pool few]
users = 2
max-sockets-per-session = 1
EOF

n_failed=0
n_passed=0
# expect WHAT PATTERN TEXT: the text must match the pattern.
expect()
{
    case $3 in
    $2) n_passed=$((n_passed + 1)) ;;
    *)
        n_failed=$((n_failed + 1))
        printf 'failed: %s\n  expected %s\n  got %s\n' "$1" "$2" "$3"
        ;;
    esac
}
as()
{
    user=$1
    shift
    setpriv --reuid="$user" --regid="$user" --clear-groups "$dir/berth" "$@" 2>&1
}
# Waits until the condition holds, at most 10 seconds: each try is a round trip of its own.
wait_for()
{
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 400 ] || return 1
    done
}

"$berthd" --config "$dir/berthd.conf" 2>"$dir/log" &
daemon=$!
wait_for "$dir/berth" ping || {
    echo "the daemon does not answer"
    "$dir/berth" ping
    cat "$dir/log"
    exit 1
}

expect "a stranger is sent away" '*policy DENIED*' "$(as 4242 ping)"
expect "a rule allows" '*"handle":*"port":18000*' \
    "$(as 65534 create_server address=127.0.0.1:18000 name=web lease=30)"
expect "the wildcard is not that address" '*DENIED*bind*berthd.conf:5*' \
    "$(as 65534 create_server address=0.0.0.0:18001)"
expect "a port outside of the range" '*DENIED*18000-18999*' \
    "$(as 65534 create_server address=127.0.0.1:9000)"
expect "a mapped address is its IPv4 address" '*DENIED*families*' \
    "$(as 65534 create_connection host=::ffff:127.0.0.1 port=5432)"
expect "a spelling is no way around" '*DENIED*' "$(as 65534 create_connection host=127.1 port=81)"
expect "what is allowed reaches the kernel" '*os ECONNREFUSED*' \
    "$(as 65534 create_connection host=127.1 port=5432)"
expect "a type that is not named" '*DENIED*types*' "$(as 65534 socket type=SOCK_DGRAM)"
expect "a lease that is too long" '*lease TOO_LONG*' "$(as 65534 socket lease=61)"
expect "the budget names the holders" '*max-sockets*' \
    "$(printf 'socket\nsocket\nsocket\n' | as 65534 shell)"
exhaust_and_look()
{
    printf 'socket\nsocket\nsocket\n' | as 65534 shell >/dev/null
    grep -q '"type":"pool"' "$dir/events"
}
setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/berth" --json watch pool >"$dir/events" 2>&1 &
watch=$!
wait_for exhaust_and_look
kill "$watch"
expect "who watches is told of it" '*"type":"pool","at":*"kind":"max-sockets","pool":"front"*' \
    "$(cat "$dir/events")"
expect "why says it without doing it" '*"allowed":false*"nearest":"connect 127.0.0.0/8:5432*' \
    "$(as 65534 why method=connect address=10.0.0.1:5432)"
expect "another user does not learn of it" '*handle UNKNOWN*' "$(as 1 getsockname handle=16777217)"
expect "and does not see it" '*"rows":\[\]*' "$(as 1 ledger.list)"
expect "root sees it" '*"name":"web"*' "$("$dir/berth" ledger.list)"
expect "root does not use it" '*NOT_YOURS*' "$("$dir/berth" getsockname handle=16777217 2>&1)"
expect "its owner does" '*"port":18000*' "$(as 65534 getsockname handle=web)"
expect "a port is not shared between users" '*EADDRINUSE*' \
    "$(printf 'create_server address=127.0.0.1:19999 reuse_port=true lease=30\n' | as 1 shell
       "$dir/berth" create_server address=127.0.0.1:19999 reuse_port=true 2>&1)"
expect "one user may share it with itself" '*"handle":*' \
    "$(as 1 create_server address=127.0.0.1:19999 reuse_port=true)"
expect "root reaps" '*"reaped"*' "$("$dir/berth" ledger.reap filter.pool=front)"
as 1 create_server address=127.0.0.1:19001 name=twice lease=30 >/dev/null
expect "a name is its pool's own" '*"adopted":false*' \
    "$(as 1 create_server address=127.0.0.1:19002 name=twice pool=other)"
# Fills the pool up beside its listener.
expect "a full pool gives a listener back" '*"adopted":true*' \
    "$(as 65534 create_server address=127.0.0.1:18000 name=full lease=30 >/dev/null
       printf 'socket\nsocket\ncreate_server address=127.0.0.1:18000 name=full\n' | as 65534 shell)"
expect "a name of one's own goes before one that is only seen" '*"port":19003*' \
    "$(as 1 create_server address=127.0.0.1:19004 name=mine pool=back lease=30 >/dev/null
       "$dir/berth" create_server address=127.0.0.1:19003 name=mine pool=other lease=30 >/dev/null
       "$dir/berth" getsockname handle=mine)"
expect "accept asks the pool it takes into" '*DENIED*families*' \
    "$(printf '%s\n' 'create_server address=unix:@berth-pools name=@l' \
        'socket family=AF_UNIX name=@c' 'connect handle=@c address=unix:@berth-pools' \
        'accept handle=@l pool=other timeout=5' | as 1 shell)"
left=$(as 2 socket lease=30 | sed 's/[^0-9]*\([0-9]*\).*/\1/')
expect "a session has its share by attaching too" '*max-sockets-per-session*' \
    "$(printf 'socket\nattach handle=%s\n' "$left" | as 2 shell)"
expect "one that has none yet may attach" "*\"handle\":$left*" "$(as 2 attach handle="$left")"
expect "what would not survive is not adopted either" '*lease CANNOT_KEEP*' \
    "$(as 1 create_server address=127.0.0.1:19001 name=twice survive=true)"
expect "listen binds too" '*DENIED*bind*' "$(printf 'socket name=@l\nlisten handle=@l\n' | as 65534 shell)"
expect "a lease is not made longer" '*lease TOO_LONG*' \
    "$(printf 'socket name=@l\nlease handle=@l lease=permanent\n' | as 65534 shell)"
expect "the daemon's capabilities are not the client's" '*os EPERM*' \
    "$(printf 'socket name=@l\nsetsockopt handle=@l option=SO_MARK value=1\n' | as 65534 shell)"
# A pool that is gone from the settings while sockets of its own live: `other` leaves, then comes back.
settings_taken()
{
    [ "$(grep -c 'settings read again' "$dir/log")" -ge "$1" ]
}
as 1 create_server address=127.0.0.1:19010 name=alone pool=other lease=permanent >/dev/null
cp "$dir/berthd.conf" "$dir/before"
sed -i '/^\[pool other\]/,/^$/d' "$dir/berthd.conf"
kill -HUP "$daemon"
wait_for settings_taken 1
expect "a pool that is gone opens nothing" '*protocol pool*' "$(as 1 socket pool=other 2>&1)"
expect "and is not listed" '*"pools":\[{"name":"back"*' "$(as 1 pool.list)"
alone=$(as 1 ledger.list filter.pool=other | sed 's/.*"handle":\([0-9]*\),"name":"alone".*/\1/')
expect "its listener accepts into the pool that is left" '*"pool":"back"*' \
    "$(printf '%s\n' 'create_connection host=127.0.0.1 port=19010' \
        "accept handle=$alone timeout=5 name=@in" 'ledger.get handle=@in' | as 1 shell | tail -n 1)"
expect "what it had stays its own" '*"pool":"other"*' "$(as 1 ledger.get handle="$alone")"
cp "$dir/before" "$dir/berthd.conf"
kill -HUP "$daemon"
wait_for settings_taken 2
expect "it comes back with what it had" '*"sockets":[1-9]*' "$(as 1 pool.list name=other)"
expect "and so does the name" '*"adopted":true*' \
    "$(as 1 create_server address=127.0.0.1:19010 name=alone pool=other)"

expect "a client does not come in as the daemon" '*own sockets get no session*' \
    "$(printf '%s\n' 'socket family=AF_UNIX name=@s' "connect handle=@s address=unix:$BERTH_SOCKET" \
        'recv handle=@s timeout=5' | as 1 shell)"
expect "a raw socket has to be named" '*DENIED*types would have to name SOCK_RAW*' "$(as 1 socket type=SOCK_RAW)"
expect "the law holds" '*"balance":0*' "$("$dir/berth" ledger.audit)"

printf '%d passed, %d failed\n' $n_passed $n_failed
[ $n_failed -eq 0 ]

#!/bin/sh
# top.sh BERTHD BERTH — `berth top` in a real terminal, which tmux keeps: what it shows, what its
# keys do, how it takes another size, and how it leaves the terminal.
set -eu

berthd=$1
berth=$2
command -v tmux >/dev/null || {
    echo "skipped: this machine has no tmux"
    exit 77
}
work=$(mktemp -d)
BERTH_SOCKET=$work/berth.sock
export BERTH_SOCKET
daemon=
holder=

terminal()
{
    TMUX='' tmux -L "berth-top-$$" -f /dev/null "$@"
}

finish()
{
    status=$?
    [ $status -eq 0 ] || terminal capture-pane -p -t 0 >&2 2>/dev/null || true
    exec 3>&- 5>&-
    terminal kill-server 2>/dev/null || true
    for process in $holder $daemon; do
        kill -9 "$process" 2>/dev/null || true
    done
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

# until_true COMMAND...: again and again, for ten seconds at most.
until_true()
{
    tries=200
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}

shows()
{
    terminal capture-pane -p -t 0 >"$work/screen" && grep -q -- "$1" "$work/screen"
}
hides()
{
    ! shows "$1"
}
see()
{
    until_true shows "$1" || wrong "The screen does not show: $1"
}
see_gone()
{
    until_true hides "$1" || wrong "The screen still shows: $1"
}
keys()
{
    terminal send-keys -t 0 "$@"
}
lives()
{
    "$berth" ping >/dev/null 2>&1
}
# held N: so many sockets live whose names begin with "kept".
held()
{
    [ "$("$berth" --json ls | jq '[.[] | select(.name // "" | startswith("kept"))] | length')" = "$1" ]
}
has_ended()
{
    [ -s "$work/status" ]
}

# run_top: in a shell whose terminal settings are kept, so that they can be compared.
run_top()
{
    rm -f "$work/status"
    keys "stty -g >$work/before; $berth top interval=0.2 2>$work/said; echo \$? >$work/status; \
stty -g >$work/after" Enter
}
# ends STATUS
ends()
{
    until_true has_ended || wrong "berth top does not end."
    [ "$(cat "$work/status")" = "$1" ] ||
        wrong "It ends with $(cat "$work/status"): $(cat "$work/said")"
    until_true test -s "$work/after"
    cmp -s "$work/before" "$work/after" || wrong "The terminal is not as it was."
    rm "$work/after"
}

: >"$work/berthd.conf"
"$berthd" --socket "$BERTH_SOCKET" --config "$work/berthd.conf" 2>"$work/log" &
daemon=$!
until_true lives || wrong "The daemon does not answer."

mkfifo "$work/in" "$work/in2"
"$berth" shell <"$work/in" >"$work/out" &
holder=$!
exec 3>"$work/in"
echo 'create_server address=127.0.0.1:0 name=harbour' >&3
for i in 1 2 3; do
    echo "socket family=AF_INET type=SOCK_STREAM name=boat$i" >&3
done
until_true grep -q . "$work/out"

echo "- without a terminal it says what to use instead"
"$berth" top </dev/null >/dev/null 2>"$work/said" && wrong "It ran without a terminal."
grep -q 'berth ls' "$work/said" || wrong "No hint: $(cat "$work/said")"
"$berth" top interval=0 2>"$work/said" && wrong "interval=0 was taken."
grep -q 'interval=0' "$work/said" || wrong "The bad interval is not named."

terminal new-session -d -x 120 -y 30 "env PS1='ready>' sh" ||
    { echo "skipped: tmux cannot make a terminal here"; exit 77; }
see 'ready>'

echo "- it shows owners, handles and rates"
run_top
see 'berth top   up '
see 'handles 4 '
see 'harbour.*listening'
see 'boat3.*created'
see 'requests .*/s   opened 0/s'
see '^ *4 .*berth$'

echo "- what comes and goes is shown"
echo 'close handle=boat3' >&3
see 'handles 3 '
see_gone boat3

echo "- a filter hides the others; Esc takes it back"
keys / harb
see 'filter: harb_'
see_gone boat1
keys Escape
see boat1
keys / nothing Enter
see 'Nothing passes the filter'
keys / Enter
see boat1

echo "- it sorts by the next key, and helps"
see 'sorted by suspect'
keys s
see 'sorted by bytes'
keys h
see 'Any key goes back'
keys x
see harbour

echo "- it takes another size"
terminal resize-window -t 0 -x 60 -y 12
see harbour
see_gone 'SITE'
terminal resize-window -t 0 -x 120 -y 30
see SITE

echo "- more than one page of rows: all are counted, listed and filtered"
# A page is 1000 rows; each of these sites is a group of ledger.leaks once its session is gone.
many()
{
    seq 1100 | sed "s/.*/socket name=$1& site=$1.c:&/"
    [ "$1" = gone ] || return 0
    echo 'socket site=gone.c:777'
    echo 'socket site=gone.c:777'
}
"$berth" shell <"$work/in2" >"$work/out2" &
holder="$holder $!"
exec 5>"$work/in2"
many kept >&5
until_true held 1100 || wrong "The sockets are not there: $(tail -1 "$work/out2")"
see 'handles 1103 '
see '^ *1103 .*berth$'
keys / kept1100
see 'kept1100 .*created'
keys Escape
"$berth" --json ls >"$work/rows"
[ "$(jq '[.[].handle] | unique | length' "$work/rows")" = 1103 ] || wrong "berth ls misses rows."
[ "$(jq length "$work/rows")" = 1103 ] || wrong "berth ls tells rows twice."
[ "$("$berth" --json ls pool=default | jq length)" = 1103 ] || wrong "A filter loses pages."
many gone | "$berth" shell >"$work/out3"
until_true held 1100 || wrong "The sockets of an ended session are still there."
[ "$("$berth" --json ls state=closed | jq '[.[] | select(.site // "" | startswith("gone")) | .handle] |
    unique | length')" = 1102 ] || wrong "berth ls misses closed rows."
"$berth" --json leaks >"$work/groups"
[ "$(jq -r '.[0] | "\(.site) \(.reclaimed)"' "$work/groups")" = 'gone.c:777 3' ] ||
    wrong "The worst is not first: $(jq -c '.[0]' "$work/groups")"
[ "$(jq '[.[].site] | unique | length' "$work/groups")" = 1000 ] ||
    wrong "berth leaks tells $(jq length "$work/groups") groups, not the worst 1000."
exec 5>&-
see 'handles 3 '

echo "- q ends it, and so does a signal; the terminal is as it was"
keys q
ends 0
run_top
see 'berth top   up '
keys C-c
ends 0

echo "- a daemon that is stuck is told, and q ends it all the same"
run_top
see 'handles 3 '
kill -STOP "$daemon"
see 'the daemon does not answer'
keys q
ends 0
kill -CONT "$daemon"

echo "- a daemon that is restarted is waited for"
run_top
see 'handles 3 '
kill "$daemon"
wait "$daemon" || wrong "The daemon does not end well."
see 'the daemon does not answer'
"$berthd" --socket "$BERTH_SOCKET" --config "$work/berthd.conf" 2>>"$work/log" &
daemon=$!
see_gone 'the daemon does not answer'
see 'berth top   up '
keys q
ends 0
grep -q 'the daemon was away; it is back' "$work/said" || wrong "It is not told: $(cat "$work/said")"

echo "- a daemon that is gone for good is told"
run_top
see 'berth top   up '
kill "$daemon"
# It is waited for, longer than anything else here.
until_true has_ended || true
ends 1
grep -q 'the daemon ended it' "$work/said" || wrong "The reason is not told: $(cat "$work/said")"

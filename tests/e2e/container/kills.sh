# kill -9 at random moments, again and again, while clients make, use and close sockets: the listener, its queue and
# the established connections live through it, and the law holds every time. 10 rounds; 200 with
# BERTH_FULL=1. SEED=N repeats a run's choices, but for the moments.
. ./house.sh
fresh
world_begin
rounds=10
[ "${BERTH_FULL-}" != 1 ] || rounds=200
seed=${SEED-$(date +%s)}
echo "   $rounds rounds, SEED=$seed"

# Sets $random to a number below $1.
pick()
{
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    random=$((seed / 65536 % $1))
}

# Work that changes what must be kept, until the file `stop` is there: short sessions, one after another. A kill
# cuts them anywhere; what they had leased stays, and is counted.
work()
{
    batch=0
    while [ ! -e stop ]; do
        batch=$((batch + 1))
        for i in 1 2 3 4 5 6 7 8 9 10; do
            printf '%s\n' "create_server address=unix:@load-$batch-$i name=@w lease=permanent" \
                "socket family=AF_UNIX name=@c lease=600" "connect handle=@c address=unix:@load-$batch-$i" \
                "accept handle=@w name=@a lease=permanent timeout=5" "sendall handle=@a text=x" \
                "lease handle=@w lease=600" "close handle=@c" "close handle=@a" "close handle=@w"
        done | timeout 20 berth shell 2>&1
    done >worked
}

server=$(berth create_server address=127.0.0.1:7000 name=web lease=permanent survive=true | jq .handle)
expect "" 'ok*' "$(world connect 7000 1)"
in=$(berth accept handle=web name=in lease=permanent timeout=10 | jq .handle)
expect "" 'ok*' "$(world listen 7001)"
out=$(berth create_connection host=127.0.0.1 port=7001 name=out lease=permanent | jq .handle)
expect "" 'ok 1' "$(world accept)"
expect "" 'ok*' "$(world connect 7000 20)"

rm -f stop
work &
worker=$!
round=1
while [ $round -le $rounds ] && [ $n_failed -eq 0 ]; do
    pick 60000
    expect "round $round: killed" 'ok*' "$(world kill "$(main_pid)" $random)"
    pick 3
    if [ $random -eq 0 ]; then
        # Its successor too, while it takes back what was kept.
        wait_for is_shown MainPID '[1-9]*'
        pick 60000
        expect "round $round: killed again" 'ok*' "$(world kill "$(main_pid)" $random)"
    fi
    expect "round $round: it comes back" '0' "$(is_up; echo $?)"
    expect "round $round: the law holds" '*"balance":0*' "$(balance)"
    expect "round $round: nothing of ours is lost" "$server $in $out" \
        "$(for name in web in out; do row $name .handle; done | tr '\n' ' ' | sed 's/ $//')"
    expect "round $round: no connection has ended" 'ok 22' "$(world alive)"
    for side in "0 in" "1 out"; do
        # shellcheck disable=SC2086
        set -- $side
        world send "$1" "ask $round" >/dev/null
        expect "round $round: $2 hears" "*\"ask $round*" \
            "$(berth recv handle="$2" exactly=$((${#round} + 5)) timeout=10 2>&1)"
        berth sendall handle="$2" text="answer $round
" >/dev/null 2>&1
        expect "round $round: $2 is heard" 'ok*' "$(world expect "$1" "answer $round")"
    done
    round=$((round + 1))
done
: >stop
wait $worker
expect "there was work" '[1-9][0-9]*' "$(grep -c '"how":"closed"' worked)"
expect "that was answered sensibly" '' \
    "$(grep -E 'berth: (protocol|lease|limit|pool|fd)' worked)"
expect "the queue is whole" '20' "$(
    for i in $(seq 20); do
        berth accept handle=web timeout=10 2>&1
    done | grep -c '"handle"')"
finish

# A listener with queued connections, and established connections both ways, over restart and kill -9: nothing is
# reset, nothing is lost.
. ./house.sh
fresh
world_begin

server=$(berth create_server address=127.0.0.1:7000 name=web lease=permanent survive=true | jq .handle)
expect "the listener says that it survives" 'true' "$(row web .survives)"
expect "" 'ok*' "$(world connect 7000 1)"
in=$(berth accept handle=web name=in lease=permanent timeout=10 | jq .handle)
expect "" 'ok*' "$(world listen 7001)"
out=$(berth create_connection host=127.0.0.1 port=7001 name=out lease=permanent | jq .handle)
expect "" 'ok 1' "$(world accept)"
udp=$(berth socket type=SOCK_DGRAM name=udp lease=permanent | jq .handle)
fresh_tcp=$(berth socket name=fresh lease=permanent | jq .handle)
timed=$(berth socket name=timed lease=600 | jq .handle)
# Connections 2 to 9 wait in the listener's queue from here on.
expect "" 'ok*' "$(world connect 7000 8)"
queued=2
count=0

# talk: a line each way on both connections.
talk()
{
    count=$((count + 1))
    for side in "0 in" "1 out"; do
        # shellcheck disable=SC2086
        set -- $side
        world send "$1" "ask $count" >/dev/null
        expect "$2 hears" "*\"ask $count*" \
            "$(berth recv handle="$2" exactly=$((${#count} + 5)) timeout=10 2>&1)"
        berth sendall handle="$2" text="answer $count
" >/dev/null 2>&1
        expect "$2 is heard" 'ok*' "$(world expect "$1" "answer $count")"
    done
}

# What was sent while no daemon lived is there: the kernel has kept it.
talk_over()
{
    for side in "0 in" "1 out"; do
        # shellcheck disable=SC2086
        set -- $side
        expect "$2 has what came meanwhile" '*"meanwhile*' \
            "$(berth recv handle="$2" exactly=10 timeout=10 2>&1)"
    done
}

all_is_well()
{
    expect "no connection has ended" 'ok 1[0-9]' "$(world alive)"
    expect "the law holds" '*"lost":0,*"balance":0*' "$(balance)"
    expect "same handles" "$server $in $out $udp $fresh_tcp $timed" \
        "$(for name in web in out udp fresh timed; do row $name .handle; done | tr '\n' ' ' | sed 's/ $//')"
    expect "same states" '"listening" "connected" "connected"' \
        "$(for name in web in out; do row $name .state; done | tr '\n' ' ' | sed 's/ $//')"
    expect "same leases" '"permanent"' "$(row web .lease)"
    talk
    berth accept handle=web name="q$queued" lease=permanent timeout=10 >/dev/null 2>&1
    world send $queued "queued" >/dev/null
    expect "a queued connection is taken and heard" '*"queued*' \
        "$(berth recv handle="q$queued" exactly=7 timeout=10 2>&1)"
    queued=$((queued + 1))
}

all_is_well
opened=$(berth ledger.audit | jq .opened)

echo "- systemctl restart"
world send 0 meanwhile >/dev/null
world send 1 meanwhile >/dev/null
before=$(main_pid)
systemctl restart berthd.service
expect "it is another process" "0" "$([ "$before" != "$(main_pid)" ]; echo $?)"
expect "totals go on" "$opened" "$(berth ledger.audit | jq .opened)"
talk_over
all_is_well
opened=$(berth ledger.audit | jq .opened)

echo "- kill -9"
before=$(main_pid)
world stop "$before" >/dev/null
world send 0 meanwhile >/dev/null
world send 1 meanwhile >/dev/null
expect "" 'ok*' "$(world kill "$before" 0)"
expect "it comes back" '0' "$(is_up; echo $?)"
expect "totals go on" "$opened" "$(berth ledger.audit | jq .opened)"
talk_over
all_is_well

echo "- a client that waits in accept"
berth create_server address=127.0.0.1:7002 name=later lease=permanent >/dev/null
sessions=$(berth stats | jq .sessions)
berth accept handle=later timeout=25 >waited 2>&1 &
waiter=$!
wait_for sh -c "[ \$(berth stats | jq .sessions) -gt $sessions ]"
systemctl restart berthd.service
expect "" 'ok*' "$(world connect 7002 1)"
wait $waiter
expect "goes on after the restart" '*"handle"*' "$(cat waited)"

echo "- what is closed is closed for its peer too"
berth close handle=in >/dev/null
expect "the peer sees the end" 'ok*' "$(world eof 0)"
systemctl restart berthd.service
expect "and it does not come back" '*CLOSED*' "$(berth getsockname handle="$in" 2>&1)"
expect "the law holds" '*"lost":0,*"balance":0*' "$(balance)"
finish

# Activation, readiness, reload, settings that are wrong, and one daemon per path.
. ./house.sh
fresh

expect "only the socket unit is there at first" 'inactive active' \
    "$(systemctl is-active berthd.service berthd.socket | tr '\n' ' ' | sed 's/ $//')"
expect "the first connection starts the service, and is answered" '*"uptime":*' "$(berth ping 2>&1)"
expect "it is ready then" 'active' "$(systemctl is-active berthd.service)"
expect "as its own user" 'berth' "$(ps -o user= -p "$(main_pid)" | tr -d ' ')"
expect "everybody may connect" '666 berth berth' "$(stat -c '%a %U %G' /run/berth/berth.sock)"
expect "a stranger is told, by name" '*policy DENIED*' "$(as 4242 ping)"
expect "the status has live numbers" '*[0-9]*' "$(shows StatusText)"
expect "many connect at once before it runs, and all are answered" '40' "$(
    systemctl stop berthd.service
    for i in $(seq 40); do berth ping >"ping.$i" 2>&1 & done
    wait
    cat ping.* | grep -c uptime
    rm -f ping.*)"

echo "- reload"
before=$(main_pid)
settings <<'END'
[daemon]
max-sessions-per-uid = 77
END
systemctl reload berthd.service
expect "good settings are taken" '0' "$(wait_for sh -c 'berth hello | grep -q 77'; echo $?)"
settings <<'END'
[daemon]
nosuch = 1
END
systemctl reload berthd.service
expect "bad ones are not, and the status says where" '0' \
    "$(wait_for is_shown StatusText '*berthd.conf:2*'; echo $?)"
expect "the old ones stay" '*77*' "$(berth hello 2>&1)"
expect "the daemon is the same" "$before active" "$(main_pid) $(systemctl is-active berthd.service)"

echo "- settings that are wrong at the start"
expect "it does not start" '*failed*' "$(systemctl restart berthd.service 2>&1)"
expect "the status says where" '*berthd.conf:2*nosuch*' "$(shows StatusText)"
expect "and the journal" '*berthd.conf:2*nosuch*' "$(journalctl --no-pager -u berthd.service -n 30)"
echo '{"method":"ping","id":1}' | socat -t 30 - UNIX:/run/berth/berth.sock >early &
early=$!
expect "it is tried again and again" '0' "$(wait_for is_shown NRestarts '[3-9]*'; echo $?)"
expect "the socket unit stays" 'active' "$(systemctl is-active berthd.socket)"
settings </dev/null
wait $early
expect "who has connected meanwhile is answered once they are right" '*"uptime"*' "$(cat early)"

echo "- one daemon per path"
expect "a second one refuses" '*another*serves it*' \
    "$(timeout 20 berthd --socket /run/berth/berth.sock 2>&1)"
expect "and the first does not suffer" '*"uptime"*' "$(berth ping 2>&1)"

echo "- a stop"
systemctl stop berthd.service
expect "is an orderly end" 'success' "$(shows Result)"
expect "the socket is still there and starts it again" '*"uptime"*' "$(berth ping 2>&1)"
expect "it understands what the one before it has left" "0" \
    "$(journalctl --no-pager -u berthd.service | grep -c "no state that")"
finish

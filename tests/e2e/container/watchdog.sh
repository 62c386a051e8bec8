# A daemon that hangs is ended by the manager, and what it had comes back.
. ./house.sh
fresh
drop_in berthd.service <<'END'
[Service]
WatchdogSec=2s
END
systemctl restart berthd.service
world_begin

server=$(berth create_server address=127.0.0.1:7000 name=web lease=permanent survive=true | jq .handle)
expect "" 'ok*' "$(world connect 7000 3)"
before=$(main_pid)
# Longer than the watchdog: it is fed.
expect "one that works is left alone" 'wrong*' "$(world gone "$before" 5)"
expect "" 'ok*' "$(world stop "$before")"
expect "one that is stopped is ended" 'ok*' "$(world gone "$before" 20)"
expect "for that reason" '0' "$(journalctl --no-pager -u berthd.service | grep -qi 'watchdog timeout'; echo $?)"
expect "another comes" '0' "$(is_up; echo $?)"
expect "with the same listener" "$server" "$(row web .handle)"
expect "and its queue" 'ok 3' "$(world alive)"
expect "which is served" '*"handle"*' "$(berth accept handle=web timeout=10 2>&1)"
expect "the law holds" '*"balance":0*' "$(balance)"
echo "- with pools that the daemon itself is not of"
settings <<'END'
[pool web]
users = 65534
END
systemctl restart berthd.service
expect "it is fed all the same" 'wrong*' "$(world gone "$(main_pid)" 5)"
expect "" 'active' "$(systemctl is-active berthd.service)"
finish

# Sockets of other socket units, taken into the pool that the settings name.
. ./house.sh
fresh
cat >$drop_ins/berth-web.socket <<'END'
[Socket]
ListenStream=127.0.0.1:7200
FileDescriptorName=web-http
Service=berthd.service
END
cat >$drop_ins/berth-odd.socket <<'END'
[Socket]
ListenStream=127.0.0.1:7201
FileDescriptorName=of-no-pool
Service=berthd.service
END
settings <<'END'
[pool web]
users = 65534
adopt = web-http
END
systemctl daemon-reload
systemctl stop berthd.service
systemctl start berth-web.socket berth-odd.socket berthd.socket
world_begin

# It waits before there is a daemon, and starts it.
expect "" 'ok*' "$(world connect 7200 1)"
expect "the connection starts the daemon" '0' "$(wait_for systemctl is-active berthd.service; echo $?)"
expect "the socket has its name, in its pool" '"web-http" "web" "listening"' \
    "$(as 65534 ledger.get handle=web-http | jq -c '.name, .pool, .state' | tr '\n' ' ' | sed 's/ $//')"
expect "who is of the pool takes connections from it" '*"handle"*' \
    "$(as 65534 accept handle=web-http timeout=10 lease=60 name=c)"
world send 0 hello >/dev/null
expect "and reads them" '*"hello*' "$(as 65534 recv handle=c exactly=6 timeout=10)"
expect "one that no pool wants is told of" '*of-no-pool*' \
    "$(journalctl --no-pager -u berthd.service -n 50)"
handle=$(as 65534 ledger.get handle=web-http | jq .handle)
expect "" 'ok*' "$(world connect 7200 1)"
systemctl restart berthd.service
expect "the same handle after a restart" "$handle" "$(as 65534 ledger.get handle=web-http | jq .handle)"
expect "" 'ok*' "$(world kill "$(main_pid)" 0)"
expect "and after a kill" "$handle" "$(is_up; as 65534 ledger.get handle=web-http | jq .handle)"
expect "its queue is whole" '*"handle"*' "$(as 65534 accept handle=web-http timeout=10)"
expect "the law holds" '*"balance":0*' "$(balance)"
world_end
systemctl stop berthd.service berth-web.socket berth-odd.socket
rm -f $drop_ins/berth-web.socket $drop_ins/berth-odd.socket
finish

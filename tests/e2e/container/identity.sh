# What the unit's capabilities and sandbox allow, and what they do not.
. ./house.sh
fresh
settings <<'END'
[pool all]
users = 65534, 1, root
END
mkdir -p -m 755 /run/web
chown 65534:65534 /run/web

expect "CAP_NET_BIND_SERVICE: a port below 1024" '*"port":80*' \
    "$(as 65534 create_server address=127.0.0.1:80)"
expect "CAP_SETUID: a path where only the client may write" '*"/run/web/x"*' \
    "$(as 65534 create_server address=unix:/run/web/x lease=60)"
expect "and the path is the client's" '65534 65534' "$(stat -c '%u %g' /run/web/x)"
expect "not where it may not" '*EACCES*' "$(as 1 create_server address=unix:/run/web/y)"
expect "nor beside the control socket" '*EACCES*' "$(as 1 create_server address=unix:/run/berth/y)"
expect "the manager's directory is closed, also to root" '*EROFS*' \
    "$(berth create_server address=unix:/run/systemd/y 2>&1)"
expect "and so is the rest" '*EROFS*' "$(berth create_server address=unix:/var/tmp/y 2>&1)"
as 1 create_server address=127.0.0.1:19999 reuse_port=true lease=60 >/dev/null
expect "a port is not shared between users" '*EADDRINUSE*' \
    "$(as 65534 create_server address=127.0.0.1:19999 reuse_port=true)"
expect "CAP_SYS_PTRACE: the program of another user" '*/berth' "$(as 65534 hello | jq -r .peer.exe)"
expect "and of root" '*/berth' "$(berth hello | jq -r .peer.exe)"
expect "raw sockets are not given" '*EPERM*' \
    "$(berth socket type=SOCK_RAW protocol=1 2>&1)"
drop_in berthd.service <<'END'
[Service]
CapabilityBoundingSet=CAP_NET_RAW
AmbientCapabilities=CAP_NET_RAW
END
systemctl restart berthd.service
expect "but by the drop-in that the unit tells" '*"handle"*' "$(berth socket type=SOCK_RAW protocol=1 2>&1)"
rm -rf $drop_ins/berthd.service.d
systemctl daemon-reload
systemctl restart berthd.service
expect "names are looked up" '*127.0.0.1*' "$(berth getaddrinfo host=localhost 2>&1)"
expect "interfaces are listed" '*"lo"*' "$(berth if_nameindex 2>&1)"
expect "the backlog is as the kernel clamps it" \
    "$(cat /proc/sys/net/core/somaxconn)" \
    "$(printf 'socket name=@l\nlisten handle=@l backlog=100000\n' | berth shell | jq -r '.backlog // empty')"
expect "the memory of others is not written to" "*ro,*" \
    "$(awk '$5 == "/proc" { print $6 "," }' "/proc/$(main_pid)/mountinfo" | tail -n 1)"
expect "the law holds" '*"balance":0*' "$(balance)"
finish

# Packages: installed, upgraded while sockets are in use, removed, installed again, purged. The last scenario, for
# it takes away what the others run on.
. ./house.sh
ls packages/old/*.deb packages/new/*.deb >/dev/null 2>&1 || {
    echo "   skipped: there are no packages; \`ctest -R packages\` makes them"
    exit 0
}

# dpkg as administrators call it; what it says is shown when it fails.
package()
{
    dpkg "$@" >said 2>&1 </dev/null || {
        n_failed=$((n_failed + 1))
        echo "failed: dpkg $*"
        cat said
    }
}

# Its input in one line.
line()
{
    tr '\n' ' ' | sed 's/ $//'
}

# Is it enabled, do the socket and the daemon run: three words.
units()
{
    {
        systemctl is-enabled berthd.socket
        systemctl is-active berthd.socket berthd.service
    } 2>/dev/null | line
}

# Whatever has our name, but for the user.
ours()
{
    find /etc /run /usr /var/lib -xdev -name '*berth*' ! -path '/var/lib/systemd/coredump/*' 2>/dev/null | sort
}

version()
{
    dpkg-query -W -f '${Version}' berth | sed 's/-.*//'
}

fresh
systemctl stop berthd.service berthd.socket
xargs rm -f <installed
rm -rf /etc/berth /run/berth /etc/systemd/system/berthd.service.d $drop_ins/berthd.service.d
systemctl daemon-reload
userdel berth
# Images for containers have one that bars all services.
rm -f /usr/sbin/policy-rc.d
ours >before

echo "- installing"
package -i packages/old/*.deb
expect "the socket is enabled and listens, and no daemon runs yet" 'enabled active inactive' \
    "$(units)"
expect "the first connection starts it" '*"uptime":*' "$(berth ping 2>&1)"
expect "as the user that the package has made" 'berth' "$(ps -o user= -p "$(main_pid)" | tr -d ' ')"
expect "it is the version that was installed" "\"berthd $(version)\"" "$(berth hello | jq .server)"
expect "the settings are there, and change nothing" '#max-sessions-per-uid* default' \
    "$(grep '^#max-sessions-per-uid' /etc/berth/berthd.conf) $(berth pool.list | jq -r '.pools[].name')"

echo "- upgrading"
printf 'max-sessions-per-uid = 77\n' >add
sed -i '/^\[daemon\]/r add' /etc/berth/berthd.conf
systemctl reload berthd.service
world_begin
server=$(berth create_server address=127.0.0.1:7300 name=web lease=permanent survive=true | jq .handle)
expect "" 'ok*' "$(world connect 7300 1)"
in=$(berth accept handle=web name=in lease=permanent timeout=10 | jq .handle)
expect "" 'ok*' "$(world listen 7301)"
out=$(berth create_connection host=127.0.0.1 port=7301 name=out lease=permanent | jq .handle)
expect "" 'ok 1' "$(world accept)"
expect "" 'ok*' "$(world connect 7300 8)"
berth create_server address=127.0.0.1:7302 name=later lease=permanent >/dev/null
sessions=$(berth stats | jq .sessions)
berth accept handle=later timeout=60 >waited 2>&1 &
waiter=$!
wait_for sh -c "[ \$(berth stats | jq .sessions) -gt $sessions ]"
world send 0 meanwhile >/dev/null
before=$(main_pid)
old=$(version)
socket=$(stat -c %i /run/berth/berth.sock)

# Others come and go all the time.
rm -f stop
while [ ! -e stop ]; do
    berth ping || echo failed
done >pings 2>&1 &
others=$!
package -i packages/new/*.deb
touch stop
wait $others
expect "nobody was sent away" '0 [1-9]*' "$(grep -c -v uptime pings) $(grep -c uptime pings)"
expect "another process" '0' "$([ "$before" != "$(main_pid)" ]; echo $?)"
expect "another version" '0' "$([ "$old" != "$(version)" ]; echo $?)"
expect "which the daemon is" "\"berthd $(version)\"" "$(berth hello | jq .server)"
expect "the control socket is the same" "$socket" "$(stat -c %i /run/berth/berth.sock)"
expect "same handles" "$server $in $out" "$(for name in web in out; do row $name .handle; done | line)"
expect "no connection has ended" 'ok 1[0-9]' "$(world alive)"
expect "what came meanwhile is there" '*"meanwhile*' "$(berth recv handle=in exactly=10 timeout=10 2>&1)"
berth sendall handle=out text="after
" >/dev/null 2>&1
expect "and the other way" 'ok*' "$(world expect 1 after)"
expect "all of the queue is taken" '8' \
    "$(for _ in 1 2 3 4 5 6 7 8; do berth accept handle=web timeout=10; done 2>&1 | grep -c '"handle"')"
expect "" 'ok*' "$(world connect 7302 1)"
wait $waiter
expect "who waited goes on" '*"handle"*' "$(cat waited)"
expect "the law holds" '*"lost":0,*"balance":0*' "$(balance)"
expect "the administrator's settings stay" '*77*' "$(cat /etc/berth/berthd.conf)"
world_end

echo "- as the administrator has left it"
systemctl disable --now berthd.socket 2>/dev/null
systemctl stop berthd.service
package -i packages/new/*.deb
expect "what is disabled and stopped stays so" 'disabled inactive inactive' \
    "$(units)"
systemctl enable --now berthd.socket 2>/dev/null
expect "until it is enabled" '*"uptime":*' "$(berth ping 2>&1)"

echo "- removing"
last=$(berth socket | jq .handle)
package --remove berth
expect "nothing runs" 'inactive inactive' "$(units)"
expect "and nothing listens" '1' "$([ -e /run/berth/berth.sock ]; echo $?)"
expect "the settings stay" '*77*' "$(cat /etc/berth/berthd.conf)"
package -i packages/new/berth_*.deb
expect "installed again it serves" '*"uptime":*' "$(berth ping 2>&1)"
expect "and no number comes twice" '0' "$([ "$(berth socket | jq .handle)" -gt "$last" ]; echo $?)"

echo "- purging"
: >/etc/berth/berthd.conf.d-of-mine
package --purge berth libberth1 libberth-dev
expect "nothing of ours is left" "" "$(ours | diff before - 2>&1)"
expect "but the user" 'berth' "$(id -un berth 2>&1)"
expect "the manager knows nothing of it" '' \
    "$(systemctl list-units --all --plain --no-legend 'berthd*'; systemctl list-unit-files --no-legend 'berthd*')"
finish

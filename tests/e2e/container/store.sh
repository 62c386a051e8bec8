# The manager's store: more than it takes, two names swapped, and emptied by a stop.
. ./house.sh
fresh

echo "- more than it takes"
drop_in berthd.service <<'END'
[Service]
FileDescriptorStoreMax=3
Environment=BERTH_FDSTORE_MAX=3
END
systemctl restart berthd.service
answers=$(for i in 1 2 3 4 5; do
    berth create_server address=127.0.0.1:0 name="s$i" lease=permanent survive=true 2>&1
done)
expect "three are taken" '3' "$(echo "$answers" | grep -c '"handle"')"
expect "two are refused, with the reason" '2' "$(echo "$answers" | grep -c 'lease CANNOT_KEEP')"
expect "without the wish one is made, and says why it is not kept" 'false *' \
    "$(berth create_server address=127.0.0.1:0 name=s6 lease=permanent >/dev/null
       row s6 '"\(.survives) \(.survives_reason)"' | tr -d '"')"
systemctl restart berthd.service
expect "the three come back" '3' "$(berth ledger.list filter.state=listening | jq '.rows | length')"
expect "the fourth is told as lost" '*"lost":1,*"balance":0*' "$(balance)"
expect "closing one makes room" '*"handle"*' \
    "$(berth close handle=s1 >/dev/null
       berth create_server address=127.0.0.1:0 name=s7 lease=permanent survive=true 2>&1)"
rm -rf $drop_ins/berthd.service.d
systemctl daemon-reload

echo "- a stop and a start"
fresh
a=$(berth create_server address=127.0.0.1:7100 name=a lease=permanent survive=true | jq .handle)
b=$(berth socket name=b lease=600 | jq .handle)
expect "two live" '*"opened":2,"live":2,*' "$(balance)"
systemctl stop berthd.service
if [ "$(shows FileDescriptorStorePreserve)" = yes ]; then
    expect "this manager keeps them" '*"live":2,*"lost":0,*"balance":0*' "$(balance)"
else
    expect "this manager has forgotten them: both are lost" \
        '*"opened":2,"live":0,*"lost":2,*"balance":0*' "$(balance)"
    expect "and each says so" '"lost" "lost"' "$(row "$a" .end.how) $(row "$b" .end.how)"
    expect "numbers go on" '0' "$(next=$(berth socket | jq .handle); [ "$next" -gt "$b" ]; echo $?)"
    expect "the address is free" '*"port":7100*' "$(berth create_server address=127.0.0.1:7100 2>&1)"
fi
finish

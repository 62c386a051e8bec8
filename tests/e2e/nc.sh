#!/bin/sh
# nc.sh BERTHD BERTH WEB FETCH — `berth nc` against socat, openssl and curl: all bytes both ways, what
# an end is and what is none; and the examples WEB and FETCH, which curl asks.
berthd=$1
berth=$2
web=$3
fetch=$4
programs='socat openssl curl'
. "$(dirname "$0")/talk.sh"

# nc WORD...: what it prints, then its status; with its standard error.
nc()
{
    timeout 20 "$berth" nc "$@" 2>&1
    echo " status $?"
}

# -- plain --
socat_server up "CREATE:$dir/up" -u
expect "a file goes up" ' status 0' "$(nc 127.0.0.1 "$socat_port" <"$dir/big")"
wait "$served"
same "and is whole" "$dir/up"

input=$dir/big
socat_server down - -U
input=
timeout 20 "$berth" nc 127.0.0.1 "$socat_port" </dev/null >"$dir/down"
expect "a file comes down" 0 $?
same "and is whole" "$dir/down"

# The peer speaks only after our end: half-close.
socat_server count "SYSTEM:wc -c"
expect "the end of the input is one direction's" '20000000* status 0' "$(nc 127.0.0.1 "$socat_port" <"$dir/big")"

input=$dir/big serve both "$berth" nc -v -l 127.0.0.1 0
port=$(port_of both)
timeout 20 "$berth" nc 127.0.0.1 "$port" <"$dir/big" >"$dir/both"
expect "both ways at once" 0 $?
wait "$served"
expect "and the listener ends" 0 $?
same "there" "$dir/both.out"
same "and back" "$dir/both"

serve path "$berth" nc -v -l "unix:$dir/sock"
wait_for grep -q listening "$dir/path.err"
expect "a Unix socket" ' status 0' "$(nc "unix:$dir/sock" <"$dir/big")"
wait "$served"
same "is as good" "$dir/path.out"

# The one who listens hears the peer's end at once; it goes on, also after a pause in its input. And
# the one who reads is slow, so that much is still under way when all has been written.
{
    head -c 10000000 "$dir/big"
    sleep 0.5
    tail -c +10000001 "$dir/big"
} | "$berth" nc -v -l 127.0.0.1 0 2>"$dir/slow.err" >/dev/null &
started="$started $!"
: >"$dir/slow.out"
port=$(port_of slow)
timeout 30 "$berth" nc 127.0.0.1 "$port" </dev/null | while
    n=$(dd bs=200000 count=1 iflag=fullblock 2>/dev/null | tee -a "$dir/slow" | wc -c)
    [ "$n" -gt 0 ]
do
    sleep 0.01
done
same "a peer that has nothing to say hears all" "$dir/slow"

# The path of its own making that a peer has is not absolute.
(cd "$dir" && exec socat -d -d UNIX-LISTEN:near EXEC:cat 2>near.err) &
started="$started $!"
wait_for test -S "$dir/near"
expect "a peer with a relative path" 'here status 0' "$(echo here | nc "unix:$dir/near" | tr -d '\n')"

# What was closed for it is not the connection, and its end.
closed()
{
    socat_server "$1" "SYSTEM:echo answer; cat >$dir/closed"
    shift
    eval "timeout 20 '$berth' nc 127.0.0.1 $socat_port $*"
    echo "status $?"
    wait "$served"
}
echo words >"$dir/words"
expect "no standard input" 'answer status 0 ' "$(closed closed0 '<&-' 2>&1 | tr '\n' ' ')"
expect "the peer heard nothing" '' "$(cat "$dir/closed")"
expect "no standard output" '*standard output: *status 1' "$(closed closed1 '<$dir/words >&-' 2>&1)"
expect "no standard error" 'answer status 0 ' "$(closed closed2 '<$dir/words 2>&-' | tr '\n' ' ')"
expect "the peer heard all" 'words' "$(cat "$dir/closed")"

expect "nobody there" '*berth: os ECONNREFUSED: *hint: *status 1' "$(nc 127.0.0.1 1)"
expect "wrong usage" '*berth help nc* status 2' "$(nc)"
expect "no port" '*is no port* status 2' "$(nc 127.0.0.1 http)"
expect "TLS is asked for" '*go with --tls* status 2' "$(nc --ca "$dir/cert.pem" 127.0.0.1 1)"
expect "silence" '*timeout TIMEOUT*status 1' "$(nc -w 0.2 -l 127.0.0.1 0)"

# A process that is killed with something unread: the kernel resets.
serve deaf socat -d -d -u SYSTEM:'sleep 20' TCP-LISTEN:0,bind=127.0.0.1
port=$(port_of deaf)
deaf=$served
{
    echo unread
    wait_for grep -q 'starting data transfer' "$dir/deaf.err"
    sleep 0.2
    kill -9 "$deaf"
    sleep 1
} | timeout 20 "$berth" nc 127.0.0.1 "$port" >/dev/null 2>"$dir/reset.err"
expect "a reset is an error" 1 $?
expect "and told" 'berth: os ECONNRESET: *hint: *' "$(cat "$dir/reset.err")"

yes | "$berth" nc -v -l 127.0.0.1 0 2>"$dir/yes.err" &
started="$started $!"
: >"$dir/yes.out"
port=$(port_of yes)
expect "a reader who has enough" 'y 141 ' "$(
    { env --default-signal=PIPE "$berth" nc 127.0.0.1 "$port" </dev/null 2>/dev/null
      echo $? >"$dir/pipe"; } | head -n 1 | tr '\n' ' '
    wait_for test -s "$dir/pipe"
    tr '\n' ' ' <"$dir/pipe")"

# -- datagrams --
serve udp socat -d -d UDP-LISTEN:0,bind=127.0.0.1 EXEC:cat
port=$(port_of udp)
expect "a datagram and its answer" 'ping* status 0' "$(echo ping | nc -u -w 0.5 127.0.0.1 "$port")"
serve udp2 "$berth" nc -v -u -l -w 5 127.0.0.1 0
port=$(port_of udp2)
expect "to one who listens" ' status 0' "$(echo first | nc -u -w 0.3 127.0.0.1 "$port")"
wait_for grep -q first "$dir/udp2.out"
expect "the first datagram is not lost" first "$(cat "$dir/udp2.out")"
# refused HOST: what is said of a datagram to nobody; now and then the daemon tells of it too late.
refused()
{
    for attempt in 1 2 3 4; do
        said=$(echo lost | nc -u -w 0.5 "$1" 1)
        case $said in
        *'status 0') ;;
        *) break ;;
        esac
    done
    echo "$said"
}

expect "to nobody" '*berth: os ECONNREFUSED: *status 1' "$(refused 127.0.0.1)"
expect "to nobody, by IPv6" '*berth: os E*status 1' "$(refused ::1)"
expect "a pool that cannot ask" ' status 0' "$(echo lost | nc -u -w 0.3 --pool streams 127.0.0.1 1)"

# -- TLS --
serve tls openssl s_server -accept 127.0.0.1:0 -cert "$dir/cert.pem" -key "$dir/key.pem" -rev -alpn chat
port=$(port_of tls)
ask()
{
    { echo hello; wait_for grep -q olleh "$dir/answer"; } | timeout 20 "$berth" nc "$@" >"$dir/answer" 2>"$dir/answer.err"
    echo " status $?"
    cat "$dir/answer" "$dir/answer.err"
}
expect "TLS" '*status 0*olleh*' "$(ask --tls --ca "$dir/cert.pem" localhost "$port")"
expect "what was agreed on" '*TLSv1.3*, chat*CN=localhost*, verified*' \
    "$(ask -v --tls --alpn chat,other --ca "$dir/cert.pem" localhost "$port")"
expect "nobody vouches for it" '*status 1*tls CERTIFICATE_VERIFY_FAILED: *hint: *' "$(nc --tls localhost "$port"
    timeout 20 "$berth" nc --tls localhost "$port" 2>&1 </dev/null)"
expect "another's name" '*tls CERTIFICATE_VERIFY_FAILED: *other*status 1' \
    "$(nc --tls --ca "$dir/cert.pem" --server-name other localhost "$port")"
expect "whoever it is" '*status 0*olleh*' "$(ask --tls --no-verify localhost "$port")"

input=$dir/big serve shop "$berth" nc -v -l --tls --identity shop 127.0.0.1 0
port=$(port_of shop)
openssl s_client -connect 127.0.0.1:"$port" -CAfile "$dir/cert.pem" -verify_return_error -quiet </dev/null \
    >"$dir/shop" 2>/dev/null
same "openssl reads all of it" "$dir/shop"
input=$dir/big serve shop2 "$berth" nc -v -l --tls --identity shop 127.0.0.1 0
port=$(port_of shop2)
timeout 30 "$berth" nc --tls --ca "$dir/cert.pem" 127.0.0.1 "$port" <"$dir/big" >"$dir/shop2"
expect "TLS both ways" 0 $?
wait "$served"
same "there" "$dir/shop2.out"
same "and back" "$dir/shop2"

# -- the examples --
serve free "$berth" nc -v -l -w 1 127.0.0.1 0
port=$(port_of free)
wait "$served"
serve web "$web" "$port" 1
wait_for "$berth" ledger.get handle=example-web
expect "the web server" 'visitor 1 of process *' "$(curl -s -m 10 "http://127.0.0.1:$port/")"
wait "$served"
curl -s -m 20 "http://127.0.0.1:$port/" >"$dir/between" &
curl=$!
expect "its listener lives on" '*listening*' "$(printf 'ls state=listening\n' | "$berth" shell)"
serve web2 "$web" "$port" 2
wait "$curl"
expect "a visitor came while it was away" 'visitor 1 of process *' "$(cat "$dir/between")"
"$fetch" 127.0.0.1 "$port" / >"$dir/fetched" 2>&1
if [ $? -eq 77 ]; then
    echo "not tried: this machine allows no network namespace"
else
    expect "no network, and the page" '*by itself: no way*200 OK*visitor 2 of process*' "$(cat "$dir/fetched")"
fi

# -- a daemon that ends under way --
serve away "$berth" nc -v -l 127.0.0.1 0
port=$(port_of away)
{
    echo hello
    wait_for grep -q hello "$dir/away.out"
    kill -9 "$daemon"
    sleep 0.5
} | timeout 20 "$berth" nc 127.0.0.1 "$port" >/dev/null 2>"$dir/gone.err"
expect "the daemon's end is no good end" 1 $?
expect "and told" 'berth: *' "$(cat "$dir/gone.err")"

tell

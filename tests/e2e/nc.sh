#!/bin/sh
# nc.sh BERTHD BERTH WEB FETCH — `berth nc` and `berth send-file` against socat, openssl and curl: all
# bytes both ways, what an end is and what is none, what a terminal shows; and the examples WEB and
# FETCH, which curl asks.
set -u

berthd=$1
berth=$2
web=$3
fetch=$4
for program in socat openssl curl script; do
    command -v $program >/dev/null || {
        echo "skipped: this machine has no $program"
        exit 77
    }
done
dir=$(mktemp -d)
BERTH_SOCKET=$dir/berth.sock
export BERTH_SOCKET
started=

finish()
{
    for process in $started; do
        kill -9 "$process" 2>/dev/null
    done
    [ $n_failed -eq 0 ] || cat "$dir/log"
    rm -rf "$dir"
}
trap finish EXIT

n_failed=0
n_passed=0
# expect WHAT PATTERN TEXT: the text must match the pattern.
expect()
{
    case $3 in
    $2) n_passed=$((n_passed + 1)) ;;
    *)
        n_failed=$((n_failed + 1))
        printf 'failed: %s\n  expected %s\n  got %s\n' "$1" "$2" "$3"
        ;;
    esac
}

# Waits until the condition holds, at most 10 seconds.
wait_for()
{
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.05
    done
}

# same WHAT FILE: it must hold what was sent.
same()
{
    expect "$1" 0 "$(cmp "$dir/big" "$2" 2>&1; echo $?)"
}

# serve NAME COMMAND...: runs it in the background; its standard error goes to NAME.err, its pid to $served.
serve()
{
    name=$1
    shift
    "$@" >"$dir/$name.out" 2>"$dir/$name.err" <"${input:-/dev/null}" &
    served=$!
    started="$started $served"
}

# The port that a listener has taken, as it tells itself; $1 is its name.
port_of()
{
    wait_for grep -Eq 'listening on .*:[0-9]|ACCEPT .*:[0-9]' "$dir/$1.err" "$dir/$1.out"
    sed -nE 's/.*(listening on|ACCEPT) .*:([0-9]+).*/\2/p' "$dir/$1.err" "$dir/$1.out" | head -n 1
}

# nc WORD...: what it prints, then its status; with its standard error.
nc()
{
    timeout 20 "$berth" nc "$@" 2>&1
    echo " status $?"
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
cat >"$dir/berthd.conf" <<END
[tls shop]
cert = $dir/cert.pem
key = $dir/key.pem
pools = default
END
head -c 20000000 /dev/urandom >"$dir/big"
"$berthd" --config "$dir/berthd.conf" 2>"$dir/log" &
daemon=$!
started=$daemon
wait_for "$berth" ping

# -- plain --
socat_port=0
# socat_server NAME ADDRESS [OPTION...]: one connection between ADDRESS and a free port, $socat_port.
socat_server()
{
    name=$1
    address=$2
    shift 2
    serve "$name" socat -d -d "$@" TCP-LISTEN:0,bind=127.0.0.1 "$address"
    socat_port=$(port_of "$name")
}

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

# -- files --
send_file()
{
    timeout 20 "$berth" send-file "$@" 2>&1
    echo " status $?"
}
socat_server file "CREATE:$dir/file" -u
expect "a file, and no word where no terminal is" ' status 0' "$(send_file "$dir/big" 127.0.0.1:"$socat_port")"
wait "$served"
same "is whole" "$dir/file"
serve part "$berth" nc -v -l --tls --identity shop 127.0.0.1 0
port=$(port_of part)
expect "a part, by TLS" ' status 0' \
    "$(send_file --tls --ca "$dir/cert.pem" --offset 1000 --count 5000000 "$dir/big" 127.0.0.1:"$port")"
wait "$served"
expect "is that part" 0 "$(tail -c +1001 "$dir/big" | head -c 5000000 | cmp - "$dir/part.out"; echo $?)"
expect "beyond the end" '*has 20000000 bytes* status 2' "$(send_file --offset 20000001 "$dir/big" 127.0.0.1:1)"
expect "no file" '*ENOENT*nothing* status 1' "$(send_file "$dir/nothing" 127.0.0.1:1)"
expect "no regular file" '*berth nc* status 1' "$(send_file /dev/null 127.0.0.1:1)"

# The half of it, then the other half from where it says.
socat_server half "SYSTEM:head -c 3000000 >$dir/half" -u
text=$(send_file "$dir/big" 127.0.0.1:"$socat_port")
expect "it tells how far it came" '*berth: os *of 20000000 bytes went out; --offset *goes on from there*status 1' "$text"
expect "a handle, in a shell" '*"text":"0123","eof":false*' "$(
    printf 0123456789 >"$dir/ten"
    printf '%s\n' 'socketpair name=@p' "send-file --count 4 $dir/ten @p" 'recv handle=@p.1' | "$berth" shell)"

# On a terminal: how far, how fast, how long yet. The reader takes its time.
socat_server show 'SYSTEM:head -c 8000000 >/dev/null; sleep 0.7; cat >/dev/null' -u
script -qec "'$berth' send-file '$dir/big' 127.0.0.1:$socat_port" /dev/null </dev/null >"$dir/terminal" 2>&1
expect "a terminal is shown the rest" '*of 19.1 MiB, *%, *iB/s, 0:0* left*' "$(cat "$dir/terminal")"
expect "and the end" '*19.1 MiB of 19.1 MiB, 100%, *iB/s, in 0:0*' "$(cat "$dir/terminal")"
socat_server hush 'SYSTEM:cat >/dev/null' -u
expect "quiet" '' "$(script -qec "'$berth' send-file --quiet '$dir/big' 127.0.0.1:$socat_port" /dev/null </dev/null)"

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

printf '%d passed, %d failed\n' $n_passed $n_failed
[ $n_failed -eq 0 ]

#!/bin/sh
# send_file.sh BERTHD BERTH — `berth send-file` against socat and `berth nc`, by both planes: the whole
# file, what is told of one that stopped on the way, and what a terminal shows.
berthd=$1
berth=$2
programs='socat openssl script'
. "$(dirname "$0")/talk.sh"

# send_file WORD...: what it prints, then its status; in the pool $pool.
send_file()
{
    timeout 20 "$berth" send-file --pool "$pool" "$@" 2>&1
    echo " status $?"
}
: >"$dir/empty"
echo "cat >$dir/rude; kill -9 \$PPID" >"$dir/rude.sh"
echo 'while [ "$(dd bs=200000 count=1 iflag=fullblock 2>/dev/null | wc -c)" -gt 0 ]; do sleep 0.05; done' >"$dir/slow.sh"

for pool in streams messages; do
    socat_server "file.$pool" "CREATE:$dir/file" -u
    expect "a file, and no word where no terminal is" ' status 0' "$(send_file "$dir/big" 127.0.0.1:"$socat_port")"
    wait "$served"
    same "is whole" "$dir/file"
    socat_server "empty.$pool" "CREATE:$dir/file" -u
    expect "an empty one" ' status 0' "$(send_file "$dir/empty" 127.0.0.1:"$socat_port")"
    wait "$served"
    expect "is nothing" 0 "$(cmp "$dir/empty" "$dir/file" 2>&1; echo $?)"
    serve "part.$pool" "$berth" nc -v -l --tls --identity shop 127.0.0.1 0
    port=$(port_of "part.$pool")
    expect "a part, by TLS" ' status 0' \
        "$(send_file --tls --ca "$dir/cert.pem" --offset 1000 --count 5000000 "$dir/big" 127.0.0.1:"$port")"
    wait "$served"
    expect "is that part" 0 "$(tail -c +1001 "$dir/big" | head -c 5000000 | cmp - "$dir/part.$pool.out"; echo $?)"

    # What it tells went out is never less than what the peer has.
    socat_server "half.$pool" "SYSTEM:head -c 3000000 >$dir/half" -u
    text=$(send_file "$dir/big" 127.0.0.1:"$socat_port")
    expect "it tells how far it came" '*berth: os *of 20000000 bytes went out; the peer may have fewer: *status 1' "$text"
    n_out=$(echo "$text" | sed -n 's/^berth: \([0-9]*\) of .*/\1/p')
    expect "and not too little" yes "$([ "$n_out" -ge 3000000 ] && [ "$n_out" -lt 20000000 ] && echo yes)"

    # One who hangs up without an end in TLS, but after he has heard that it was all.
    serve "rude.$pool" socat -d -d -t 20 \
        OPENSSL-LISTEN:0,bind=127.0.0.1,cert="$dir/cert.pem",key="$dir/key.pem",verify=0 \
        EXEC:"sh $dir/rude.sh"
    port=$(port_of "rude.$pool")
    expect "a peer that hangs up" 'berth: send-file: the peer has hung up *status 0' \
        "$(send_file --tls --ca "$dir/cert.pem" "$dir/big" 127.0.0.1:"$port")"
    same "has it all" "$dir/rude"

    socat_server "talk.$pool" "SYSTEM:cat >/dev/null; head -c 3000000 /dev/zero" -t 20
    expect "one who has much to say when all is there" ' status 0' "$(send_file "$dir/big" 127.0.0.1:"$socat_port")"

    # Slow, but never silent for as long as --timeout says; and one who is silent.
    serve "slow.$pool" socat -d -d -u TCP-LISTEN:0,bind=127.0.0.1,rcvbuf=65536 EXEC:"sh $dir/slow.sh"
    port=$(port_of "slow.$pool")
    expect "a slow peer" ' status 0' "$(send_file --count 8000000 --timeout 0.3 "$dir/big" 127.0.0.1:"$port")"
    socat_server "silent.$pool" 'SYSTEM:sleep 20' -u
    begun=$(date +%s%3N)
    expect "a silent one" '*berth: timeout TIMEOUT: *bytes went out; *status 1' \
        "$(send_file --timeout 1.5 "$dir/big" 127.0.0.1:"$socat_port")"
    # Once while something moves yet, once more while nothing does.
    expect "is waited for twice at most" yes "$([ $(($(date +%s%3N) - begun)) -lt 4200 ] && echo yes)"

    # On a terminal: how far, how fast, how long yet. The reader takes its time.
    socat_server "show.$pool" 'SYSTEM:head -c 8000000 >/dev/null; sleep 0.7; cat >/dev/null' -u
    script -qec "'$berth' send-file --pool $pool '$dir/big' 127.0.0.1:$socat_port" /dev/null \
        </dev/null >"$dir/terminal" 2>&1
    expect "a terminal is shown the rest" '*of 19.1 MiB, *%, *iB/s, 0:0* left*' "$(cat "$dir/terminal")"
    expect "and the end" '*19.1 MiB of 19.1 MiB, 100%, *iB/s, in 0:0*' "$(cat "$dir/terminal")"
    socat_server "hush.$pool" 'SYSTEM:cat >/dev/null' -u
    expect "quiet" '' "$(script -qec "'$berth' send-file -q --pool $pool '$dir/big' 127.0.0.1:$socat_port" \
        /dev/null </dev/null)"
done

# echo_server NAME: it takes no more while nobody reads its answers.
echo_server()
{
    serve "$1" socat -d -d -t 20 TCP-LISTEN:0,bind=127.0.0.1,rcvbuf=65536,sndbuf=65536 \
        EXEC:cat
    port=$(port_of "$1")
}
pool=default
echo_server echo
expect "one who answers" ' status 0' "$(send_file "$dir/big" 127.0.0.1:"$port")"
pool=messages
echo_server block
expect "where nobody hears it" '*berth: timeout TIMEOUT: *bytes went out; *status 1' \
    "$(send_file --timeout 0.4 "$dir/big" 127.0.0.1:"$port")"
pool=streams
# It is a regular file of 4096 bytes for stat(2), and this interface has no speed to tell.
odd=/sys/class/net/lo/speed
case $(cat $odd 2>&1) in
*'Invalid argument')
    socat_server odd 'SYSTEM:cat >/dev/null' -u
    expect "a file that cannot be read" "berth: local EINVAL: $odd: Invalid argument status 1" \
        "$(send_file $odd 127.0.0.1:"$socat_port" | tr -d '\n')"
    ;;
*) echo "not tried: $odd can be read, or is not there" ;;
esac
printf 0123456789 >"$dir/ten"
expect "a handle has no stream of the file's own" '*policy DENIED: *planes = stream*status 1' "$(
    printf '%s\n' 'socketpair name=@p pool=streams' "send-file $dir/ten @p" | "$berth" shell --stop 2>&1
    echo " status $?")"
expect "a handle, in a shell" '*"text":"0123","eof":false*' "$(
    printf '%s\n' 'socketpair name=@p' "send-file --count 4 $dir/ten @p" 'recv handle=@p.1' | "$berth" shell)"

pool=default
expect "beyond the end" '*has 20000000 bytes* status 2' "$(send_file --offset 20000001 "$dir/big" 127.0.0.1:1)"
expect "no file" '*ENOENT*nothing* status 1' "$(send_file "$dir/nothing" 127.0.0.1:1)"
expect "no regular file" '*berth nc* status 1' "$(send_file /dev/null 127.0.0.1:1)"
expect "nobody there" 'berth: os ECONNREFUSED: *hint: *status 1' "$(send_file "$dir/big" 127.0.0.1:1)"

tell

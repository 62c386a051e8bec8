# talk.sh — what nc.sh and send_file.sh share: a daemon of their own, $daemon, with an identity `shop`
# and pools `streams` and `messages` that have no other plane; peers; and how they count. $berthd and
# $berth are the binaries.
set -u

for program in $programs; do
    command -v "$program" >/dev/null || {
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

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
cat >"$dir/berthd.conf" <<END
[pool default]
users = $(id -un)
[pool streams]
users = $(id -un)
planes = stream
[pool messages]
users = $(id -un)
planes = message
[tls shop]
cert = $dir/cert.pem
key = $dir/key.pem
pools = default, streams
END
head -c 20000000 /dev/urandom >"$dir/big"
"$berthd" --config "$dir/berthd.conf" 2>"$dir/log" &
daemon=$!
started=$daemon
wait_for "$berth" ping

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

# How a script ends.
tell()
{
    printf '%d passed, %d failed\n' $n_passed $n_failed
    [ $n_failed -eq 0 ]
}

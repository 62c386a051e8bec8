# house.sh — what the scenarios share; read by them, inside the container. Every scenario starts with `fresh`
# and ends with `finish`.
# shellcheck shell=sh

n_failed=0
n_passed=0
export BERTH_SOCKET=/run/berth/berth.sock
drop_ins=/run/systemd/system

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

finish()
{
    world_end
    printf '   %d passed, %d failed\n' $n_passed $n_failed
    [ $n_failed -eq 0 ]
    exit $?
}

# wait_for COMMAND...: until it succeeds, at most 20 seconds. Each try is a round trip of its own.
wait_for()
{
    until=$(($(date +%s) + 20))
    while ! "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $until ] || return 1
    done
}

# The command never waits for ever.
berth()
{
    timeout 30 berth "$@"
}

# -- the service --------------------------------------------------------------------------------------

# As after booting: units as shipped, nothing remembered, the socket unit listens and no daemon runs.
fresh()
{
    systemctl stop berthd.service berthd.socket 2>/dev/null
    # Managers from 254 on keep what they have over a stop.
    systemctl clean --what=fdstore berthd.service 2>/dev/null
    rm -rf /run/berth /etc/berth $drop_ins/berthd.service.d
    systemctl daemon-reload
    systemctl reset-failed
    systemctl start berthd.socket
}

# drop_in UNIT: standard input is put into a drop-in of the unit, for as long as the container runs.
drop_in()
{
    mkdir -p "$drop_ins/$1.d"
    cat >"$drop_ins/$1.d/scenario.conf"
    systemctl daemon-reload
}

# Standard input becomes the settings.
settings()
{
    mkdir -p /etc/berth
    cat >/etc/berth/berthd.conf
}

shows()
{
    systemctl show --value -p "$1" "${2-berthd.service}"
}

main_pid()
{
    shows MainPID
}

is_shown()
{
    case $(shows "$1") in
    $2) return 0 ;;
    esac
    return 1
}

# as UID COMMAND...: berth as another user.
as()
{
    uid=$1
    shift
    timeout 30 setpriv --reuid="$uid" --regid="$uid" --clear-groups berth "$@" 2>&1
}

# The daemon answers; after a kill also the next one. A connection may still go down with the old one.
is_up()
{
    wait_for berth ping
}

balance()
{
    berth ledger.audit 2>&1
}

# row HANDLE FILTER: what jq makes of its row, in one line.
row()
{
    berth ledger.get handle="$1" 2>&1 | jq -c "$2" 2>&1
}

# -- the world ----------------------------------------------------------------------------------------

world_pid=

world_begin()
{
    rm -f to from
    mkfifo to from
    ./world <to >from &
    world_pid=$!
    exec 3>to 4<from
    expect "the world answers" 'ok*' "$(world alive)"
}

# Prints the answer to a command.
world()
{
    echo "$*" >&3
    timeout 60 head -n 1 <&4
}

world_end()
{
    [ -n "$world_pid" ] || return 0
    exec 3>&- 4<&-
    wait "$world_pid"
    world_pid=
}

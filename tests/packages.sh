# packages.sh — the Debian packages that berth needs, and how they come; read by run.sh and by
# client/try.sh. Sourced, not run.
# shellcheck shell=sh disable=SC2034

PACKAGES_TO_BUILD="gcc libc6-dev cmake ninja-build pkg-config libjansson-dev libsystemd-dev
    libinih-dev libsmartcols-dev libncurses-dev libssl-dev uthash-dev"
PACKAGES_TO_TRY="socat jq"
PACKAGES_TO_TEST="$PACKAGES_TO_TRY check curl g++ openssl tmux systemd-container
    dpkg-dev file lintian"

# Prints those of the named packages that are not installed.
packages_missing()
{
    for package in "$@"; do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
        *' installed') ;;
        *) echo "$package" ;;
        esac
    done
}

# Installs what is missing of the named packages: at once when root, else by sudo. The package lists
# are fetched only when those that are there do not do. Ends the script with 2 when it cannot be done.
packages_install()
{
    command -v dpkg-query >/dev/null || {
        echo "This is no Debian: install by hand what these packages hold: $*" >&2
        return 0
    }
    # One word per package from here on.
    # shellcheck disable=SC2046
    set -- $(packages_missing "$@")
    [ $# -gt 0 ] || return 0
    echo "Installing $*"
    if [ "$(id -u)" -eq 0 ]; then
        root=""
    elif command -v sudo >/dev/null; then
        root=sudo
    else
        echo "These packages are missing, and neither root nor sudo is at hand: $*" >&2
        echo "As root: apt-get install --no-install-recommends $*" >&2
        exit 2
    fi
    packages_get install "$@" || { packages_get update && packages_get install "$@"; } || {
        echo "apt-get could not install: $*" >&2
        exit 2
    }
}

packages_get()
{
    # Another apt-get may be at work on a machine that has just started: wait for it.
    $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 \
        -o Dpkg::Use-Pty=0 --no-install-recommends "$@" </dev/null
}

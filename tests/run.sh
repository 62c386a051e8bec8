#!/bin/sh
# run.sh — installs what is missing, builds berth with the sanitizers, runs every test.
set -eu

usage()
{
    cat <<'EOF'
Usage: sh tests/run.sh [--full] [--help]

Installs missing Debian packages (as root or by sudo), builds into build/tests and runs all tests.
Ends with the test runner's count; exit status 0 when every test passed, 1 when one failed, 2 when the
tests could not be built or begun.

  --full   run the long forms of the tests too (sets BERTH_FULL=1)
EOF
}

for option in "$@"; do
    case $option in
    --full) export BERTH_FULL=1 ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        echo "There is no option $option." >&2
        usage >&2
        exit 2
        ;;
    esac
done

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/packages.sh
. "$here/packages.sh"
cd "$here/.."
# Lists of packages are split into words.
# shellcheck disable=SC2086
packages_install $PACKAGES_TO_BUILD $PACKAGES_TO_TEST

{ cmake --preset ci -Wno-dev --log-level=WARNING && cmake --build build/tests -j 2; } || exit 2
ctest --test-dir build/tests -j 2 --output-on-failure --no-tests=error || exit 1

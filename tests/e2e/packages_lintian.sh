#!/bin/sh
# packages_lintian.sh FOLDER — lintian finds no errors and no warnings in the packages that packages.sh has made.
set -eu

command -v lintian >/dev/null || {
    echo "skipped: lintian is not installed"
    exit 77
}
ls "$1"/old/*.deb >/dev/null 2>&1 || {
    echo "skipped: there are no packages in $1/old"
    exit 77
}
# initial-upload-closes-no-bugs is for what goes into Debian itself.
lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$1"/old/*.deb

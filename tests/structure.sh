#!/bin/sh
# structure.sh — holds the tree to its plan: who may include whom, headers that stand alone, names that
# leave the library, documents that are derived. Each check prints what is wrong and where.
set -eu

export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
failed=0

wrong()
{
    echo "$1" >&2
    failed=1
}

# Prints "FILE INCLUDED" for every #include of the tree; a quoted one as a path from the top.
all_includes()
{
    awk '
        /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
            split($0, part, /[<">]/)
            name = part[2]
            folder = FILENAME
            sub(/[^\/]*$/, "", folder)
            if ($0 ~ /"/ && name !~ /\//)
                name = folder name
            print FILENAME, name
        }' proto/*.[ch] daemon/*.[ch] client/*.[ch]
}

# forbid FILES INCLUDED WHY: both extended regular expressions that must match whole words.
forbid()
{
    found=$(awk -v files="^($1)\$" -v included="^($2)\$" '$1 ~ files && $2 ~ included' "$list")
    [ -z "$found" ] || wrong "$3:
$found"
}

# Only the files of $1 may include $2.
only()
{
    found=$(awk -v files="^($1)\$" -v included="^($2)\$" '$1 !~ files && $2 ~ included' "$list")
    [ -z "$found" ] || wrong "$2 is for $1 only:
$found"
}

# Prints the files that stand in a circle or lead into one: again and again those are taken away that include
# nothing that is left.
circles()
{
    awk '
        $2 ~ /^(proto|daemon|client)\// { uses[$1, $2] = 1 }
        END {
            do {
                taken = 0
                split("", busy)
                for (pair in uses) {
                    split(pair, of, SUBSEP)
                    busy[of[1]] = 1
                }
                for (pair in uses) {
                    split(pair, of, SUBSEP)
                    if (!(of[2] in busy)) {
                        delete uses[pair]
                        taken = 1
                    }
                }
            } while (taken)
            for (pair in uses) {
                split(pair, of, SUBSEP)
                print of[1] " -> " of[2]
            }
        }' "$list" | sort
}

check_includes()
{
    list=$(mktemp)
    trap 'rm -f "$list"' EXIT
    all_includes >"$list"
    [ -s "$list" ] || wrong "No #include line was found: the check itself is broken."

    forbid 'proto/.*' '(daemon|client|tests)/.*' "proto/ knows nothing of what stands on it"
    forbid 'daemon/.*' '(client|tests)/.*' "daemon/ never sees client/"
    forbid 'client/.*' '(daemon|tests)/.*' "client/ never sees daemon/"
    forbid 'client/berth\.h' '(client|proto)/.*' "The installed header stands alone"
    forbid '.*' '.*\.c' "A .c file is nobody's header"
    forbid '.*' '.*\.\./.*' "Paths begin at the top of the tree"
    only 'proto/.*' 'jansson\.h'
    only 'daemon/(server|server_clients|server_inside|signals|watchdog)\.[ch]' 'systemd/sd-event\.h'
    only 'client/top_screen\.c' 'curses\.h'
    only 'client/.*' 'libsmartcols(/libsmartcols)?\.h'
    only 'daemon/.*' 'ini\.h'
    only 'daemon/tls[a-z_]*\.[ch]' 'openssl/.*'

    # Others say EPOLLIN and EPOLLOUT; nobody else asks the kernel.
    found=$(grep -nE '\<epoll_[a-z0-9]+ *\(' daemon/*.[ch] client/*.[ch] proto/*.[ch] |
        grep -vE '^(daemon/(wait|keep|pump_thread)|client/waker)\.c:' || true)
    [ -z "$found" ] || wrong "epoll is for daemon/wait.c, keep.c, pump_thread.c and client/waker.c only:
$found"

    found=$(circles)
    [ -z "$found" ] || wrong "These include each other in a circle, or one that does:
$found"
}

# compiles WHAT COMPILER FLAG...: the header $header must compile with nothing before it.
compiles()
{
    what=$1
    shift
    echo "#include \"$header\"" | "$@" -fsyntax-only -Wall -Wextra -Werror -I. - ||
        wrong "$header does not compile alone as $what."
}

check_headers()
{
    for header in proto/*.h daemon/*.h client/*.h; do
        compiles "C" "$1" -x c -std=gnu17 -D_GNU_SOURCE
    done
    header=client/berth.h
    compiles "C99" "$1" -x c -std=c99 -pedantic
    compiles "C++" c++ -x c++ -std=c++11 -pedantic
}

# Prints the functions that client/berth.h declares.
declared()
{
    grep -v '^ *[*/#]' client/berth.h | grep -o '\<berth_[a-z0-9_]*(' | tr -d '(' | sort -u
}

# exported NAMES WHERE: what berth.h declares and nothing else, so nothing that does not begin with berth_.
exported()
{
    differences=$(declared | diff - "$1" | grep '^[<>]' || true)
    [ -z "$differences" ] || wrong "$2 and berth.h differ (<: only declared, >: only exported):
$differences"
}

check_exports()
{
    list=$(mktemp)
    trap 'rm -f "$list"' EXIT
    [ -n "$(declared)" ] || wrong "No function was found in berth.h: the check itself is broken."
    # The sanitizers add names of their own, with two underscores first.
    nm -D --defined-only "$1" |
        awk '$2 != "A" && $3 !~ /^__/ { sub(/@.*/, "", $3); print $3 }' | sort >"$list"
    exported "$list" libberth.so
    nm -g --defined-only "$2" | awk 'NF == 3 && $3 !~ /^__/ { print $3 }' | sort >"$list"
    exported "$list" libberth.a
}

# check_names PROGRAM ARCHIVE...: no name of ours is also a library's that the program is linked with, for then
# one would be called in place of the other.
check_names()
{
    list=$(mktemp)
    trap 'rm -f "$list"' EXIT
    ldd "$1" | awk '$2 == "=>" && $1 !~ /san/ { print $3 }' | xargs nm -D --defined-only |
        awk 'NF == 3 { sub(/@.*/, "", $3); print $3 }' | sort -u >"$list"
    grep -q '^json_' "$list" || wrong "No name of libjansson was found: the check itself is broken."
    shift
    found=$(nm -g --defined-only "$@" | awk 'NF == 3 && $3 !~ /^_/ { print $3 }' | sort -u |
        comm -12 - "$list")
    [ -z "$found" ] || wrong "These names are a library's already:
$found"
}

check_methods_md()
{
    "$1" | diff -u proto/METHODS.md - ||
        wrong "proto/METHODS.md is not what the method table says: build the target update-docs."
}

case ${1-} in
includes) check_includes ;;
headers) check_headers "$2" ;;
exports) check_exports "$2" "$3" ;;
names)
    shift
    check_names "$@"
    ;;
methods_md) check_methods_md "$2" ;;
*) wrong "Usage: structure.sh includes|headers CC|exports SO A|names PROGRAM A...|methods_md PROGRAM" ;;
esac
exit $failed

#!/bin/sh
# packages.sh CMAKE VERSION CC FOLDER — makes the Debian packages as the README says, into FOLDER/old and, with a
# higher version, into FOLDER/new, and looks at what they hold and say. They stay there for container.sh and
# packages_lintian.sh. BERTH_FULL=1 builds them once more in another folder: the same bytes come out.
set -eu

cmake=$1
version=$2
cc=$3
folder=$4
source=$(cd "$(dirname "$0")/../.." && pwd)
# Higher than any that ends where VERSION does.
newer=$version.1
mkdir -p "$folder"
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
n_failed=0

for tool in cpack ar dpkg-deb dpkg-shlibdeps dpkg-gensymbols file strip; do
    command -v $tool >/dev/null || {
        echo "skipped: $tool is not installed"
        exit 77
    }
done

# is WHAT EXPECTED GOT
is()
{
    [ "$2" = "$3" ] || {
        n_failed=$((n_failed + 1))
        printf 'failed: %s\n' "$1"
        printf '%s\n' "$2" >"$work/expected"
        printf '%s\n' "$3" >"$work/got"
        diff -u "$work/expected" "$work/got" || true
    }
}

# build FOLDER VERSION: configures and builds there. Nothing of the folder's name may come into a package.
build()
{
    {
        (cd "$source" && "$cmake" --preset package -B "$1" -Wno-dev "-DCMAKE_C_COMPILER=$cc" \
            "-DBERTH_VERSION=$2" "-DCMAKE_C_FLAGS=-ffile-prefix-map=$source=. -ffile-prefix-map=$1=build") &&
            "$cmake" --build "$1" -j 2
    } >"$work/said" 2>&1 || {
        cat "$work/said"
        exit 1
    }
}

# pack FOLDER PLACE: of the build in FOLDER, into PLACE.
pack()
{
    mkdir -p "$2"
    rm -rf "$2"/*.deb "$2/_CPack_Packages"
    cpack --config "$1/CPackConfig.cmake" -B "$2" >"$work/said" 2>&1 || {
        cat "$work/said"
        exit 1
    }
    rm -rf "$2/_CPack_Packages"
}

# The bytes of the packages in a folder. cpack gives the members of the outermost archive, which nobody ever sees as
# files, modes by the umask; they are left out.
sums()
{
    for package in berth libberth1 libberth-dev; do
        for member in debian-binary control.tar.gz data.tar.xz; do
            echo "$package $member $(ar p "$1/${package}_"*.deb $member | sha256sum)"
        done
    done
}

field()
{
    dpkg-deb -f "$folder/old/$1"_*.deb "$2"
}

# Prints the paths in a package, without folders; links with what they point to.
contents()
{
    dpkg-deb --fsys-tarfile "$folder/old/$1"_*.deb | tar -tv |
        awk '$1 !~ /^d/ { print $1, $2, $6, $7, $8 }' | sed 's/ *$//; s,\./,/,' |
        sed "s,$(dpkg-architecture -qDEB_HOST_MULTIARCH),MULTIARCH,g; s,$version,VERSION,g" | LC_ALL=C sort -k 3
}

rm -rf "$folder/old" "$folder/new"
build "$folder/build-old" "$version"
build "$folder/build-new" "$newer"
pack "$folder/build-old" "$folder/old"
pack "$folder/build-new" "$folder/new"

# -- the same input, the same bytes -------------------------------------------------------------------

(umask 077 && TZ=Pacific/Chatham pack "$folder/build-old" "$work/again")
is "packed twice, by others too, the same bytes" "$(sums "$folder/old")" "$(sums "$work/again")"
if [ -n "${BERTH_FULL-}" ]; then
    build "$work/elsewhere" "$version"
    pack "$work/elsewhere" "$work/third"
    is "built elsewhere, the same bytes" "$(sums "$folder/old")" "$(sums "$work/third")"
fi
for package in "$folder"/old/*.deb; do
    dpkg-deb --fsys-tarfile "$package" >"$work/tar"
    is "$package knows nothing of where it was built" 0 \
        "$(grep -c -a -F -e "$folder" -e "$source/" "$work/tar" || true)"
done

# -- what they hold -----------------------------------------------------------------------------------

is "contents of berth" "$(
    cat <<'END'
-rw-r--r-- root/root /etc/berth/berthd.conf
-rwxr-xr-x root/root /usr/bin/berth
-rwxr-xr-x root/root /usr/bin/berthd
-rw-r--r-- root/root /usr/lib/systemd/system/berthd.service
-rw-r--r-- root/root /usr/lib/systemd/system/berthd.socket
-rw-r--r-- root/root /usr/lib/sysusers.d/berth.conf
-rw-r--r-- root/root /usr/lib/tmpfiles.d/berth.conf
-rw-r--r-- root/root /usr/share/bash-completion/completions/berth
-rw-r--r-- root/root /usr/share/doc/berth/METHODS.md
-rw-r--r-- root/root /usr/share/doc/berth/PROTOCOL.md
-rw-r--r-- root/root /usr/share/doc/berth/changelog.Debian.gz
-rw-r--r-- root/root /usr/share/doc/berth/copyright
-rw-r--r-- root/root /usr/share/man/man1/berth.1.gz
-rw-r--r-- root/root /usr/share/man/man5/berthd.conf.5.gz
-rw-r--r-- root/root /usr/share/man/man8/berthd.8.gz
END
)" "$(contents berth)"
is "contents of libberth1" "$(
    cat <<'END'
lrwxrwxrwx root/root /usr/lib/MULTIARCH/libberth.so.1 -> libberth.so.VERSION
-rw-r--r-- root/root /usr/lib/MULTIARCH/libberth.so.VERSION
-rw-r--r-- root/root /usr/share/doc/libberth1/changelog.Debian.gz
-rw-r--r-- root/root /usr/share/doc/libberth1/copyright
END
)" "$(contents libberth1)"
is "contents of libberth-dev" "$(
    cat <<'END'
-rw-r--r-- root/root /usr/include/berth.h
-rw-r--r-- root/root /usr/lib/MULTIARCH/cmake/berth/berthConfig.cmake
-rw-r--r-- root/root /usr/lib/MULTIARCH/cmake/berth/berthConfigVersion.cmake
-rw-r--r-- root/root /usr/lib/MULTIARCH/cmake/berth/berthTargets-relwithdebinfo.cmake
-rw-r--r-- root/root /usr/lib/MULTIARCH/cmake/berth/berthTargets.cmake
-rw-r--r-- root/root /usr/lib/MULTIARCH/libberth.a
lrwxrwxrwx root/root /usr/lib/MULTIARCH/libberth.so -> libberth.so.1
-rw-r--r-- root/root /usr/lib/MULTIARCH/pkgconfig/berth.pc
-rw-r--r-- root/root /usr/share/doc/libberth-dev/changelog.Debian.gz
-rw-r--r-- root/root /usr/share/doc/libberth-dev/copyright
-rw-r--r-- root/root /usr/share/man/man3/libberth.3.gz
END
)" "$(contents libberth-dev)"

# -- what they say ------------------------------------------------------------------------------------

is "the library is the one that the header is of" "libberth1 (= $version-1)" "$(field libberth-dev Depends)"
for needed in libc6 libjansson4 libsystemd0 systemd-sysusers; do
    is "berth depends on $needed" yes "$(field berth Depends | grep -q "\\b$needed\\b" && echo yes)"
done
is "libberth1 depends on libc6 alone" libc6 "$(field libberth1 Depends | sed 's/ (.*//')"
is "the settings are a conffile" /etc/berth/berthd.conf "$(dpkg-deb -I "$folder"/old/berth_*.deb conffiles)"
is "what links the library will depend on it" "libberth 1 libberth1 (>= $version)" \
    "$(dpkg-deb -I "$folder"/old/libberth1_*.deb shlibs)"
is "by function" "libberth.so.1 libberth1 #MINVER#" \
    "$(dpkg-deb -I "$folder"/old/libberth1_*.deb symbols | head -n 1)"
is "the newer one is newer" yes \
    "$(dpkg --compare-versions "$(dpkg-deb -f "$folder"/new/berth_*.deb Version)" gt "$(field berth Version)" && echo yes)"

dpkg-deb -x "$folder"/old/berth_*.deb "$work/root"
dpkg-deb -x "$folder"/old/libberth1_*.deb "$work/root"
for binary in "$work"/root/usr/bin/* "$work"/root/usr/lib/*/libberth.so.*.*; do
    is "$binary is stripped" yes "$(file -b "$binary" | grep -q ', stripped' && echo yes)"
    is "$binary is bound at once" yes "$(readelf -d "$binary" | grep -q BIND_NOW && echo yes)"
    is "$binary checks its stack" yes "$(readelf -W --dyn-syms "$binary" | grep -q __stack_chk_fail && echo yes)"
    is "$binary checks its copies" yes "$(readelf -W --dyn-syms "$binary" | grep -q '_chk@' && echo yes)"
done
dpkg-deb -x "$folder"/old/libberth-dev_*.deb "$work/root"
PKG_CONFIG_PATH=$(dirname "$work"/root/usr/lib/*/pkgconfig/berth.pc)
export PKG_CONFIG_PATH
# Flags are split into words.
# shellcheck disable=SC2046
"$cc" "$source/client/example.c" -o "$work/example" $(pkg-config --cflags --libs berth)
is "what is linked against libberth-dev needs the file of libberth1" yes \
    "$(readelf -d "$work/example" | grep -q 'NEEDED.*libberth\.so\.1]' && echo yes)"
for page in "$work"/root/usr/share/man/*/*.gz; do
    gzip -t "$page"
done
for script in postinst prerm postrm; do
    dpkg-deb -I "$folder"/old/berth_*.deb $script >"$work/$script"
    sh -n "$work/$script"
done
# A stop empties the store of managers before 254, so an upgrade may only restart.
mkdir "$work/bin"
for tool in deb-systemd-invoke systemctl; do
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho %s "$@" >>"%s/called"\n' $tool "$work" >"$work/bin/$tool"
    chmod +x "$work/bin/$tool"
done
: >"$work/called"
PATH="$work/bin:$PATH" sh "$work/prerm" upgrade 99
is "an upgrade does not stop the daemon" "" "$(cat "$work/called")"

[ $n_failed -eq 0 ] || exit 1
ls "$folder"/old/*.deb "$folder"/new/*.deb

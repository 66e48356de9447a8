#!/bin/sh
# Takes off the root "$1" what a definition does not want and what only says when and where it was made. The root is the
# sandbox's own ("") but in tests. "$2" is the folder with the lists.
set -eu
root=$1
job=$2
newest=@1700000000 # November 2023
age() { # what is mounted at the top is the sandbox's and no part of the root
  find "$root/" -xdev \( -path "$root/dev" -o -path "$root/proc" -o -path "$root/run" -o -path "$root/sys" -o -path "$root/tmp" \) -prune -o \
    -newermt "$newest" -exec touch --no-dereference --date "$newest" {} +
}
set -f # patterns are dpkg's
set -- $(cat "$job/purge")
[ $# -eq 0 ] ||
  set -- $(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status} ${Package}\n' "$@" 2> /dev/null | sed -n 's/^installed //p')
[ $# -eq 0 ] || dpkg --purge --force-depends "$@"
set +f
while read -r pattern; do
  find "$root/" -xdev -depth -path "$root$pattern" -exec rm -rf {} +
done < "$job/remove"
# First the times of sources, then what is compiled of them. Its failure is no failure of the build: packages have files
# that are no Python 3 (templates, tests of parsers), and what is not compiled is compiled when it is imported.
age
if [ -z "$root" ] && [ -x /usr/bin/python3 ]; then
  python3 -m compileall -q -j0 --invalidation-mode unchecked-hash /usr/lib/python3 /usr/lib/python3.* > /dev/null || true
fi
# Of no use without a network and without root, or another one each time.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/* "$root"/var/log/* "$root"/etc/apt/sources.list* \
  "$root"/etc/machine-id "$root"/var/lib/dpkg/*-old "$root"/var/lib/dpkg/lock* "$root"/var/lib/dpkg/triggers/Lock
age

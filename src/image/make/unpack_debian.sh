#!/bin/sh
# The files of a Debian system's essential packages as one tar: what dpkg needs to run in them. No script of any package
# runs, and dpkg installs the same packages afterwards. In a sandbox that sees the packages and one folder to write to.
set -eu
root=/tmp/root
# / and /usr are one, and that has to be so before anything lies in them.
for folder in bin sbin lib lib32 lib64 libx32; do
  mkdir -p "$root/usr/$folder"
  ln -s "usr/$folder" "$root/$folder"
done
umask 022
while read -r package; do # without set-id bits, which no sandbox may set that can write to the host
  dpkg-deb --fsys-tarfile "/brig/packages/$package" |
    tar --directory "$root" --extract --no-same-permissions --keep-directory-symlink --anchored --exclude-from /brig/job/exclude.tar --file -
done < /brig/job/essential
: > "$root/var/lib/dpkg/status"
: > "$root/var/lib/dpkg/available"
tar --create --directory "$root" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --file /brig/out/root.tar .

#!/bin/sh
# Installs packages in the root that is being built, from inside of it: every script of every package runs here and has
# nothing but this root, no network, and the rights of a sandbox. apt's own order is in `steps`.
set -eu
cd /dev/brig/packages
job=/dev/brig/job
# Nobody starts services here.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
# What a crash leaves is thrown away as a whole.
set -- --force-unsafe-io
while read -r pattern; do set -- "$@" "--path-exclude=$pattern"; done < "$job/exclude"
# These need each other before they are there: so all at once.
dpkg "$@" --force-depends --install $(cat "$job/essential")
verb=
words=
flush() {
  case $verb in
    unpack) dpkg "$@" --force-depends --unpack $words ;;
    configure) dpkg "$@" --configure $words ;;
  esac
  words=
}
while read -r next word; do
  if [ "$next" != "$verb" ]; then
    flush "$@"
    verb=$next
  fi
  words="$words $word"
done < "$job/steps"
flush "$@"
dpkg "$@" --configure --pending
rm /usr/sbin/policy-rc.d

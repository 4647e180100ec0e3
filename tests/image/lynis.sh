# What lynis finds in the root file system at TREE, asked from inside of it; ROOT is an empty folder to have it at.
set -eu
tree=$1 root=$2
mount --make-rprivate /
mount --bind "$tree" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
for folder in dev run tmp var/log data; do mount -t tmpfs tmpfs "$root/$folder"; done
mknod -m 666 "$root/dev/null" c 1 3
cp -r /usr/share/lynis "$root/tmp/lynis"
cp /usr/sbin/lynis "$root/tmp/lynis/"
cp /etc/lynis/default.prf "$root/tmp/lynis/"
mkdir -p "$root/tmp/lynis/plugins"
cd /
chroot "$root" /bin/sh -c 'cd /tmp/lynis && sh ./lynis audit system --quick --quiet --no-colors --profile default.prf --plugindir /tmp/lynis/plugins --logfile /tmp/log --report-file /tmp/report' >&2 || true
cat "$root/tmp/report"

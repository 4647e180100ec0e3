# The root file system at TREE, read-only, in namespaces of its own; ROOT is an empty folder to have it at.
# Says what the Telnet and web services answer, and how long the first answer took.
set -eu
tree=$1 root=$2
mount --make-rprivate /
mount --bind "$tree" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
for folder in dev run tmp data; do mount -t tmpfs tmpfs "$root/$folder"; done
mkdir "$root/dev/shm" "$root/data/callisto"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/urandom" c 1 9
chroot "$root" ip link set lo up
cp "$root/usr/share/callisto/callisto.toml" "$root/data/callisto/"
cat > "$root/tmp/probe.py" <<'END'
import socket, time, urllib.request
began = time.monotonic()
while True:
    try:
        with socket.create_connection(("127.0.0.1", 23), timeout=6) as shell:
            said = b""
            while b"Username" not in said and (part := shell.recv(4096)):
                said += part
        break
    except OSError:
        time.sleep(0.02)
print(f"banner {time.monotonic() - began:.2f} s", said, flush=True)
while True:
    try:
        page = urllib.request.urlopen("http://127.0.0.1/login", timeout=6).read()
        break
    except OSError:
        time.sleep(0.02)
print("web", b"password" in page.lower(), flush=True)
END
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ CALLISTO_STATE=/data/callisto
export CALLISTO_CONFIG=/data/callisto/callisto.toml PYTHONUNBUFFERED=1
chroot "$root" callisto run > "$root/tmp/log" 2>&1 &
if ! chroot "$root" timeout 60 /opt/callisto/venv/bin/python -P /tmp/probe.py; then
    cat "$root/tmp/log"
    exit 1
fi

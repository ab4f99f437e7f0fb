# Boots a Debian root as a host: systemd as PID 1 of pid, mount, uts, ipc and cgroup namespaces of its own, in the network
# namespace that it is started in. Arguments: ROOT (read only), LAYER (what this host writes), NAME, CGROUP (a directory of its own).
set -eu
lower=$1 layer=$2 name=$3 cgroup=$4
mkdir -p "$cgroup" "$layer/upper" "$layer/work" "$layer/root"
echo $$ >"$cgroup/cgroup.procs"
export lower layer name
exec unshare --mount --uts --ipc --pid --cgroup --fork --kill-child --propagation private sh -c '
set -eu
root=$layer/root
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$layer/upper,workdir=$layer/work" "$root"
mount -t proc proc "$root/proc"
# As a container would have it: settings of the network are its own, all others those of the machine that runs the tests.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,rw "$root/proc/sys/net"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/lock"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir -p "$root/dev/net"
for device in null zero full random urandom tty net/tun; do
    test -e "/dev/$device" || continue
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
hostname "$name"
# Not chroot: in one, no process may make a user namespace, and hardened units have their own.
mkdir "$root/run/outside"
cd "$root"
pivot_root . run/outside
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb sh -c "
    umount -l /run/outside && rmdir /run/outside
    exec /lib/systemd/systemd --system --log-target=journal-or-kmsg --show-status=false"
'

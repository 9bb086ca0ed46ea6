# Runs one script in a root of its own: private mounts, processes and network; nothing of the machine but its programs,
# and those only to be read. Arguments: folder of the sandbox, folder of the script (in the sandbox), seconds, a folder
# that is seen at /.shell too (or nothing), and what is run.
set -eu

# A folder of the root, for a mount. A script before this one may have left a link there, which is not followed.
place() {
    [ ! -L "$1" ] || rm "$1"
    mkdir -p "$1"
}

# A folder of the machine, to be read only: with what is mounted below it, each by itself.
show() {
    mount --rbind "$1" "$2"
    while read -r _ _ _ _ at _; do
        at=$(printf '%b' "$at")
        case $at in
        "$PWD/$2" | "$PWD/$2"/*) mount -o remount,bind,ro "$at" ;;
        esac
    done </proc/self/mountinfo
}

cd -P "$1"
mount --bind root root
cd root
for part in usr bin sbin lib lib32 lib64 libx32; do
    [ -e "/$part" ] || continue
    if [ -L "/$part" ]; then
        [ -L "$part" ] || cp -P "/$part" "$part"
        continue
    fi
    place "$part"
    if [ "$part" = usr ] && mkdir -p ../upper ../work &&
        (cd .. && mount -t overlay overlay -o lowerdir=/usr,upperdir=upper,workdir=work root/usr) 2>/dev/null; then
        continue
    fi
    show "/$part" "$part"
done
if [ -n "$4" ]; then
    place .shell
    show "$4" .shell
fi
place dev
place proc
place .old
# Not sticky: the machine may forbid to open what others own in a folder for everybody.
mount -t tmpfs -o size=1m,mode=755 tmpfs dev
for device in null zero full random urandom; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mount -t proc proc proc 2>/dev/null || true
pivot_root . .old
# From here on the machine cannot be reached.
umount -l /.old
rmdir /.old
cd "$2"
seconds=$3
shift 4
# Without this capability no mount can be changed: what is to be read only stays so, for namespaces made by the script too.
exec setpriv --inh-caps=-sys_admin --bounding-set=-sys_admin timeout -s KILL "$seconds" "$@"

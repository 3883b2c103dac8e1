# The machines of the lab, from inside its namespaces (contained.sh). Sourced by `serve` and by the stages that boot.
# DIRECTORY/MACHINE.layers names what a machine is made of; DIRECTORY/MACHINE takes what it changes.

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Two hosts and a cable between them. Nothing leads out, and all of it goes with the mount namespace.
networks() {
  mount -t tmpfs tmpfs /run
  ip netns add server
  ip netns add client
  ip -n server link add eth0 type veth peer name eth0 netns client
  ip -n server address add 10.99.0.10/24 dev eth0
  ip -n client address add 10.99.0.11/24 dev eth0
  for host in server client; do
    ip -n "$host" link set lo up
    ip -n "$host" link set eth0 up
  done
}

# overlay DIRECTORY MACHINE: its file system at DIRECTORY/root/MACHINE. Volatile: it is thrown away or, once built,
# written out as a whole.
overlay() {
  mkdir -p "$1/$2" "$1/work/$2" "$1/root/$2"
  mount -t overlay overlay "$1/root/$2" \
    -o "volatile,lowerdir=$(cat "$1/$2.layers"),upperdir=$1/$2,workdir=$1/work/$2"
}

# boot DIRECTORY MACHINE: start it and wait until all that it starts at boot is up.
boot() {
  local state
  container "$1" "$2" "$2" --boot --hostname="$(cat "$1/root/$2/etc/hostname")"
  for _ in $(seq 600); do
    state=$(enter "$1" "$2" systemctl is-system-running 2>/dev/null) || true
    case $state in
    running | degraded) return ;;
    esac
    [ -d "/proc/$(cat "$1/$2.nspawn")" ] || break
    sleep 0.2
  done
  echo "$2 did not boot: ${state:-it is dead}"
  cat "$1/$2.log"
  exit 1
}

# container DIRECTORY MACHINE NETWORK OPTION...: systemd-nspawn in the background. Every machine has a control group of
# its own, or one systemd would wait for the services of the other.
container() {
  local directory=$1 machine=$2 network=$3 leader
  mkdir "$LAB_GROUP/$machine"
  # shellcheck disable=SC2016 # expanded by the inner shell
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 sh -c 'echo $$ >"$0/cgroup.procs" && exec systemd-nspawn "$@"' \
    "$LAB_GROUP/$machine" --directory="$directory/root/$machine" --machine="$machine" --register=no --keep-unit \
    --network-namespace-path="/run/netns/$network" --link-journal=no --resolv-conf=off --timezone=off --console=pipe \
    "${@:4}" </dev/null >"$directory/$machine.log" 2>&1 &
  echo $! >"$directory/$machine.nspawn"
  # The first child of systemd-nspawn only prepares; the machine's first process has a process namespace of its own.
  until [ -s "$directory/$machine.leader" ] || [ ! -d "/proc/$!" ]; do
    sleep 0.1
    for leader in $(pgrep -P $!); do
      [ "$(readlink "/proc/$leader/ns/pid")" = "$(readlink /proc/self/ns/pid)" ] ||
        echo "$leader" >"$directory/$machine.leader"
    done
  done
}

# enter DIRECTORY MACHINE CMD...
enter() {
  "$lab/enter" "$(cat "$1/$2.leader")" "${@:3}"
}

# halt DIRECTORY MACHINE: an orderly shutdown, so that what it wrote can be kept.
halt() {
  kill -s RTMIN+4 "$(cat "$1/$2.leader")"
  wait "$(cat "$1/$2.nspawn")" || true
  rm "$1/$2.leader" "$1/$2.nspawn" "$1/$2.log"
  umount "$1/root/$2"
}

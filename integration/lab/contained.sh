# Processes that leave nothing behind. Each run has process and mount namespaces, which end with their first process,
# and a control group, which says whether any of it is alive and kills all of it at once. Sourced.

# contained DIRECTORY CMD...: become a command that is run so; DIRECTORY names it. For the background.
contained() {
  LAB_GROUP=$(control_group "$1")
  mkdir -p "$1" "$LAB_GROUP"
  export LAB_GROUP
  # shellcheck disable=SC2016 # expanded by the inner shell
  exec setsid sh -c 'echo $$ >"$0/pid" && echo $$ >"$LAB_GROUP/cgroup.procs" &&
    exec unshare --mount --pid --fork --mount-proc --kill-child -- "$@"' "$@"
}

# The first process inside, by which others enter.
first_process() {
  pgrep -P "$(cat "$1/pid")"
}

populated() {
  grep -qs 'populated 1' "$(control_group "$1")/cgroup.events"
}

kill_contained() {
  local group hierarchy
  group=$(control_group "$1")
  [ ! -d "$group" ] || echo 1 >"$group/cgroup.kill"
  # A group can be removed once its last process is gone. systemd-nspawn makes the same in the older hierarchies.
  for hierarchy in $(findmnt -n -o TARGET -t cgroup2,cgroup); do
    hierarchy=$hierarchy/${group##*/}
    while [ -d "$hierarchy" ] && ! find "$hierarchy" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.1; done
  done
}

control_group() {
  local mount
  mount=$(findmnt -n -o TARGET -t cgroup2 | sed -n 1p)
  echo "${mount:?this machine has no cgroup2 file system}/session-recording-lab-$(cksum <<<"$1" | tr ' ' -)"
}

# The stages that the lab is built in. A stage is a directory in stages/ with a script `build`; what it makes is kept
# under a name with a key: the hash of the stage's files, of its `# inputs:` and of the keys that it `# needs:`. Sourced.

# Each after those that it needs.
all_stages() {
  echo package server-root client-root client-root-12 browser-root server installed enrolled enrolled-12 plugin
}

needs() {
  sed -n 's/^# needs: //p' "$lab/stages/$1/build"
}

directory_of() {
  local key=key_${1//-/_}
  echo "$LAB_CACHE/$1-${!key}"
}

# The keys of all stages, once, so that a file that is edited meanwhile does not change what this run speaks of.
take_keys() {
  local stage need
  for stage in $(all_stages); do
    export "key_${stage//-/_}=$(
      {
        cd "$lab/stages/$stage" || exit
        # shellcheck disable=SC2046 # one word an input
        find . $(sed -n 's/^# inputs: //p' build) -type f -not -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum
        for need in $(needs "$stage"); do basename "$(directory_of "$need")"; done
      } | sha256sum | cut -c 1-12
    )"
  done
}

# write_layers DIRECTORY STAGE...: for each machine of these stages a file MACHINE.layers, lowerdir= of its overlay: what
# the stages and those that they need hold of it, newest first.
write_layers() {
  local machine stage layers
  for machine in server client browser; do
    layers=
    for stage in $(with_needs "${@:2}"); do
      [ ! -d "$(directory_of "$stage")/$machine" ] || layers=$layers:$(directory_of "$stage")/$machine
    done
    [ -z "$layers" ] || echo "${layers#:}" >"$1/$machine.layers"
  done
}

with_needs() {
  local stage
  for stage; do
    echo "$stage"
    # shellcheck disable=SC2046 # one word a stage
    with_needs $(needs "$stage")
  done
}

# build STAGE...: build what is missing of them, side by side as far as they do not need each other.
build() {
  local stage job
  trap 'kill $(jobs -p) 2>/dev/null || true; wait; exit 130' INT TERM
  for stage; do
    [ -d "$(directory_of "$stage")" ] || build_one "$stage" &
  done
  for job in $(jobs -p); do
    wait "$job" || { wait; exit 1; }
  done
}

build_one() {
  local directory work=$LAB_CACHE/build/$1 begun need
  trap 'kill $(jobs -p) 2>/dev/null || true; exit 130' TERM
  # shellcheck disable=SC2046 # one word a stage
  build $(needs "$1") &
  wait $! || exit 1
  directory=$(directory_of "$1")
  mkdir -p "$LAB_CACHE/build"
  exec 9>"$work.lock"
  flock 9 &
  wait $!
  [ ! -d "$directory" ] || return 0
  kill_contained "$work"
  rm -rf --one-file-system "$work"
  mkdir -p "$work"
  for need in $(needs "$1"); do export "$(tr a-z- A-Z_ <<<"$need")=$(directory_of "$need")"; done
  # shellcheck disable=SC2046 # one word a stage
  write_layers "$work" $(needs "$1")
  echo "building $1"
  begun=$SECONDS
  trap 'kill_contained "$work"' EXIT
  contained "$work" "$lab/stages/$1/build" "$work" </dev/null >"$work.log" 2>&1 9>&- &
  wait $! || { failed "$work.log" "stage $1 cannot be built"; exit 1; }
  rm -rf --one-file-system "$work"/{root,work,pid,*.layers}
  sync -f "$work"
  mv "$work" "$directory"
  echo "built $1 in $((SECONDS - begun)) s"
}

# What was built with other keys goes, but for what a lab is running on or a stage is just built on.
remove_old() {
  local stage old
  for stage in $(all_stages); do
    for old in "$LAB_CACHE/$stage"-????????????; do
      [ ! -d "$old" ] || [ "$old" = "$(directory_of "$stage")" ] ||
        grep -qsF "$old/" "$LAB_CACHE"/{run,build}/*/*.layers || rm -rf --one-file-system "$old"
    done
  done
}

# A build whose `lab` was killed goes on; nobody holds its lock.
stop_abandoned_builds() {
  local lock
  for lock in "$LAB_CACHE"/build/*.lock; do
    [ -e "$lock" ] || continue
    flock -n "$lock" true || continue
    kill_contained "${lock%.lock}"
    rm -rf --one-file-system "${lock%.lock}"
  done
}

failed() {
  echo "$2; the end of what it said:" >&2
  tail -n 30 "$1" | sed 's/^/  /' >&2
}

# Holds an image, and a container that runs it, to a list of hardening rows; one line each.
#
#   sh docker/check.sh IMAGE CONTAINER    ours
#   sh docker/check.sh CONTAINER          another's: what runs beside ours in the stack, its image aside
#
# The exit code is the number of rows that fail, or 125 where one of the two cannot be looked into.

set -u
cd "$(dirname "$0")/.." || exit 125
case $# in
  1) IMAGE= CONTAINER=$1 ;;
  2) IMAGE=$1 CONTAINER=$2 ;;
  *) sed -n 's/^#   //p' docker/check.sh >&2; exit 125 ;;
esac
[ -z "$IMAGE" ] || docker image inspect "$IMAGE" >/dev/null || exit 125
docker container inspect "$CONTAINER" >/dev/null || exit 125

failed=0
# row ID WHAT FOUND: passes where FOUND is empty, which is to say: nothing against it was found
row() {
  if [ -z "$3" ]; then
    printf '%-4s pass  %s\n' "$1" "$2"
  else
    printf '%-4s FAIL  %s: %s\n' "$1" "$2" "$(printf '%s' "$3" | tr '\n' ' ' | cut -c 1-160)"
    failed=$((failed + 1))
  fi
}

image() { docker image inspect --format "$1" "$IMAGE"; }
container() { docker container inspect --format "$1" "$CONTAINER"; }
inside() { docker exec "$CONTAINER" "$@" 2>/dev/null; }
# try USER COMMAND: in a container of its own that is gone afterwards
try() {
  docker run --rm --network none --user "$1" --entrypoint sh "$IMAGE" -c "$2" 2>/dev/null
}
# matches TEXT PATTERN: TEXT where it does not match, else nothing
matches() { printf '%s\n' "$1" | grep -Eqx -- "$2" || printf '%s' "${1:-nothing}"; }
# lacks TEXT PATTERN…: the patterns that are not in TEXT
lacks() {
  text=$1
  shift
  for pattern; do printf '%s\n' "$text" | grep -Eq -- "$pattern" || printf 'no %s ' "$pattern"; done
}

# A row passes where nothing is found, so looking has to work at all.
[ "$(container '{{.State.Running}}')" = true ] || { echo "$CONTAINER is not running" >&2; exit 125; }
[ "$(inside echo yes)" = yes ] || { echo "cannot look inside" >&2; exit 125; }
[ -z "$IMAGE" ] || [ "$(try 0 'echo yes')" = yes ] || { echo "cannot look inside" >&2; exit 125; }

SECRET='(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|CREDENTIAL|PRIVATE)[A-Z_]*=.|://[^/@ ]*:[^/@ ]+@'
secrets() { grep -E "$SECRET" | grep -Ev '^[A-Z_]*_FILE=' | sed 's/=.*//'; }

context() {
  folder=$(mktemp -d)
  cp docker/Dockerfile.dockerignore "$folder/Dockerfile.dockerignore"
  printf 'FROM scratch\nCOPY . /\n' >"$folder/Dockerfile"
  docker build --quiet --file "$folder/Dockerfile" --output "type=tar,dest=$folder/context.tar" . >/dev/null 2>&1 ||
    echo "cannot be listed"
  tar -tf "$folder/context.tar" 2>/dev/null |
    grep -Ev '^((src|tests|docs|deploy|examples|scripts)(/.*)?|docker/([a-z]+\.(py|sh))?|[A-Z]+(\.ko)?\.md|LICENSE|\.env\.example|poetry\.lock|pyproject\.toml)$'
  tar -tf "$folder/context.tar" 2>/dev/null | grep -E '\.(env|pyc|joblib|pkl)$|__pycache__'
  rm -rf "$folder"
}

mounts() {
  container '{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}} {{.Source}}
{{end}}' | while read -r type to writable from; do
    [ -n "$type" ] || continue
    case "$type $to $writable" in
      "tmpfs "*) ;;
      "volume /var/lib/pilotboat "* | "volume /var/lib/postgresql/data "*) ;;
      "volume "*" false" | "bind /models false" | "bind /run/secrets/"*" false") ;;
      "bind /etc/nginx/"*" false" | "bind /etc/pilotboat false") ;;
      *) echo "$type $from on $to" ;;
    esac
    case $from in / | /etc | /proc | /sys | *docker.sock) echo "$from is the host's own" ;; esac
  done
}

status() { inside cat /proc/1/status; }
# What a process may be called: as the first, or as what asks after its health. Ours are all pilotboat.
server() {
  case $(inside cat /proc/1/comm) in
    postgres) echo 'postgres|pg_isready' ;;
    redis-server) echo 'redis' ;;
    nginx) echo 'nginx|curl' ;;
    *) echo 'pilotboat' ;;
  esac
}

# Of our image alone.
of_image() {
  echo "image $IMAGE"
  row I1 "user is a number, not root" "$(matches "$(image '{{.Config.User}}')" '[1-9][0-9]{3,}(:[0-9]+)?')"
  row I3 "no compiler, pip, downloader" "$(try 0 '
    for tool in cc gcc g++ make pip pip3 poetry curl wget git; do command -v $tool; done
    for module in pip ensurepip poetry; do python -m $module --version >/dev/null 2>&1 && echo $module; done')"
  row I6 "health check without shell or curl" "$(lacks \
    "$(image '{{json .Config.Healthcheck}}')" '"Test":\["CMD","' '"Interval":[1-9]' '"StartPeriod":[1-9]')$(
    image '{{json .Config.Healthcheck}}' | grep -Eo '"(sh|bash|curl|wget)"')"
  row I7 "no package lists left" "$(try 0 'ls /var/lib/apt/lists /var/cache/apt/archives | grep -E "_|\.deb"')"
  row I8 "no setuid or setgid file" "$(try 0 'find / -xdev -type f -perm /6000')"
  row I9 "COPY, never ADD" "$(grep -Ei '^ *ADD ' docker/Dockerfile)"
  row I11 "packages by hash, wheels only" "$(lacks "$(cat docker/Dockerfile)" --require-hashes --only-binary=:all: \
    'poetry check --lock'
    grep -e --requirement docker/Dockerfile | grep -ve '--require-hashes .*--only-binary=:all:')"
  row I12 "nothing that the user could change" "$(try "$(image '{{.Config.User}}')" '
    find / -xdev -writable ! -type l ! -path "/proc/*" ! -path "/sys/*" ! -path "/dev/*" \
      ! -path "/var/lib/pilotboat*" ! \( -type d -perm -1000 \)')"
  row I13 "exec-form entry point is PID 1, SIGTERM" "$(
    matches "$(image '{{json .Config.Entrypoint}} {{.Config.StopSignal}}')" '\["pilotboat"\] SIGTERM'
    matches "$(inside cat /proc/1/comm)" 'pilotboat|gunicorn.*')"
  row I14 "build context is only what is listed" "$(context)"
  row I15 "byte code inside, none written; one thread" "$(lacks "$(image '{{json .Config.Env}}')" \
    '"PYTHONDONTWRITEBYTECODE=1"' '"PYTHONUNBUFFERED=1"' '"OMP_NUM_THREADS=1"' \
    '"OPENBLAS_NUM_THREADS=1"' '"MKL_NUM_THREADS=1"')$(
    try 0 'find /opt/venv -path "*/numpy/__pycache__/*.pyc" | grep -q . || echo no byte code')"
  row I16 "labels say revision, version, licence" "$(lacks "$(image '{{json .Config.Labels}}')" \
    'image.revision":"[0-9a-f]{40}"' 'image.version":"[0-9]+\.' 'image.licenses":"[A-Z]')"
  row I17 "no model inside" "$(try 0 'ls -A /models')"
}

[ -z "$IMAGE" ] || of_image

echo "container $CONTAINER"
row R2 "no capability" "$(status | grep -E '^Cap(Prm|Eff|Bnd|Amb)' | grep -Ev '\s0+$'; lacks "$(status)" CapEff)"
row R3 "not privileged" "$(matches "$(container '{{.HostConfig.Privileged}}')" false)"
row R4 "mounts: read-only, but for what is kept" "$(mounts)"
row R5 "no process but the server's" "$(docker top "$CONTAINER" -eo pid,args | tail -n +2 |
  grep -Ev "$(server)|docker-init")"
row R7 "no namespace of the host's" "$(container '{{with .HostConfig}}{{.NetworkMode}} {{.PidMode}} {{.IpcMode}} {{.UTSMode}} {{.UsernsMode}}{{end}}' |
  grep -Ew 'host|container|shareable')"
row R8 "memory limited, swap too" "$(container '{{with .HostConfig}}{{.Memory}} {{.MemorySwap}}{{end}}' |
  awk '!($1 > 0 && $1 == $2) { print "memory", $1, "swap", $2 }')"
row R9 "processor time limited" "$(container '{{with .HostConfig}}{{.NanoCpus}} {{.CpuQuota}}{{end}}' |
  awk '!($1 > 0 || $2 > 0) { print "no limit" }')"
row R10 "root file system read-only" "$(matches "$(container '{{.HostConfig.ReadonlyRootfs}}')" true
  inside touch /x && echo "/x was written")"
row R11 "/tmp and /dev/shm bounded, nothing runs there" "$(
  lacks "$(inside cat /proc/mounts)" ' /tmp tmpfs [^ ]*noexec[^ ]*size=' ' /tmp tmpfs [^ ]*nosuid,nodev' \
    ' /dev/shm tmpfs [^ ]*noexec[^ ]*size=')"
row R12 "published on a named address only" "$(docker port "$CONTAINER" | grep -E '0\.0\.0\.0|\[::\]')"
row R13 "comes back after a crash" "$(matches "$(container '{{.HostConfig.RestartPolicy.Name}}')" 'unless-stopped|on-failure')"
row R14 "no devices, no shared mounts" "$(container '{{json .HostConfig.Devices}}' | grep -Evx 'null|\[\]'
  container '{{json .Mounts}}' | grep -Eo '"Propagation":"r?shared"')"
row R15 "open files and core dumps limited" "$(lacks "$(inside cat /proc/1/limits)" \
  '^Max open files +4096 +4096' '^Max core file size +0 +0')"
row R16 "system calls filtered" "$(lacks "$(status)" '^Seccomp:\s2$')"
row R18 "no new privileges" "$(lacks "$(status)" '^NoNewPrivs:\s1$')"
row R19 "health is healthy" "$(matches "$(container '{{if .State.Health}}{{.State.Health.Status}}{{end}}')" healthy)"
[ -z "$IMAGE" ] || row R20 "runs the image that was checked" "$(matches "$(container '{{.Image}}')" "$(image '{{.Id}}')")"
row R21 "processes limited" "$(container '{{.HostConfig.PidsLimit}}' | awk '!($1 + 0 > 0 && $1 <= 1024) { print $1 }')"
row R24 "no secret in the environment" "$(container '{{range .Config.Env}}{{.}}
{{end}}' | secrets; inside cat /proc/1/environ | tr '\0' '\n' | secrets)"
row R25 "logs bounded" "$(lacks "$(container '{{json .HostConfig.LogConfig}}')" '"max-size":"[1-9]' '"max-file":"[1-9]')"
row R27 "time to finish when stopped" "$(container '{{.Config.StopTimeout}}' | awk '!($1 + 0 >= 30) { print $1 }')"

echo "$failed failed"
exit $failed

# Where a repository of models is empty: trains the examples and packs them into it, inside IMAGE.
#
#   sh docker/examples.sh IMAGE [MODELS]

set -eu
cd "$(dirname "$0")/.."
image=$1
models=${2:-models}

mkdir -p "$models"
models=$(cd "$models" && pwd)
! ls "$models"/*/*/bundle.json >/dev/null 2>&1 || exit 0

# "example NAME TARGET", a line each, says what there is.
sed -n 's/^example \([a-z]*\) \([a-z]*\)$/\1 \2/p' scripts/examples.sh |
  docker run --rm --interactive --user "$(id -u):$(id -g)" \
    --read-only --tmpfs /tmp --tmpfs /var/lib/pilotboat --network none \
    --cap-drop ALL --security-opt no-new-privileges \
    --volume "$PWD/examples:/examples:ro" --volume "$models:/models" \
    --entrypoint sh "$image" -eu -c '
      while read -r name target; do
        echo "packing $name …"
        python "/examples/$name/train.py" --out "/tmp/$name" >/tmp/log 2>&1 </dev/null &&
          pilotboat pack "/tmp/$name/$name.joblib" --data "/tmp/$name/$name.csv" \
            --target "$target" --name "$name" >>/tmp/log 2>&1 </dev/null ||
          { cat /tmp/log >&2; exit 1; }
      done' || {
  echo "the examples could not be packed into $models: may you write there?" >&2
  exit 1
}

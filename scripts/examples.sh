# Trains the examples and packs them into models/; what is packed already is left alone.

. scripts/steps.sh
sh scripts/install.sh

example() {
  name=$1
  target=$2
  ! ls models/"$name"/*/bundle.json >/dev/null 2>&1 || return 0
  build=examples/$name/build
  step "$name" "training $name" "the log says why" \
    "$VENV/bin/python" "examples/$name/train.py" --out "$build"
  cat ".tools/$name.log"
  step "$name" "packing $name" "the log says why" "$VENV"/bin/pilotboat pack \
    "$build/$name.joblib" --data "$build/$name.csv" --target "$target" \
    --name "$name" --repository models
}

example titanic survived
example diabetes progression
example reviews sentiment

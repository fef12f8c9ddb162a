# From nothing to a served model: installs, trains and packs what is missing, then serves.

. scripts/steps.sh
PORT=${PORT:-8000}
export PILOTBOAT_MODEL="${PILOTBOAT_MODEL:-titanic}"
URL=http://127.0.0.1:$PORT

# Asked first, because the steps in between take minutes, and again, because they do.
python=$(find_python)
"$python" scripts/port.py "$PORT" || exit 1
sh scripts/examples.sh
"$python" scripts/port.py "$PORT" || exit 1

echo
echo "Serving models on $URL until Ctrl-C. Once it is running, from another terminal:"
if [ "$PILOTBOAT_MODEL" = titanic ]; then
  echo "curl -s $URL/predict -H 'Content-Type: application/json' -d '{\"class\":\"1st\",\"sex\":\"female\",\"age\":\"adult\"}'"
else
  echo "curl -s $URL/v1/models/$PILOTBOAT_MODEL"
fi
echo
exec "$VENV"/bin/pilotboat serve models --port "$PORT"

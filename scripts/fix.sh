# Formats, and repairs what the linter can repair.

. scripts/steps.sh
sh scripts/install.sh

"$VENV"/bin/ruff check --fix --quiet || true # what is left is said by `make check`
"$VENV"/bin/ruff format

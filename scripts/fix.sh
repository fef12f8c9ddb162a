# Formats, and repairs what the linter can repair.

. scripts/steps.sh
sh scripts/install.sh

.venv/bin/ruff check --fix --quiet || true # what is left is said by `make check`
.venv/bin/ruff format

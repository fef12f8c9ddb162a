# Removes build products and caches; .venv, .tools and models stay.

. scripts/steps.sh

rm -rf dist htmlcov examples/*/build .coverage .coverage.*
rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
find . -name .venv -prune -o -name .tools -prune -o -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

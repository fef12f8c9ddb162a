# Needs make and Python 3.11 or newer; everything else is fetched into .tools and .venv.
# PORT, PYTHON and ARGS reach the scripts through the environment: make serve PORT=8001

.PHONY: help install serve examples test test-oldest check fix clean distclean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1	/p' Makefile | awk -F '\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

install: ## make .venv from the lock file
	@sh scripts/install.sh

serve: ## serve the examples on http://127.0.0.1:8000 (PORT=8001 for another port)
	@sh scripts/serve.sh

examples: ## train and pack the examples into models/, those not there yet
	@sh scripts/examples.sh

test: ## run the tests and hold the coverage (ARGS="-k name" for a part, without coverage)
	@sh scripts/test.sh

test-oldest: ## run the tests with the oldest versions that pyproject.toml allows
	@sh scripts/test-oldest.sh

check: ## format, lint, types, layers and lock file; changes nothing
	@sh scripts/check.sh

fix: ## format, and repair what the linter can repair
	@sh scripts/fix.sh

clean: ## remove build products and caches
	@sh scripts/clean.sh

distclean: clean ## remove .venv, .tools and models too
	rm -rf .venv .tools models

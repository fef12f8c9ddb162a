# Needs make and Python 3.11 or newer; everything else is fetched into .tools and .venv.
# PORT, PYTHON and ARGS reach the scripts through the environment: make serve PORT=8001

.PHONY: help install serve examples test test-oldest check fix clean distclean \
	build up dev down logs ps shell backup restore push certs key secrets lab bench bench-image test-image test-docker test-faults soak proof

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

proof: ## prove every model of the tests' catalogue and write docs/coverage.md
	@sh scripts/install.sh
	@PILOTBOAT_WRITE_DOCS=1 "$${VENV:-.venv}"/bin/python -m pytest -q tests/compiler/test_coverage.py

check: ## format, lint, types, layers and lock file; changes nothing
	@sh scripts/check.sh

fix: ## format, and repair what the linter can repair
	@sh scripts/fix.sh

build: ## build the image: pilotboat:latest and pilotboat:<version>
	@sh docker/build.sh

up: ## serve models/ in production: nginx with TLS on 8443, a database and a cache
	@sh docker/stack.sh up

dev: ## serve models/ from the source in a container, restarted when it changes, on 8000
	@sh docker/stack.sh dev

down: ## stop what up or dev started; what they keep stays
	@sh docker/stack.sh down

logs: ## follow what the containers say
	@sh docker/stack.sh logs

ps: ## how the containers are
	@sh docker/stack.sh ps

shell: ## a shell in the server's container
	@sh docker/stack.sh shell

backup: ## write what the database holds to backups/<time>.dump
	@sh docker/backup.sh

restore: ## put a backup in its place: make restore FILE=backups/<time>.dump (YES=1: without asking)
	@FILE="$(FILE)" YES="$(YES)" sh docker/restore.sh

push: ## push the image: make push REGISTRY=registry.example.com/team
	@REGISTRY="$(REGISTRY)" sh docker/push.sh

certs: ## write a self-signed pair for trying TLS
	@sh docker/certs.sh

key: ## make an API key for trying what up starts
	@sh docker/keys.sh

secrets: ## make the passwords of the database and the cache
	@sh docker/secrets.sh

bench: ## measure it beside its peers (ARGS="--models lr --rounds 1" for a part)
	@sh scripts/install.sh
	@"$${VENV:-.venv}"/bin/python -m benchmarks $(ARGS)

bench-image: ## size, rebuild, start and stop of the image, beside a tutorial's
	@sh docker/bench.sh

lab: ## the experiments that teach why the image is built this way, as a table
	@python3 docker/lab/lab.py

test-image: ## run the tests inside the image, against what it ships
	@sh docker/test.sh

test-docker: ## the tests of the containers, against a real Docker engine
	@sh scripts/test-docker.sh

test-faults: ## kill, roll, stop and overload real servers under load, and write docs/faults.md
	@sh scripts/test-faults.sh

soak: ## repeat the faults for hours (HOURS=8)
	@HOURS="$${HOURS:-8}" sh scripts/test-faults.sh

clean: ## remove build products and caches
	@sh scripts/clean.sh

distclean: clean ## remove .venv, .tools and models too
	rm -rf .venv .tools models

# What a developer types. Works in a fresh checkout with git, make, python3 (3.11 or later) and python3-venv, as root
# or not, and changes nothing outside the checkout but for this: `make test` and `make bench` as root on Debian
# install the programs that judge us (tests/install-peers), and the lab keeps what it builds below LAB_CACHE.

VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
PLAYER := auditor/web/static/player/VERSION

# The system's own interpreter before one that a version manager starts through a script of its own.
PYTHON ?= $(firstword $(foreach p,/usr/bin/python3 python3,$(shell $p -c 'import sys; sys.version_info >= (3, 11) and print("$p")' 2>/dev/null)))
UV ?= $(firstword $(wildcard $(BIN)/uv) uv)
LOCK := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: ansible-sanity help setup demo test check peers fuzz bench bench-elasticsearch bench-storage bench-login bench-directory bench-audit bench-web soak soak-rsyslog screenshots man lock clean lab lab-stop integration integration-fast rollout deb rpm

help:
	@echo "make demo    record a session, find it, play it"
	@echo "make test    the checks and all tests"
	@echo "make check   ruff, format, mypy"
	@echo "make integration       all tests against a FreeIPA server and a client; needs root. ARGS='-k NAME' for pytest"
	@echo "make rollout           packages, Ansible's roles and modules, on a server and a host of their own; needs root"
	@echo "make integration-fast  those that need its directory server only"
	@echo "make lab     build and start that server and client, see integration/README.md; make lab-stop"
	@echo "make bench   the recorder beside tlog-rec and script; QUICK=1 for a short run"
	@echo "make bench-login      a recorded login beside tlog-rec-session and a bare shell; needs root. QUICK=1"
	@echo "make bench-elasticsearch  a store of a million messages; QUICK=1"
	@echo "make bench-storage    bytes of a recorded hour in Elasticsearch beside tlog's with rsyslog. QUICK=1"
	@echo "make bench-directory  what commands and hosts wait for, in a lab with a thousand policies"
	@echo "make bench-audit      audit records as events beside regular expressions and ausearch. QUICK=1"
	@echo "make soak    50 hosts, 1,000 sessions in half an hour, with faults; needs root. DURATION=300 for five minutes"
	@echo "make soak-rsyslog     rsyslog and Elasticsearch away under load; needs root. OUTAGE=600 for ten minutes each"
	@echo "make fuzz    hostile and generated input for FUZZ_SECONDS a target"
	@echo "make bench-web        the auditor's page in a browser, and its server. QUICK=1"
	@echo "make ansible-sanity   ansible-test's sanity tests of the collection"
	@echo "make screenshots      pictures of the auditor's page into docs/images"
	@echo "make man     man pages into build/man"
	@echo "make deb     Debian packages into build/deb; needs what packaging/debian/control names"
	@echo "make rpm     RPM packages into build/rpm; needs rpmbuild"
	@echo "make setup   $(VENV) from the lock files"
	@echo "make lock    new lock files; needs uv (pip install uv)"
	@echo "make clean   remove what was built"

setup: $(LOCKED) $(PLAYER)

$(LOCKED): requirements/dev.txt pyproject.toml bin/sessrec
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed" >&2; exit 1; }; \
	  $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

# Without it everything but the page's player works, so a machine without a network goes on.
$(PLAYER): auditor/web/frontend/package-lock.json | $(LOCKED)
	@$(BIN)/python auditor/web/frontend/player_files.py || true

demo: setup
	@$(BIN)/python demo/session.py

check: setup
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .
	$(BIN)/mypy --no-error-summary
	$(BIN)/mypy --no-error-summary packaging/install.py

test: peers check
	$(BIN)/pytest

peers:
	@tests/install-peers

# Each target and the property tests for as long as is asked: make fuzz FUZZ_SECONDS=3600
FUZZ_SECONDS ?= 60
FUZZ := $(patsubst tests/fuzz/%.py,%,$(wildcard tests/fuzz/fuzz_*.py))

fuzz: setup
	@for target in $(FUZZ); do echo "$$target"; \
	  $(BIN)/python -m tests.fuzz.$$target --seconds $(FUZZ_SECONDS) || exit 1; done
	@end=$$(( $$(date +%s) + $(FUZZ_SECONDS) )); while [ $$(date +%s) -lt $$end ]; do \
	  HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -k test_prop_ --timeout 0 || exit 1; done

LAB := LAB_PYTHON=$(CURDIR)/$(BIN)/python integration/lab/lab

lab: setup
	@$(LAB) start

lab-stop:
	@$(LAB) stop-all

# A lab of its own, whatever becomes of it; one that is running stays.
integration: export LAB_NAME := integration
integration: setup
	@$(LAB) with $(BIN)/pytest -o testpaths=integration --ignore=integration/rollout --reruns 2 --reruns-delay 20 --rerun-show-tracebacks -rR $(ARGS)

# From nothing to a recorded fleet, on a plain server and a plain host (DEBIAN=12 for one with Debian 12); then packages and
# modules, where there is recording.
rollout: export LAB_NAME := rollout
rollout: setup
	@LAB_STAGE=enrolled$(if $(DEBIAN),-$(DEBIAN)) $(LAB) with $(BIN)/pytest -o testpaths=integration/rollout/test_rollout.py $(ARGS)
	@$(LAB) with $(BIN)/pytest -o testpaths=integration/rollout --ignore=integration/rollout/test_rollout.py $(ARGS)

integration-fast: setup
	@$(LAB) directory python3 -m pytest -q -p no:cacheprovider -W ignore::DeprecationWarning directory $(ARGS)

bench: setup peers
	$(BIN)/python -m benchmarks.recorder.run $(if $(QUICK),--quick)

bench-login: setup peers
	$(BIN)/python -m benchmarks.login.run $(if $(QUICK),--quick)

bench-elasticsearch: setup peers
	$(BIN)/python -m benchmarks.elasticsearch.run $(if $(QUICK),--quick) $(ARGS)

bench-storage: setup peers
	$(BIN)/python -m benchmarks.storage.run $(if $(QUICK),--quick)

bench-directory: setup
	$(BIN)/python -m benchmarks.directory.run

bench-audit: setup peers
	$(BIN)/python -m benchmarks.audit.run $(if $(QUICK),--quick)

bench-web: setup peers
	$(BIN)/python -m benchmarks.web.run $(if $(QUICK),--quick) $(ARGS)

# A lab of its own, whatever becomes of it. ARGS='--lab NAME' for one that runs, '--local' for none.
soak: setup peers
	$(BIN)/python -m benchmarks.soak.run $(if $(DURATION),--seconds $(DURATION)) $(ARGS)

soak-rsyslog: setup peers
	$(BIN)/python -m benchmarks.log_servers.run $(if $(OUTAGE),--outage $(OUTAGE))

screenshots: setup peers
	$(BIN)/python -m tests.web.screenshots docs/images

ansible-sanity: setup
	$(BIN)/python -m tests.ansible_sanity $(ARGS)

man: setup
	$(BIN)/python -m docs.man build/man

deb:
	@packaging/build-deb build/deb

rpm:
	@packaging/build-rpm build/rpm

lock:
	$(LOCK) -o requirements/runtime.txt pyproject.toml
	$(LOCK) -o requirements/elasticsearch.txt --extra elasticsearch pyproject.toml
	$(LOCK) -o requirements/web.txt --extra web pyproject.toml
	$(LOCK) -o requirements/dev.txt --extra elasticsearch --extra web --group dev pyproject.toml
	$(LOCK) --no-deps -o requirements/lab.txt requirements/lab.in
	$(LOCK) --no-deps -o requirements/node.txt requirements/node.in

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .demo
	find . -name __pycache__ -not -path './$(VENV)/*' -exec rm -rf {} +

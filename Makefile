# Callisto. `make help` lists the goals; what they do before they start is in .make/.
PYTHON ?= python3
SETUP := @$(PYTHON) .make
BIN := .venv/bin
ARGS ?=
MINUTES ?= 30
KERNEL ?= generic

.PHONY: help run demo test check engine image repro flash test-image bench soak lock clean
.DEFAULT_GOAL := help

help:
	@echo "make run      start the appliance here, on a store in ./var (settings: callisto.toml)"
	@echo "make demo     start it beside simulated phones and place three calls"
	@echo "make engine   build the SIP engine for 2048 call legs, once for this machine"
	@echo "make test     run the tests                     (ARGS='-k hunting' passes options to pytest)"
	@echo "make check    everything that CI checks: lint, types, layers, packaging, tests with coverage"
	@echo "make image    the appliance as a disk and as an update, in ./build/image   (KERNEL=generic or cloud, ARGS=--fast)"
	@echo "make repro    build it twice from nothing: is it the same, byte for byte?"
	@echo "make flash    write it to a disk: DEVICE=/dev/sdb             (IMAGE=FILE for another than the last one built)"
	@echo "make test-image  start the image in virtual machines and use it"
	@echo "make bench    measure it beside others, into docs/benchmarks.md   (ARGS=--memory, --overload, --trace, --shell, --compact, --backup, --store, --flash, --image)"
	@echo "make soak     mixed calls for MINUTES=30, and then: is anything left of them?"
	@echo "make lock     lock the newest Python packages within the ranges of setup.cfg"
	@echo "make clean    remove what these goals made here; ./var stays"
	@echo "PYTHON=python3.12 chooses the interpreter (3.11 or 3.12)."

run:
	$(SETUP) run
	@exec $(BIN)/callisto run $(ARGS)

demo:
	$(SETUP) demo
	@exec $(BIN)/python -P -m appliance.demo $(ARGS)

test:
	$(SETUP) test
	@exec $(BIN)/python -P -m pytest -n auto $(ARGS)

check:
	$(SETUP) check

engine:
	$(SETUP) engine

bench:
	$(SETUP) bench
	@exec $(BIN)/python -P -m tests.bench $(ARGS)

soak:
	$(SETUP) soak
	@exec $(BIN)/python -P -m tests.nightly --minutes $(MINUTES) $(ARGS)

image:
	$(SETUP) image
	@exec $(BIN)/python -P -m firmware.build image --kernel $(KERNEL) $(ARGS)

repro:
	$(SETUP) image
	@exec $(BIN)/python -P -m firmware.build repro --kernel $(KERNEL) $(ARGS)

IMAGE ?= $(lastword $(sort $(wildcard build/image/*.img.zst)))
flash:
	@test -n "$(DEVICE)" || { echo "name the disk: make flash DEVICE=/dev/sdb; lsblk lists them" >&2; exit 2; }
	@test -n "$(IMAGE)" || { echo "there is no image: make image builds one, IMAGE=FILE names another" >&2; exit 2; }
	$(SETUP) run
	@exec $(BIN)/callisto flash --keyring $(dir $(IMAGE))keyring.pem $(IMAGE) $(DEVICE) $(ARGS)

test-image:
	$(SETUP) test-image
	@exec $(BIN)/python -P -m pytest tests/image -m image $(ARGS)

lock:
	$(SETUP) lock

clean:
	rm -rf .venv .venv-3.12 build dist *.egg-info .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

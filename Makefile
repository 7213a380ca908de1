# The commands of the course. `make` alone lists them.
# GNU make 3.81 (macOS) or newer.

PYTHON ?= python3
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)

# Each Python has an environment of its own: .venv, .venv-python3.12 ...
NAMED := $(filter-out python3,$(PYTHON))
VENV := .venv$(if $(NAMED),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
READY := $(VENV)/rnns-unrolled.json
PAGE := _build/html/index.html
PORT ?= 8000

# What `make test` runs: another engine can change only what asks for one, and another
# Python only what computes. The beginnings of the recorded results are computed again
# where the engine changes. AND asks for less: AND="not records". The marks stand in
# pyproject.toml.
MARKS ?= $(if $(ENGINE),engine,not records) and $(if $(NAMED),python and )$(if $(AND),$(AND) and )$(USUAL)
USUAL := not slow and not browser and not network and not nightly
TEST := $(if $(ENGINE),RNN_ENGINE=$(ENGINE)) \
        $(BIN)/python -m pytest -n $(JOBS) --nbval --nbval-current-env \
        --nbval-cell-timeout 300 tests book
MUTATION := _build/mutation/cosmic-ray-8.7.0

.PHONY: help
help: ## list these commands
	@echo "RNNs, Unrolled. The commands, each of which makes the environment first:"
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | \
	  awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo "With another Python: make test PYTHON=python3.12"

.PHONY: environment
environment: $(READY) ## make the environment, and nothing else

.PHONY: book
book: $(READY) ## render the book
	@$(BIN)/python -m helpers.press.rendering
	@echo "The book: file://$(CURDIR)/$(PAGE) (or with full search: make serve)"

.PHONY: pdf
pdf: $(READY) ## print the whole book as a PDF (needs Chromium)
	@$(BIN)/python -m helpers.press.pdf

.PHONY: test
test: $(READY) ## run the tests and every chapter (ENGINE=numba: on that engine)
	@$(TEST) -m "$(MARKS)"

.PHONY: test-all
test-all: test ## and the tests that are slow, need a browser or a package index
	@$(TEST) -m "slow or records or browser or network or nightly"

.PHONY: mutants
mutants: $(READY) ## plant 300 mistakes: do the tests see them? (SAMPLE=50 MODULES="lm/model")
	@# Without what it depends on, which the environment has or only its command needs.
	@test -d $(MUTATION) || $(BIN)/python -m pip install --quiet --no-deps \
	  --target $(MUTATION) cosmic-ray==8.7.0 stevedore==5.10.0
	@PYTHONPATH=$(MUTATION) $(BIN)/python tests/mutation.py --jobs $(JOBS) \
	  $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(MODULES),--modules $(MODULES))

.PHONY: wrong-answers
wrong-answers: $(READY) ## give wrong answers to the checks of the exercises (CHECKS="ch01")
	@$(BIN)/python tests/check_mutants.py --jobs $(JOBS) $(CHECKS)

.PHONY: execute
execute: $(READY) ## run every chapter live, refresh its outputs (CHAPTER=03: that one)
	@$(BIN)/python -m helpers.press.notebooks execute $(if $(CHAPTER),--chapter $(CHAPTER))

.PHONY: times
times: $(READY) ## measure the seconds and memory that a chapter takes (CHAPTER=03)
	@$(BIN)/python -m helpers.press.notebooks time $(if $(CHAPTER),--chapter $(CHAPTER))

.PHONY: bench
bench: $(READY) ## time the networks on every engine, an hour (QUICK=1: some minutes)
	@$(BIN)/python -m helpers.bench $(if $(QUICK),--quick)

.PHONY: lab
lab: $(READY) ## open the chapters in JupyterLab
	@$(BIN)/python -m jupyterlab --config=book/jupyter_lab_config.py

.PHONY: serve
serve: book ## show the book at a local address (PORT=8000)
	@$(BIN)/python -m helpers.press.serving "$(PORT)"

.PHONY: class
class: book ## make dist/: editions for students and teachers, an offline kit
	@$(BIN)/python -m helpers.press.editions

.PHONY: diff
diff: $(READY) ## show what has changed, notebooks as text (AGAINST=main)
	@git -c diff.ipynb.textconv="$(BIN)/jupytext --to py:percent --output -" \
	  diff $(AGAINST)

.PHONY: clean
clean: ## remove the book, the editions, the environments and all caches
	@rm -rf _build dist .venv .venv-* *.egg-info .pytest_cache .ruff_cache .hypothesis

.PHONY: lock
lock: $(READY) ## write requirements.lock from requirements.txt
	@$(BIN)/python -m pip install --quiet --upgrade --target _build/uv uv
	@_build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
	  --annotation-style line --custom-compile-command "make lock" \
	  requirements.txt --output-file requirements.lock

.PHONY: repository
repository: $(READY) ## write the public address into the notebooks (REPOSITORY=https://...)
	@test -n "$(REPOSITORY)" || { \
	  echo "Name it: make repository REPOSITORY=https://github.com/OWNER/NAME" >&2; exit 1; }
	@$(BIN)/python -m helpers.press.notebooks repository "$(REPOSITORY)"

# Always asked, since it looks at contents; where nothing is to be done it leaves the
# file as it was, and nothing that depends on it is made again. A pyenv command whose
# version is not switched on is asked for by its number.
.PHONY: FORCE
FORCE:
# It tells what an interrupted installation has left; make would delete it then.
.PRECIOUS: $(READY)
$(READY): FORCE
	@if ! $(PYTHON) -c "" 2>/dev/null && command -v pyenv >/dev/null; then \
	  PYENV_VERSION=$$(pyenv latest $(subst python,,$(notdir $(PYTHON))) 2>/dev/null); \
	  export PYENV_VERSION; \
	fi; \
	if ! $(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 6))" 2>/dev/null; then \
	  echo "'$(PYTHON)' does not run a Python 3. Install Python 3.11 to 3.14," \
	    "or name another one: make book PYTHON=python3.12" >&2; exit 1; \
	fi; \
	$(PYTHON) helpers/environment.py $(VENV)

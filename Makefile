# make lab: read and run the chapters.  make test: check everything.  make help: the rest.
# Each does its own set-up first, in .venv, and needs only Python 3.11 to 3.14. Another Python: make test PYTHON=python3.12

.DEFAULT_GOAL := help
.PHONY: help setup check workbook lab progress lint test proof refresh bench site site-test hub hub-test hub-setup lock clean
.SUFFIXES:

ifdef PYTHON
  SETUP := tools/setup_venv.py --this-python
else
  # The first that will do, or else the first that runs: it says why it will not do. Some systems have a `python3` that
  # only opens a shop window, and an installation from python.org on Windows may have nothing but `py`.
  CANDIDATES := python3 python py python3.14 python3.13 python3.12 python3.11
  PYTHON := $(shell for p in $(CANDIDATES); do \
    "$$p" tools/setup_venv.py --will-do >/dev/null 2>&1 && echo "$$p" && exit; done; \
    for p in $(CANDIDATES); do "$$p" -c "" >/dev/null 2>&1 && echo "$$p" && exit; done)
  SETUP := tools/setup_venv.py
endif
ifeq ($(OS),Windows_NT)
  RUN := .venv/Scripts/python.exe
  UV := .venv/Scripts/uv.exe
else
  RUN := .venv/bin/python
  UV := .venv/bin/uv
endif

NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
CHAPTERS := $(NOTEBOOKS)
TESTS := notebooks tests
ARGS :=

# The outputs are the same whatever profile, start-up files or kernels this user has of their own.
export IPYTHONDIR := $(CURDIR)/.venv/ipython
export JUPYTER_PREFER_ENV_PATH := 1

help:
	@echo "make lab       open your own copy of the chapters, workbook/, in JupyterLab"
	@echo "make check     say whether this machine is ready for a workshop, or what is missing"
	@echo "make workbook  make or update that copy, for another editor; what you changed in it stays"
	@echo "make progress  show which exercises are done in it (ARGS=\"FOLDER...\" for a whole class)"
	@echo "make lint      check style and types"
	@echo "make test      run all tests, and all chapters against their stored outputs (TESTS=... for some)"
	@echo "make proof     run the tests that take longer"
	@echo "make refresh   run all chapters from fresh kernels and store their outputs (CHAPTERS=... for some)"
	@echo "make bench     run the benchmarks"
	@echo "make site      make the site of the chapters from their stored outputs, in build/site/html"
	@echo "make site-test make the site and walk through it in a browser"
	@echo "make hub       try the classroom for people who have only a browser (hub/README.md)"
	@echo "make hub-test  start the classroom, let two learners work in it, and stop it"
	@echo "make lock      make the locks again from pyproject.toml (ARGS=--upgrade for newer versions)"
	@echo "make clean     remove .venv and what runs leave behind"

setup:
	@test -n "$(PYTHON)" || { echo "No Python was found: install Python 3.11 to 3.14, or name one with make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" $(SETUP)

check: setup
	@$(RUN) tools/check_machine.py

workbook: setup
	@$(RUN) tools/workbook.py

lab: workbook
	@echo "JupyterLab opens in your browser; if it does not, open the address below. Ctrl-C here ends it."
	@$(RUN) -m jupyterlab --allow-root --log-level=ERROR --LabApp.log_level=ERROR \
	  --ServerApp.ip=127.0.0.1 --ServerApp.port=0 --ServerApp.answer_yes=True \
	  --LabApp.default_url=/lab/tree/workbook/$(notdir $(firstword $(NOTEBOOKS))) $(ARGS)

progress: workbook
	@$(RUN) -m helpers progress $(ARGS)

lint: setup
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy

test: setup
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -p no:benchmark -m "not proof" \
	  --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg $(TESTS) $(ARGS)

proof: setup
	$(RUN) -m pytest -n 2 --dist load -p no:benchmark -m proof \
	  -o "norecursedirs=.* benchmarks docs hub" tests $(ARGS)

refresh: setup
	$(RUN) tools/refresh.py $(CHAPTERS)

bench: setup
	$(RUN) -m pytest -p no:xdist tests/benchmarks $(ARGS)

# The site's own packages are beside the lab's, where nothing else looks: Sphinx and twine want different docutils.
SITE_PACKAGES := --no-deps --require-hashes --target .venv/site -r requirements-site.txt
site: setup
	@cmp -s requirements-site.txt .venv/site/made-from || { rm -rf .venv/site && \
	  { $(UV) pip install --python $(RUN) --quiet --compile-bytecode $(SITE_PACKAGES) || \
	    $(RUN) -I -m pip --quiet --disable-pip-version-check install --upgrade $(SITE_PACKAGES); } && \
	  cp requirements-site.txt .venv/site/made-from; }
	@rm -rf build/site
	@mkdir -p build/site/source/notebooks
	@cp docs/*.md docs/*.svg build/site/source
	@cp $(NOTEBOOKS) build/site/source/notebooks
	PYTHONPATH=.venv/site $(RUN) -m sphinx --quiet --fail-on-warning --keep-going -c docs \
	  --doctree-dir build/site/doctrees build/site/source build/site/html
	$(RUN) docs/check.py build/site/html
	@echo "The site: build/site/html/index.html"

site-test: site
	$(RUN) -m pytest -p no:xdist -p no:benchmark -p no:nbval tests/docs $(ARGS)

# The classroom's own packages, from its own locks, and the proxy in front of it.
hub-setup: setup
	@cmp -s hub/requirements.txt hub/.venv/made-from || { rm -rf hub/.venv && $(RUN) -m venv --without-pip hub/.venv && \
	  $(UV) pip install --python hub/.venv/bin/python --quiet --compile-bytecode --no-deps --require-hashes \
	  -r hub/requirements.txt && cp hub/requirements.txt hub/.venv/made-from; }
	@cmp -s hub/package-lock.json hub/node_modules/made-from || { PATH="$(CURDIR)/hub/.venv/bin:$$PATH" \
	  npm --prefix hub ci --silent --ignore-scripts && cp hub/package-lock.json hub/node_modules/made-from; }

hub: hub-setup
	@$(RUN) hub/trial.py

hub-test: hub-setup
	$(RUN) -m pytest -p no:xdist -p no:benchmark -p no:nbval tests/hub $(ARGS)

lock: setup
	$(UV) pip compile --quiet --universal --fork-strategy fewest --generate-hashes --python-version 3.11 --no-header \
	  $(ARGS) --extra lab --output-file requirements.txt pyproject.toml
	echo "uv==0.9.13" | $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	  --no-annotate --output-file requirements-uv-0.9.13.txt -
	$(UV) pip compile --quiet --universal --fork-strategy fewest --generate-hashes --python-version 3.11 --no-header \
	  --no-annotate --no-emit-package playwright --no-emit-package greenlet --no-emit-package pyee \
	  $(ARGS) --output-file requirements-site.txt requirements-site.in
	$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
	  --override hub/overrides.txt $(ARGS) --output-file hub/requirements.txt hub/requirements.in
	$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.13 --no-header --no-annotate \
	  --override hub/overrides.txt $(ARGS) --output-file hub/k8s/requirements.txt hub/k8s/requirements.in

clean:
	rm -rf .venv hub/.venv hub/node_modules build .pytest_cache .hypothesis .benchmarks .mypy_cache .ruff_cache notebooks/.ipynb_checkpoints

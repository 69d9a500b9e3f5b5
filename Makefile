# make demo       set up, then discover units in built-in speech and in built-in handwriting, and report on them
# make test       set up, then run the tests
# make test-all   ... the slow ones too
# make test-matrix  the tests in every surrounding that matters, one after the other: docs/test-matrix.md; ROWS="names"
# make test-crash  commands killed, or refused by the disk, where they change files, and run again: docs/trust.md; POINTS=10
# make fuzz       what reads files of others, fed with garbage for so many seconds: docs/trust.md; TIME=60
# make fuzz-guided  the same, chosen by which code an input reaches (needs atheris); TIME=600
# make fuzz-corpora  faults planted in whole corpora, each of which somebody must name: docs/trust.md; CORPORA=200
# make gallery    every kind of page there is, of the built-in corpora, behind one: exp/gallery/index.html
# make lint       style
# make docs       the documentation as a site, build/site/index.html
# make clean      remove what the above made (models and data too)

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
INSTALLED_DOCS := .venv/installed-docs
# On several processors, each file of tests on one of them, where pytest-xdist is installed.
PARALLEL = $(shell $(BIN)/python -c "import xdist" 2>/dev/null && \
	printf '%s' '-n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder')

.PHONY: demo gallery test test-all test-matrix test-crash fuzz fuzz-guided fuzz-corpora lint docs clean setup

demo: $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" recipes/mini_speech/run.sh
	PATH="$(CURDIR)/$(BIN):$$PATH" recipes/mini_handwriting/run.sh

gallery: $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" recipes/gallery/run.sh

test: $(INSTALLED)
	$(BIN)/python -m pytest $(PARALLEL)

test-all: $(INSTALLED)
	$(BIN)/python -m pytest -m "" $(PARALLEL)

test-matrix: $(INSTALLED)
	$(BIN)/python tests/matrix.py --pytest="$(PARALLEL)" $(ROWS)

test-crash: $(INSTALLED)
	$(BIN)/python tests/crash/killed.py --points $(or $(POINTS),10)

fuzz: $(INSTALLED)
	$(BIN)/python tests/fuzz/garbage.py --seconds $(or $(TIME),60)

fuzz-guided: $(INSTALLED)
	@$(BIN)/python -c "import atheris" 2> /dev/null || { echo "needs atheris: $(BIN)/pip install atheris"; exit 1; }
	$(BIN)/python tests/fuzz/guided.py --seconds $(or $(TIME),600)

fuzz-corpora: $(INSTALLED)
	$(BIN)/python tests/fuzz/corpora.py --corpora $(or $(CORPORA),200)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(INSTALLED_DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

setup: $(INSTALLED)

# Made once and reused; made again when the dependencies change.
$(INSTALLED): setup.py pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[demo,dev]"
	touch $@

$(INSTALLED_DOCS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	touch $@

clean:
	rm -rf .venv build dist *.egg-info exp data .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

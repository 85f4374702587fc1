# book · test · serve · results · tune · bench · lint · clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONWARNINGS = ignore::FutureWarning
SITE := book/_build/html/index.html

.PHONY: book test colab serve results tune bench lint clean browser

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt torch
	$(PIP) install -q -c constraints.txt -e '.[book]'
	$(PIP) install -q -c constraints.txt -e '.[offline]' || \
	  echo 'The embedded model could not be installed: the book is built from stored results alone.'
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) install -q -c constraints.txt -e '.[test,tuning,annotate]'
	touch $@

book: $(VENV)/installed
	$(BIN)/python tests/site/build.py
	@echo 'The book is built: open $(SITE), or run `make serve`.'

serve: book
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory book/_build/html 8000

browser:
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  $(BIN)/python -m playwright install --with-deps chromium || \
	  echo 'No browser could be installed: the browser tests will fail.'

test: $(VENV)/installed-test browser
	$(BIN)/python -m pytest -n 2 --dist loadgroup

COLAB := .venv-colab
colab: $(VENV)/installed-test  # chapters in an environment that holds what the wheel asks for, no more
	test -x $(COLAB)/bin/python || \
	  $$(command -v python3.12 || command -v $(PYTHON)) -m venv $(COLAB)
	$(COLAB)/bin/python -m pip install -q -c constraints.txt ipython '.[offline]'
	$(COLAB)/bin/python -m pip uninstall -q -y instruction-shift
	COLAB_PYTHON=$(COLAB)/bin/python $(BIN)/python -m pytest tests/book/test_colab.py

results: $(VENV)/installed
	$(BIN)/python -m helpers compute --pair gemma-3-270m

tune: $(VENV)/installed  # the book's own tuning, from data/tuning: goes on where it stopped
	$(PIP) install -q -c constraints.txt -e '.[tuning]'
	$(BIN)/python -m helpers tune

bench: $(VENV)/installed  # benchmarks/large needs more memory or time: run its files by hand
	$(PIP) install -q -c constraints.txt -e '.[bench]'
	missed=; for file in benchmarks/*.py; do $(BIN)/python $$file || missed="$$missed $$file"; done; \
	  test -z "$$missed" || { echo "Marks were missed in:$$missed"; exit 1; }

lint: $(VENV)/installed
	$(PIP) install -q -c constraints.txt ruff
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:
	rm -rf book/_build

# The project's commands; `make demo` and `make test` are where to begin.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test test-browser test-tflite docs audit-dependencies check format clean

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Regraft needs Python 3.11 or newer; choose one with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable ".[demo,dev]"
	touch $@

demo: install
	$(BIN)/python examples/solar_cells.py

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# Needs Debian's chromium, which is installed where apt-get may do it; the tests are skipped where it is missing.
test-browser: install
	command -v chromium > /dev/null || { apt-get update && apt-get install --yes chromium; } || sudo apt-get install --yes chromium
	$(BIN)/pip install --quiet --editable ".[demo,dev,browser]"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n0 -m browser

# The converter to TensorFlow Lite brings JAX with it, some 800 MB; without it these tests are skipped.
test-tflite: install
	$(BIN)/pip install --quiet --editable ".[demo,dev,tflite]"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n0 tests/export tests/cli/test_export.py -k tflite

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Asks osv.dev about each installed package, builds such as +cpu by their release; fails where a fault is known, or none can be asked for.
audit-dependencies: install
	$(BIN)/pip list --format freeze --exclude-editable > .venv/packages.txt
	sed 's/+[^+]*$$//' .venv/packages.txt > .venv/audited.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off --vulnerability-service osv -r .venv/audited.txt

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache

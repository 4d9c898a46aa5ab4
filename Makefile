# Two commands set everything up on a machine with Python 3.11 or newer and make:
#   make bench   environment, install, the main job on the embedded data, tables
#   make test    environment, install, lint, types, tests; then the passes for other processors, Pythons and versions
# and one measures speed, on cores that do nothing else:
#   make benchmark    every stage against its peer and the machine's limit, in about 25 minutes
# and one draws the rooms of the code from its imports, for docs/architecture.md:
#   make docs
# and one the pictures of README and docs, from the reference results:
#   make pictures

# A path, or a name such as python3.12; without one the newest that is there and fits (`sh tools/pythons` lists them).
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
PROFILE ?= quick
# Not results/: that folder holds the reference results, and a run there would find nothing left to do.
RESULTS ?= runs
# The main job; 'all' takes every attack, control and filter.
ATTACKS ?= cama
# Those that are there, the newest first, each in quotes: a path may have spaces. They are looked for once, if at all.
PYTHONS = $(eval PYTHONS := $$(shell sh tools/pythons | cut -d ' ' -f 2- | sed "s/'/'\\\\''/g; s/.*/'&'/"))$(PYTHONS)
# Other Pythons that the fast tests run under, each in an environment of its own (.venv-3.12, several GB);
# `make test OTHERS=` leaves them out.
OTHERS ?= $(PYTHONS)
# `make test KEEP=no` removes each of these environments after its pass: for a machine with little space.
KEEP ?=
# The lowest torch that pyproject.toml allows: the last of these passes takes it.
LOWEST_TORCH := $(shell sed -n 's/^ *"torch>=\([0-9.]*\)",$$/\1/p' pyproject.toml)
# Not compiled at once: most modules of torch and its company are never imported, and take a minute.
PIP := -m pip install --quiet --disable-pip-version-check --no-compile
# An environment may hold this package as benchbench, or PyPI's of that name, another project's: both stand in the way.
FORMER := -m pip uninstall --quiet --yes benchbench
# Tests start many processes, and each would compile all sources again.
unexport PYTHONDONTWRITEBYTECODE
# Three processes for two cores: many tests wait, for processes of their own or for a limit of time.
PYTEST := -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: bench benchmark docs pictures test about lint types tests tests-avx2 tests-others others clean asked

bench: $(VENV)/.installed
	$(BIN)/bench run --attack '$(ATTACKS)' --targets all --profile $(PROFILE) --results $(RESULTS) --pictures

# Lint and types beside the installs of other Pythons' environments; then a pass at a time, each on all cores.
test: about lint types others tests tests-avx2 tests-others
ifneq ($(filter test,$(MAKECMDGOALS)),)
MAKEFLAGS += -j2
tests: | about lint types others
tests-avx2: | tests
tests-others: | tests-avx2
endif

# Python, versions, commit, processor, accelerator: what a failure may hang on.
about: $(VENV)/.installed-dev
	@$(BIN)/bench doctor | sed -n 1,5p

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

types: $(VENV)/.installed-dev
	$(BIN)/mypy

tests: $(VENV)/.installed-dev
	$(BIN)/python $(PYTEST)

# What a processor without AVX512 computes with: other kernels, other faults. Pictures and tables do not hang on them.
tests-avx2: $(VENV)/.installed-dev
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 $(BIN)/python $(PYTEST) -k 'not (test_end_to_end and (pictures or tables))' \
	    tests/test_end_to_end.py tests/forensics tests/learn

tests-others: $(VENV)/.installed-dev
	@PYTHON='$(BIN)/python' PIP='$(PIP)' PYTEST='$(PYTEST)' KEEP='$(KEEP)' sh tools/other_pythons '$(LOWEST_TORCH)' $(OTHERS)

# What those passes need but for this package: its build writes into this folder, where one may be at work already.
others: | asked
	@PYTHON='$(BIN)/python' PIP='$(PIP)' PYTEST= KEEP='$(KEEP)' sh tools/other_pythons '$(LOWEST_TORCH)' $(OTHERS)

$(BIN)/python:
ifdef PYTHON
	@found=$$(sh tools/pythons '$(PYTHON)') && python=$${found#* } && \
	    echo "'$$python' -m venv $(VENV)" && "$$python" -m venv $(VENV)
else
	@set -- $(PYTHONS); [ $$# -gt 0 ] && echo "'$$1' -m venv $(VENV)" && "$$1" -m venv $(VENV)
endif

# An environment keeps its Python, whatever PYTHON says afterwards.
asked: | $(BIN)/python
ifdef PYTHON
	@found=$$(sh tools/pythons '$(PYTHON)' 2>/dev/null); which='import sys; print(sys.version.split()[0], sys.base_prefix)'; \
	    has=$$($(BIN)/python -c "$$which"); [ "$$("$${found#* }" -c "$$which" 2>/dev/null)" = "$$has" ] || echo \
	    "PYTHON='$(PYTHON)' is ignored: $(VENV) has Python $${has%% *}; remove it, or name another folder with VENV=.venv-mine."
endif

$(VENV)/.installed: pyproject.toml | asked
	@$(BIN)/python $(FORMER) 2>/dev/null; rm -rf *.egg-info
	$(BIN)/python $(PIP) --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | asked
	@$(BIN)/python $(FORMER) 2>/dev/null; rm -rf *.egg-info
	$(BIN)/python $(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.installed

benchmark: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks --write $(RESULTS)

docs: $(VENV)/.installed-dev
	$(BIN)/python tools/draw_house.py

# The pictures of README and docs, drawn from the reference results and from what `make bench` leaves in the cache.
pictures: $(VENV)/.installed
	$(BIN)/python tools/draw_results.py
	$(BIN)/python tools/draw_attack.py
	$(BIN)/python tools/draw_cameras.py
	$(BIN)/python tools/draw_papers.py
	$(BIN)/bench show erasing --results results --output docs/pictures/erasing.png
	$(BIN)/bench show traces siamte --images 62,82 --output docs/pictures/traces.jpg
	$(BIN)/bench show erased median-3 gaussian-3 siamte --target siamte2020:vote/resnet50 --image 3 \
	    --output docs/pictures/erased.jpg
	-$(BIN)/bench curve --reference --output docs/pictures/curves.png

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info

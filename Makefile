# make demo   sets everything up and puts a tumour into a real CT: see demo-output/
# make test   sets everything up, then checks style, types and behaviour
# make test-gui   the Slicer module's tests, on a host of Slicer's own core (1.3 GB more)
# make test-browser   the Visual Turing Test's page in a browser
# make coverage   the tests again, with what they reach: coverage's report
# make release   wheel, sdist, models, the extension's repository, bill of materials: dist/ (docs/releasing.md)
# make turing-test   reads a whole Visual Turing Test: 60 cases, 3 simulated readers, from the shell, and in the browser where one is
#
# Needs Python 3.10 or newer with venv, make and bash; PYTHON=python3.12 chooses one. Everything goes to .venv.

SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
INSTALLED := $(VENV)/.installed

# Linux without an NVIDIA GPU gets PyTorch's CPU build: its default one brings gigabytes of CUDA.
# USE_CUDA=1 takes the default build nevertheless, USE_CUDA=0 the CPU build on a machine with a GPU.
USE_CUDA ?= $(if $(shell command -v nvidia-smi),1,0)
CPU_TORCH := torch==2.13.0+cpu
CPU_TORCHVISION := torchvision==0.28.0+cpu
CPU_INDEX := https://download.pytorch.org/whl/cpu
NEEDS_CPU_BUILD := $(filter Linux-0,$(shell uname -s)-$(USE_CUDA))
# nnU-Net loads torchvision, by way of timm, and one built for CUDA does not load beside a torch that is not: both are of
# one build, or pip says that there is none.
NNUNET_TORCH := $(if $(NEEDS_CPU_BUILD),--extra-index-url $(CPU_INDEX) "$(CPU_TORCH)" "$(CPU_TORCHVISION)",torch torchvision)

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit style types fuzz test-gui test-browser coverage turing-test architecture ray ray-thousand docs release lint format clean nnunet

help:
	@sed -n 's/^# //p' Makefile | head -6

setup: $(INSTALLED)

demo: $(INSTALLED)
	$(BIN)/textomorph demo --output-dir demo-output

# One process a core, one thread each: most tests are of one thread. Types are checked beside them.
test: $(INSTALLED) style
	$(MAKE) --jobs 2 types unit

# They start Python some sixty times: where it may keep no compiled files, each start compiles all anew.
unit: $(INSTALLED)
	OMP_NUM_THREADS=1 env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

# A test that is skipped is a failure here: these are run where one wants to know.
test-gui: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable ".[slicer,train,dev]"
	$(BIN)/python Testing/gui/run.py --strict

test-browser: $(INSTALLED)
	$(BIN)/python -m pip install --quiet playwright
	TEXTOMORPH_NEEDS_BROWSER=1 $(BIN)/python -m pytest -rs Testing/unit/reader_study/test_reading_browser.py

coverage: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder --cov TextoMorphLib --cov-report term:skip-covered

# nnU-Net in an environment of its own, beside .venv: two iterations of training with TextoMorph's trainer.
nnunet: $(INSTALLED)
	test -x .venv-nnunet/bin/nnUNetv2_train || { $(BIN)/python -m venv .venv-nnunet && .venv-nnunet/bin/python -m pip install --quiet $(NNUNET_TORCH) "nnunetv2>=2.8,<3"; }
	NNUNET_BIN=.venv-nnunet/bin $(BIN)/python -m pytest -rs Testing/unit/segmentation/nnunet_training.py

# A batch on a cluster of two nodes on the loopback address; the second: 1,000 jobs, and a node that is killed twice.
ray: $(INSTALLED)
	$(BIN)/python -m pip install --quiet "ray>=2.50"
	$(BIN)/python -m pytest -rs Testing/unit/batches/test_ray.py

ray-thousand: $(INSTALLED)
	$(BIN)/python -m pip install --quiet "ray>=2.50"
	$(BIN)/python Testing/thousand_jobs.py

# The documentation as a site, in build/site; a link that leads nowhere is an error. Needs no network once installed.
docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Addresses: make release RELEASE="--homepage https://github.com/OWNER/SlicerTextoMorph --category Simulation"
release: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable ".[release]"
	$(BIN)/python release/make.py $(RELEASE)

turing-test: $(INSTALLED)
	-$(BIN)/python -m pip install --quiet playwright
	$(BIN)/python -m pytest -rs Testing/unit/reader_study/whole_study.py Testing/unit/reader_study/test_reading_browser.py

architecture: $(INSTALLED)
	$(BIN)/python docs/draw_architecture.py

fuzz: $(INSTALLED)
	$(BIN)/python Testing/fuzz/fuzz.py --count 300

lint: style types

style: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(INSTALLED)
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist demo-output .mypy_cache .pytest_cache .ruff_cache

# Made last, so that an installation that was cut short starts again.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "TextoMorph needs Python 3.10 or newer; this is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	$(if $(NEEDS_CPU_BUILD),$(BIN)/python -m pip install --no-deps --retries 2 --extra-index-url $(CPU_INDEX) "$(CPU_TORCH)")
	$(BIN)/python -m pip install --editable ".[train,dev]"
	@touch $@

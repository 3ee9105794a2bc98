# The two commands are `make demo` and `make test`; each does all its own set-up.
#   make demo [PORT=8000] [ORDERS=path/to/orders.csv|parquet]     a shop with bundles on http://localhost:8000
#   make demo VISITORS=0|1                                        whether a year of visitors is generated (docs/results.md)
#   make demo-reset                                               forget that shop
#   make test-money                                               the properties of prices and carts, 100,000 examples each
#   make test-outage [OUTAGE_SECONDS=60]                          database and broker away for so long under a shop in use
#   make test | check | fix | messages | constraints | screenshots
#   make benchmark DATASET=online_retail_ii | ORDERS=path/to/orders.csv|parquet [PEERS=all] [BUDGET=600] [DATA=folder]
#                  [JSON=results.json]                            our models and other packages' on the same questions
#                  [TASK=next_basket]                             what shoppers buy the next time
#                  [ABLATION=1]                                   ours without each of its parts as well
#                  [PEERS_ALONE=1]                                other packages' models without ours

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8000
ORDERS ?=
VISITORS ?=
OUTAGE_SECONDS ?= 60
PYTEST_ARGS ?=
PEERS_VENV := .venv-peers
DATASET ?=
DATA    ?=
PEERS   ?= all
TASK    ?=
BUDGET  ?= 600
JSON    ?= build/benchmark/$(or $(DATASET),$(basename $(notdir $(ORDERS))))$(if $(TASK),_$(TASK)).json

export PORT ORDERS VISITORS
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONUNBUFFERED = 1

.PHONY: demo demo-reset test test-money test-outage benchmark check fix messages constraints screenshots wheel clean

demo: $(VENV)/.demo
	@exec $(BIN)/python -m example_shop.demo

demo-reset:
	rm -rf .demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

test-money: $(VENV)/.dev
	$(BIN)/python -m pytest -n 0 --hypothesis-profile hundred_thousand tests/bundle_app/test_pricing.py \
	  tests/bundle_app/test_suggesting.py tests/example_shop/test_cart_properties.py $(PYTEST_ARGS)

test-outage: $(VENV)/.dev
	OUTAGE_SECONDS='$(OUTAGE_SECONDS)' $(BIN)/python -m pytest -n 0 tests/reliability/test_outage_database.py \
	  tests/reliability/test_outage_broker.py $(PYTEST_ARGS)

# Answers of peers are kept beside the results: a second run asks again only those whose script or budget changed.
benchmark: $(VENV)/.demo $(if $(filter none,$(PEERS)),,$(PEERS_VENV)/.done)
	@test -n "$(DATASET)$(ORDERS)" || { echo "Name a data set or a file: make benchmark DATASET=… or ORDERS=…"; exit 1; }
	$(BIN)/python -m bundle_ml benchmark $(if $(DATASET),--dataset '$(DATASET)',--orders '$(ORDERS)') \
	  $(if $(TASK),--task $(TASK)) $(if $(ABLATION),--ablation) $(if $(PEERS_ALONE),--peers-alone) $(if $(DATA),--data '$(DATA)') --peers '$(PEERS)' --budget-seconds $(BUDGET) --json '$(JSON)' --work '$(basename $(JSON))'

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy bundle_app ml/bundle_ml example_shop tests
	$(BIN)/lint-imports
	$(BIN)/djade --target-version 5.2 --check $$(git ls-files '*.html')
	$(BIN)/python manage.py makemigrations --check --dry-run

messages: $(VENV)/.dev
	$(BIN)/python .ci/messages

fix: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djade --target-version 5.2 $$(git ls-files '*.html')

# Each stamp stands for "this environment has what that target needs". The demo needs less than the tests.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11. Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(PEERS_VENV)/.done: ml/benchmarks/requirements.txt
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --requirement $<
	@touch $@

screenshots: $(VENV)/.dev
	$(BIN)/python -m example_shop.screenshots

constraints: $(VENV)/.dev
	sed '/^[^#]/,$$d' constraints.txt > constraints.new
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' >> constraints.new
	mv constraints.new constraints.txt

wheel: $(VENV)/.dev
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) $(PEERS_VENV) dist build

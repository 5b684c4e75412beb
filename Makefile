# make only spares typing: each target is one command of tarsier-eval, in a virtual environment that it sets up.
#
#   make eval  BENCH=mvbench [MODEL= FRAMES= DATA= ANN= JUDGE= PROTOCOL= CARD= REPEATS= ENGINE= LIMIT= OUT= ARGS="key=value ..."]
#              BENCH=mvbench/state_change is one subset; LIMIT=N draws N samples from all subsets
#              SAMPLES=id,id or a file of ids; OFFSET=N leaves out the first N that LIMIT draws
#              SHARD=3/16 is a part in a run folder of its own | make merge RUNS="<folders>" [OUT=]
#   make plan BENCH= [MODEL= DATA= JUDGE= PUBLISHED=<row> TO=plan.json ARGS="--probe"]   what will a run need and show?
#   make data BENCH= DATA= [TO=manifest.csv ARGS="--unpack"]   what is missing, broken or misnamed, and how to get it
#   make sweep BENCH= SWEEP="model=a,b model.n_frames=1,2,4" [LAUNCHER=basic LAUNCH="hydra.launcher.partition=gpu" OUT=]
#              a run for each combination; LAUNCHER=joblib, slurm, ... is a name from conf/launcher
#   make probe BENCH= [MODEL= DATA= PROBES=all MARGIN=10 LIMIT= OUT=]   does a score need motion, any video, or only text?
#   make equivalence BENCH=mvbench [MODEL= FRAMES= DATA= LIMIT= TO= ARGS=]   does batching change a model's outputs here?
#   make score PRED=<file or folder> [BENCH=mvbench DATA= JUDGE= PROTOCOL= CARD=<card.json> REPEATS=3 OUT= ARGS=]
#              REPEATS=3 judges three times: how far does a judged metric vary by itself?
#   make report RUN=<run or score> [TO=<page>.html]   a page to look at: numbers, and every sample (report.html)
#   make watch RUN=<run> [PORT=]   the same for a run that is going on, served on this machine
#   make compare A=<run or score> B=<run or score> [C= D= TO=cmp.html ARGS="--accept decoder"]   TO: a page, or .json
#   make leaderboard [RUNS="<folders and bundles>" TO= PLOTS=<folder>] | make verify-row ROW=<number or name> [RUN= DATA=]
#   make bundle RUN=<run or score> [TO=<run>.tar.gz]
#   make publish RUN=<run, folder of runs or bundle> TO=<folder> [RUNS="<several>" PUSH=owner/name ARGS="--licence cc-by-4.0"]
#   make regress [RUN=<new> AGAINST=<old> MARGIN=1.0] [ARGS="--junit gate.xml"] | make baseline
#   make why RUN=<run or score> [PUBLISHED=<row> VALUE=62.6 DATA= TO= ARGS=]   why does my number differ?
#   make judge-check JUDGE=<judge> [PROTOCOL= LIMIT=]
#   make judge-card JUDGE=<judge> [PROTOCOL= DATA=<folder of labelled sets> LIMIT= TO=<folder>]   a judge against people
#   make judge-data [SETS=nq301,sick TO=<folder>]   fetches labelled sets from their owners, with their licences
#   make judge-compare A=<score> B=<score>
#   make judge-export RUN=<run or score> [TO=<run>.tar.gz] | make judge-replay BUNDLE=<bundle> [PRED= DATA= OUT=]
#   make import UPSTREAM=<clone of bytedance/tarsier>
#   make bench [ARGS="--rounds 5"]   how fast is it, against one question at a time?
#   make gpu-check [ARGS="--minutes 8"]   kernels, precision, speed and memory of this GPU
#   make survive [ARGS=--short]   kills, damaged input, bad media, faults of a judge, in one table; --short: the tests in CI
#   make web   builds the code of HTML pages from web/ (needs Node.js); what it builds is committed
#   make docs   builds the site of docs/ into build/site
#   CONF=<folder> with any of these: benchmarks, models, judges and scorers of your own (docs/extending.md)
#   make test | make test-fast | make check | make audit | make lock

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

VARIABLES := CONF BENCH MODEL FRAMES DATA ANN JUDGE PROTOCOL CARD REPEATS ENGINE LIMIT OFFSET SAMPLES SHARD SWEEP LAUNCHER LAUNCH OUT PORT PRED PROBES UPSTREAM RUN RUNS ROW SETS PUBLISHED PUSH VALUE AGAINST MARGIN TO PLOTS BUNDLE A B C D ARGS PYTHON VENV
UNKNOWN   := $(filter-out $(VARIABLES),$(foreach word,$(filter-out --,$(MAKEOVERRIDES)),$(firstword $(subst =, ,$(word)))))
UNKNOWN   := $(strip $(foreach name,$(UNKNOWN),$(if $(filter command line,$(origin $(name))),$(name))))
$(if $(UNKNOWN),$(error Unknown variable $(firstword $(UNKNOWN)). Known: $(VARIABLES)))

# Messages name the variables of this file, and not the flags that they stand for.
export TARSIER_EVAL_MAKE := 1

ifdef CONF
export TARSIER_EVAL_CONF := $(CONF)
endif

# $(call flag,--bench,BENCH): the flag with the variable's value, quoted for the shell, where it is set.
quote = '$(subst ','\'',$(1))'
flag  = $(if $($(2)),$(1) $(call quote,$($(2))))

.PHONY: help eval plan data report watch merge sweep probe equivalence bench gpu-check survive score compare leaderboard verify-row bundle publish why regress baseline judge-check judge-card judge-data judge-compare judge-export judge-replay import web test test-fast check audit lock docs

help:
	@sed -n '/^\#/!q;s/^\# \{0,1\}//p' Makefile

# exec: make puts a shell before a command with brackets in it, which would take a scheduler's SIGTERM for itself.
eval: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval eval $(call flag,--bench,BENCH) $(call flag,--model,MODEL) $(call flag,--frames,FRAMES) \
		$(call flag,--data,DATA) $(call flag,--ann,ANN) $(call flag,--judge,JUDGE) $(call flag,--protocol,PROTOCOL) $(call flag,--limit,LIMIT) \
		$(call flag,--offset,OFFSET) $(call flag,--samples,SAMPLES) $(call flag,--shard,SHARD) $(call flag,--engine,ENGINE) \
		$(call flag,--card,CARD) $(call flag,--repeats,REPEATS) $(call flag,--out,OUT) $(ARGS)

plan: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval plan $(call flag,--bench,BENCH) $(call flag,--model,MODEL) $(call flag,--frames,FRAMES) \
		$(call flag,--data,DATA) $(call flag,--ann,ANN) $(call flag,--judge,JUDGE) $(call flag,--protocol,PROTOCOL) $(call flag,--limit,LIMIT) \
		$(call flag,--offset,OFFSET) $(call flag,--samples,SAMPLES) $(call flag,--engine,ENGINE) \
		$(call flag,--published,PUBLISHED) $(call flag,--to,TO) $(ARGS)

data: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval data $(call flag,--bench,BENCH) $(call flag,--data,DATA) $(call flag,--ann,ANN) \
		$(call flag,--against,AGAINST) $(call flag,--to,TO) $(ARGS)

sweep: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval sweep $(call flag,--bench,BENCH) $(call flag,--model,MODEL) $(call flag,--frames,FRAMES) \
		$(call flag,--data,DATA) $(call flag,--ann,ANN) $(call flag,--judge,JUDGE) $(call flag,--protocol,PROTOCOL) $(call flag,--limit,LIMIT) \
		$(call flag,--offset,OFFSET) $(call flag,--samples,SAMPLES) $(call flag,--engine,ENGINE) \
		$(call flag,--sweep,SWEEP) $(call flag,--launcher,LAUNCHER) $(call flag,--launch,LAUNCH) $(call flag,--out,OUT) $(ARGS)

merge: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval merge $(if $(RUNS),--runs $(RUNS)) $(call flag,--out,OUT)

probe: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval probe $(call flag,--bench,BENCH) $(call flag,--model,MODEL) $(call flag,--frames,FRAMES) \
		$(call flag,--data,DATA) $(call flag,--ann,ANN) $(call flag,--judge,JUDGE) $(call flag,--protocol,PROTOCOL) $(call flag,--limit,LIMIT) \
		$(call flag,--offset,OFFSET) $(call flag,--samples,SAMPLES) $(call flag,--engine,ENGINE) $(call flag,--probes,PROBES) \
		$(call flag,--margin,MARGIN) $(call flag,--out,OUT) $(ARGS)

equivalence: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval equivalence $(call flag,--bench,BENCH) $(call flag,--model,MODEL) $(call flag,--frames,FRAMES) \
		$(call flag,--data,DATA) $(call flag,--ann,ANN) $(call flag,--limit,LIMIT) $(call flag,--to,TO) $(ARGS)

bench: $(VENV)/.dev
	$(BIN)/python scripts/bench_runner.py $(ARGS)

survive: $(VENV)/.dev
	$(BIN)/python scripts/survive.py $(ARGS)

gpu-check: $(VENV)/.runtime
	$(BIN)/python scripts/gpu_check.py $(ARGS)

score: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval score $(call flag,--pred,PRED) $(call flag,--bench,BENCH) $(call flag,--data,DATA) \
		$(call flag,--judge,JUDGE) $(call flag,--protocol,PROTOCOL) $(call flag,--card,CARD) $(call flag,--repeats,REPEATS) $(call flag,--out,OUT) $(ARGS)

report: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval report $(call flag,--run,RUN) $(call flag,--to,TO)

watch: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval watch $(call flag,--run,RUN) $(call flag,--port,PORT)

compare: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval compare $(call flag,--first,A) $(call flag,--second,B) $(call flag,--second,C) \
		$(call flag,--second,D) $(call flag,--to,TO) $(ARGS)

leaderboard: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval leaderboard $(if $(RUNS),--runs $(RUNS)) $(call flag,--to,TO) $(call flag,--plots,PLOTS)

verify-row: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval verify-row $(call flag,--row,ROW) $(call flag,--run,RUN) $(call flag,--data,DATA) $(ARGS)

bundle judge-export: TO := $(or $(TO),$(patsubst %/,%,$(RUN)).tar.gz)
bundle: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval bundle $(call flag,--run,RUN) $(call flag,--to,TO) $(ARGS)

publish: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval publish $(if $(RUN)$(RUNS),--run) $(if $(RUN),$(call quote,$(RUN))) $(RUNS) \
		$(call flag,--to,TO) $(call flag,--push,PUSH) $(ARGS)

regress: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval regress $(call flag,--run,RUN) $(call flag,--against,AGAINST) $(call flag,--margin,MARGIN) $(ARGS)

baseline: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval regress --renew $(ARGS)

why: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval why $(call flag,--run,RUN) $(call flag,--published,PUBLISHED) $(call flag,--value,VALUE) \
		$(call flag,--data,DATA) $(call flag,--to,TO) $(ARGS)

judge-check: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval judge check $(call flag,--judge,JUDGE) $(call flag,--protocol,PROTOCOL) \
		$(call flag,--limit,LIMIT) $(ARGS)

judge-card: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval judge card $(call flag,--judge,JUDGE) $(call flag,--protocol,PROTOCOL) \
		$(call flag,--data,DATA) $(call flag,--limit,LIMIT) $(call flag,--to,TO) $(ARGS)

judge-data: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval judge data $(call flag,--sets,SETS) $(call flag,--to,TO) $(ARGS)

judge-compare: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval judge compare $(call flag,--first,A) $(call flag,--second,B) $(call flag,--to,TO)

judge-export: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval judge export $(call flag,--run,RUN) $(call flag,--to,TO) $(ARGS)

judge-replay: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval judge replay $(call flag,--bundle,BUNDLE) $(call flag,--pred,PRED) $(call flag,--data,DATA) \
		$(call flag,--out,OUT) $(ARGS)

import: $(VENV)/.runtime
	@exec $(BIN)/tarsier-eval import $(call flag,--upstream,UPSTREAM)

web:
	cd web && npm ci && npm run check && npm run build

# As many processes as there are cores, so that each had better keep to one thread.
test test-fast: export OMP_NUM_THREADS := 1
# Tests are rewritten, and started processes import: both are compiled once and not each time.
test test-fast: export PYTHONDONTWRITEBYTECODE :=
# What tests start is typed without make.
test test-fast: export TARSIER_EVAL_MAKE :=

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/audit.py --if-reachable

# The site, with its reference as the schema has it now; a link that leads nowhere is an error.
docs: $(VENV)/.dev
	$(BIN)/python scripts/make_reference.py
	$(BIN)/python -m sphinx -W --keep-going -q -d build/doctrees docs build/site
	@echo "To look at: build/site/index.html"

# Asks about every locked version whether it is known to be vulnerable; needs the network.
audit: $(VENV)/.python
	$(BIN)/python scripts/audit.py

# Renews the exact versions for every supported Python; needs uv on the PATH.
lock:
	uv pip compile --universal --python-version 3.10 --no-header --no-annotate --all-extras pyproject.toml -o constraints.txt

$(VENV)/.python:
	@echo "Setting up $(VENV) (once; a few minutes)"
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 10) <= sys.version_info < (3, 14) else "tarsier-eval needs Python 3.10 to 3.13; set PYTHON=<path>")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

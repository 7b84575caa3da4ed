# diffkit's commands; `make help` lists them. README.md has the plain commands for systems without make.

# The first Python on the PATH that is new enough; choose another with `make start PYTHON=/path/to/python`.
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
endif

# Each recipe puts the environment's programs first on the PATH: nbgrader starts `alembic` by name.
# One torch thread: at the sizes of this course two are slower.
IN_ENV = env PATH="$(CURDIR)/.venv/bin:$$PATH" OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1}
ARGS =

.PHONY: help start formgrader app book test notebooks demo bench environment test-environment clean
.DEFAULT_GOAL := help

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

start: environment  ## make the environment if needed, and open JupyterLab on the notebooks (Ctrl-C stops it)
	@$(IN_ENV) python -m grader.build --missing
	@exec $(IN_ENV) python -m jupyterlab --config=course/jupyter_lab_config.py $(ARGS)

formgrader: environment  ## for instructors: JupyterLab's server on nbgrader's pages, to grade by hand
	@exec $(IN_ENV) python -m jupyterlab --config=course/jupyter_lab_config.py --LabApp.default_url=/formgrader $(ARGS)

app: app-environment  ## the gallery of explorers as a page without code (Ctrl-C stops it)
	@$(IN_ENV) python -m grader.build --missing
	@exec $(IN_ENV) python course/app.py $(ARGS)

book: book-environment  ## the lessons with outputs, pictures and formulas as a book to read offline, in build/book
	@$(IN_ENV) python -m grader.book $(ARGS)

test: test-environment  ## check everything: style, types, tests; `make test ARGS="-k build"` runs some tests
	@$(IN_ENV) python -m ruff check .
	@$(IN_ENV) python -m ruff format --check .
	@$(IN_ENV) python -m mypy
	@$(IN_ENV) python -m pytest -n 2 --dist loadfile $(ARGS)

notebooks: environment  ## build both notebooks of each lesson from solutions/NN_topic.py
	@$(IN_ENV) python -m grader.build $(ARGS)

demo: environment  ## grade a class of made-up submissions, and print who got what and why
	@$(IN_ENV) python -m grader.demo $(ARGS)

bench: environment  ## run all benchmarks, which takes hours; each file in benchmarks/ says how it runs alone
	@for file in $$(grep -l '== "__main__"' benchmarks/*.py); do echo "== $$file"; $(IN_ENV) python -m "benchmarks.$$(basename $$file .py)" $(ARGS) || exit 1; done

clean:  ## remove the environment and caches; keeps notebooks, submissions and grades
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment: have-python
	@"$(PYTHON)" course/environment.py

app-environment book-environment test-environment: %-environment: have-python
	@"$(PYTHON)" course/environment.py $*

.PHONY: have-python
have-python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later found. Install one, or name it:" \
		"make start PYTHON=/path/to/python3" >&2; exit 1; }

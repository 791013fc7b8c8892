# Two commands: 'make run' runs the example pipeline twice, 'make test' runs every test.
# Both set up everything they need in .venv; see scripts/setup.

STEPCACHE = .venv/bin/stepcache --home .stepcache

.PHONY: run test lint bench clean

run: .venv/ready
	$(STEPCACHE) run examples/training/pipeline.yaml
	$(STEPCACHE) run examples/training/pipeline.yaml

test: .venv/ready
	./scripts/test-requirements
	.venv/bin/pytest

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: .venv/ready
	.venv/bin/python benchmarks/help.py
	.venv/bin/python benchmarks/lookup.py
	.venv/bin/python benchmarks/engine.py
	.venv/bin/python benchmarks/subdag.py
	.venv/bin/python benchmarks/databases.py
	.venv/bin/python benchmarks/waiting.py

clean:
	-chmod -R u+w .stepcache 2>/dev/null  # what steps share is read-only
	rm -rf .venv .tools .stepcache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/ready: pyproject.toml uv.lock scripts/setup
	./scripts/setup
	touch $@

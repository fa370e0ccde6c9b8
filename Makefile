# `make` alone lists what there is. `make demo` and `make test` set up what a
# fresh machine lacks and say what they do.

GO       ?= go
GOTESTSUM = $(GO) run gotest.tools/gotestsum@v1.13.0 --format pkgname-and-test-fails
LINT      = bin/golangci-lint-v2.15.0
FUZZTIME ?= 20s
BIN       = bin/codex-mcp-runner
INIT      = images/init/sandbox-init-linux-amd64 images/init/sandbox-init-linux-arm64
SOURCES   = $(shell find cmd internal images policies -name '*.go' -o -path 'images/*' -type f -o -path 'policies/*' -type f) go.mod go.sum

.DEFAULT_GOAL := help
.PHONY: help demo test check build init image engine tools unit integration bench fuzz fmt lint docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile

demo: image ## three real Codex tasks in three containers against a scripted model; no key needed
	@$(BIN) demo

test: unit integration ## everything, integration included

check: lint unit ## what a commit must pass: format, vet, lint, race tests without Docker

lint: $(LINT) ## format, vet, golangci-lint
	@test -z "$$(gofmt -l cmd internal images policies integration)" || { gofmt -d cmd internal images policies integration; exit 1; }
	@$(LINT) run ./... # govet is one of its linters, with the integration tests

# Built once: `go run` would ask the module proxy each time.
$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(@:bin/golangci-lint-%=%)
	@mv bin/golangci-lint $@

build: $(BIN) ## bin/codex-mcp-runner, with sandbox-init for both Linux architectures inside

$(BIN): $(SOURCES) $(INIT)
	@mkdir -p bin
	$(GO) build -trimpath -o $@ ./cmd/codex-mcp-runner

init: $(INIT) ## sandbox-init alone, for both Linux architectures

# The static program that is PID 1 in every sandbox. Without the commit in it: the
# image is named after its content, and must not change with every commit.
images/init/sandbox-init-linux-%: $(shell find cmd/sandbox-init internal/tunnel internal/lifeline internal/task -name '*.go') go.mod
	CGO_ENABLED=0 GOOS=linux GOARCH=$* $(GO) build -trimpath -buildvcs=false -ldflags '-s -w' -o $@ ./cmd/sandbox-init

image: engine build ## the runner image, through the Docker engine's API
	@$(BIN) image build

engine: ## a running Docker engine (installed if the machine is Debian or Ubuntu)
	@sh images/ensure-engine.sh

tools: ## what the integration tests use: Chromium, jq (installed if the machine is Debian or Ubuntu)
	@sh integration/ensure-tools.sh

unit: ## tests that need no Docker
	@$(GOTESTSUM) -- -race ./...

# Two packages at a time: they mostly wait for containers, and each looks for its
# own on the engine that they share.
integration: image tools ## tests with the real engine, the real Codex and a real browser, as root
	@$(GOTESTSUM) --junitfile bin/junit.xml -- -race -p 2 -tags integration -timeout 20m \
	  $$(grep -rl --include='*_test.go' '^//go:build integration' . | xargs -n 1 dirname | sort -u)

bench: image ## figures: latency, throughput, overhead
	@$(GO) test -tags integration -run '^$$' -bench . -benchtime 3x ./...

fuzz: ## every fuzz target for FUZZTIME
	@$(GO) list -f '{{.Dir}}' ./... | while read -r dir; do \
	  grep -rhoE '^func Fuzz[A-Za-z0-9]*' "$$dir" --include='*_test.go' 2>/dev/null | sed 's/^func //' | sort -u | \
	  while read -r target; do echo "$$dir $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$dir" || exit 1; done || exit 1; done

fmt: ## format the code
	@gofmt -w cmd internal images policies integration

docs: build ## write the generated parts of README.md
	@$(BIN) docs README.md

clean: ## remove what was built here (not the image)
	rm -rf bin images/init/sandbox-init-linux-*

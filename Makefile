# What a person or CI does with Shoal. `make` alone lists it; CI runs `make test`
# and `make check`, and nothing else (.ci/run).

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS     += --no-print-directory

PKG      ?= ./...
COUNT    ?= 20
FUZZTIME ?= 30s
SEEDS    ?= 1000
FIRST    ?= 0

# golangci-lint asks not to be a `tool` of anyone's module, for its dependencies
# would become theirs: it is pinned here and built into .tools/. The other tools
# are pinned in tools/go.mod, apart from the product's go.mod for the same reason.
GOLANGCI_VERSION := v2.15.0
GOLANGCI         := .tools/golangci-lint-$(GOLANGCI_VERSION)
TOOL             := go tool -modfile=tools/go.mod

# go-gremlins lists the mutants. It is built into .tools/ too, so that its
# libraries for command lines and configuration stay out of tools/go.mod.
GREMLINS_VERSION := v0.6.0
GREMLINS         := .tools/gremlins-$(GREMLINS_VERSION)

# Packages that decide, and whose tests `make mutants` tests.
MUTANTS ?= $(addprefix internal/,redundancy/reconcile redundancy/trim redundancy/repair redundancy/placement redundancy/safety \
	membership/liveness membership/roster membership/standing catalog/merge catalog/gossip transfer/picker)

# The product is pure Go. The race detector alone needs a C compiler.
export CGO_ENABLED := 0
CC_FOUND := $(shell command -v $$(go env CC))

# The tests of these packages mostly wait for real processes. They start first, and
# the others run beside them.
WAITING = $(if $(filter ./...,$(PKG)),./internal/testnet/... ./cmd/...)

# -buildvcs stamps the commit into the binary, whatever GOFLAGS says elsewhere:
# `shoal version` reads it from there.
BUILD := -trimpath -buildvcs=auto -ldflags='-s -w'

.PHONY: help build install test test-race race cover lint fmt fuzz sim chaos mutants bench demo check clean
.PHONY: vet tidy deps deps-diff deadcode vuln commits

help: ## list what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/shoal
	go build $(BUILD) -o bin/shoal ./cmd/shoal

install: ## install shoal where `go install` puts things
	go install $(BUILD) ./cmd/shoal

test: ## run all tests in random order (PKG=./internal/...)
	go test -shuffle=on -timeout=15m $(WAITING) $(PKG)

# A simulated shoal is one goroutine: the detector finds nothing there, and is slow.
test-race: ## run them with the race detector, but for the simulator's
ifdef CC_FOUND
	CGO_ENABLED=1 go test -race -shuffle=on -timeout=25m $$(go list $(WAITING) $(PKG) | grep -v '/testnet/sim$$')
else
	@echo 'no C compiler, so not tested with the race detector: apt-get install gcc libc6-dev'
endif

race: ## hunt for flaky tests: each COUNT=20 times (PKG=./internal/transfer/...)
	CGO_ENABLED=1 go test -race -shuffle=on -count=$(COUNT) -timeout=60m $(PKG)

cover: ## measure what the tests reach, into bin/cover.html
	mkdir -p bin
	go test -coverpkg=./... -coverprofile=bin/cover.out ./...
	go tool cover -html=bin/cover.out -o bin/cover.html
	go tool cover -func=bin/cover.out | tail -n 1

lint: $(GOLANGCI) ## run golangci-lint and look at the formatting
	$(GOLANGCI) run ./...
	$(GOLANGCI) fmt --diff

fmt: $(GOLANGCI) ## format the code: gofumpt, and imports in three groups
	$(GOLANGCI) fmt

fuzz: ## run every fuzz target for FUZZTIME=30s, or so many inputs (20000x)
	scripts/fuzz $(FUZZTIME) $(PKG)

sim: ## run SEEDS=1000 whole shoals in virtual time, from FIRST=0 on
	go test ./internal/testnet/sim -run 'TestSeeds|TestRareFlaws' -count=1 -timeout=24h -rare 400 -seeds $(SEEDS) -first $(FIRST)

mutants: $(GREMLINS) ## test the tests of the pure packages with mutants (MUTANTS=internal/redundancy/trim); up to an hour
	go run ./scripts/mutants -gremlins $(GREMLINS) $(MUTANTS)

chaos: ## run SEEDS=1000 seeds of whole nodes in virtual time, from FIRST=0 on
	go test ./internal/node -run 'TestChaos$$' -count=1 -timeout=24h -chaos.seeds $(SEEDS) -chaos.first $(FIRST)

bench: build ## measure against the machine's own limits; needs a quiet machine (RUN=regexp of rows)
	go run ./bench$(if $(RUN), -run='$(RUN)')

demo: build ## the main job: 512 MiB or FILE=path from six nodes, two killed half-way; then a shoal of five heals
	go run ./bench/demo$(if $(FILE), -file='$(FILE)')

check: ## all that CI asks beside `make test`, the tests with the race detector included
	$(MAKE) -k commits tidy deps-diff vet lint deadcode vuln test-race sim fuzz FUZZTIME=20000x

clean: ## delete what was built, but for the tools
	rm -rf bin bench/out

vet:
	go vet ./...
	$(TOOL) staticcheck ./...

tidy:
	go mod tidy -diff
	go -C tools mod tidy -diff
	go mod verify

# docs/deps.txt lists every module whose code is in the binary, so that a new one
# is a line somebody reads.
LINKED := go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}' ./cmd/shoal | LC_ALL=C sort -u

deps: ## write docs/deps.txt: the modules in the binary
	$(LINKED) > docs/deps.txt

deps-diff:
	@diff -u docs/deps.txt <($(LINKED)) || { echo 'the modules in the binary changed: run `make deps` and say why in the commit'; exit 1; }

deadcode:
	scripts/deadcode

vuln:
	scripts/vuln

commits:
	scripts/commit-msg

$(GOLANGCI):
	mkdir -p .tools
	GOBIN=$(CURDIR)/.tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .tools/golangci-lint $@

$(GREMLINS):
	mkdir -p .tools
	GOBIN=$(CURDIR)/.tools go install github.com/go-gremlins/gremlins/cmd/gremlins@$(GREMLINS_VERSION)
	mv .tools/gremlins $@

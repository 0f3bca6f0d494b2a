# SPDX-License-Identifier: MIT
# Every part brings its own rules: the fragments included below. A fragment adds its suite with
# `TEST_SUITES += name` and a target `test-name`, and names it in COLLECTOR_SUITES too where it
# needs the real Collector or Jaeger. What several suites use it adds to TEST_NEEDS, which is built
# before them, since suites run side by side. A line `target: ## text` appears in `make help`.

BUILD ?= build
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/otel-h
NANOPB_DIR ?= $(CACHE)/nanopb
OTLP_NANOPB_DIR ?= $(CACHE)/otlp-nanopb
PYTHON ?= $(CACHE)/venv/bin/python
PYTEST = BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -c tests/pytest.ini
CLANG ?= clang
CLANGXX ?= clang++
ARM_CC ?= arm-none-eabi-gcc
QEMU_ARM ?= qemu-system-arm
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual \
    -Wcast-align -Wstrict-prototypes -Wmissing-prototypes -Wredundant-decls -Wvla \
    -Wdouble-promotion -Wformat=2 -Wwrite-strings -Wswitch-enum

# For tests: nanopb's generated decoder of a whole ExportTraceServiceRequest into malloc'd structs.
OTLP_NANOPB_SOURCES := $(addprefix $(OTLP_NANOPB_DIR)/opentelemetry/proto/, common/v1/common.pb.c \
    resource/v1/resource.pb.c trace/v1/trace.pb.c collector/trace/v1/trace_service.pb.c) \
    $(addprefix $(NANOPB_DIR)/, pb_common.c pb_decode.c pb_encode.c)
OTLP_NANOPB_CFLAGS := -DPB_ENABLE_MALLOC -DPB_FIELD_32BIT -isystem $(NANOPB_DIR) -isystem $(OTLP_NANOPB_DIR)

TEST_SUITES :=
COLLECTOR_SUITES :=
TEST_NEEDS :=

OTLP_NANOPB_OBJECTS := $(patsubst %.c,$(BUILD)/otlp_nanopb/%.o,$(notdir $(OTLP_NANOPB_SOURCES)))
vpath %.c $(sort $(dir $(OTLP_NANOPB_SOURCES)))
$(BUILD)/otlp_nanopb/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -O1 -g -w $(OTLP_NANOPB_CFLAGS) -c -o $@ $<
TEST_NEEDS += $(OTLP_NANOPB_OBJECTS)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: all
all: $(BUILD)/otel-gateway ## the gateway, build/otel-gateway (the default)

FRAGMENTS := $(sort $(wildcard examples/*.mk examples/*/*.mk ports/*.mk tools/*/*.mk tests/*/*.mk))
include $(FRAGMENTS)

.PHONY: test test-needs bench examples clean help list-suites list-collector-suites
test: ## every test suite, with a real Collector and a real Jaeger
	tools/test

test-needs: $(BUILD)/otel-gateway $(TEST_NEEDS)

bench: ## instructions, sizes and ratios, to build/bench.tsv

examples: ## every example

clean: ## remove what was built (the cache outside the tree stays)
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[A-Za-z0-9_-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

list-suites:
	@printf '%s\n' $(sort $(TEST_SUITES))

list-collector-suites:
	@printf '%s\n' $(sort $(COLLECTOR_SUITES))

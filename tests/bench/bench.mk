# SPDX-License-Identifier: MIT
# `make bench` measures, and writes build/bench.tsv.
include examples/boards/boards.mk

BENCH := $(BUILD)/bench
BENCH_PLUGIN := $(BENCH)/insn_count.so
BENCH_COMMON := tests/bench/bench_firmware.c tests/bench/bench_inputs.c
# Hosted, as most firmware is built: the compiler may inline a short memcpy() in every row.
BENCH_CFLAGS := -fhosted -Itests/bench

$(BENCH_PLUGIN): tests/bench/insn_count.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -fPIC -shared $(WARNINGS) -Werror -o $@ $<

$(eval $(call firmware,bench/m4_floor_os,mps2_an386,tests/bench/m4_floor.c tests/bench/floor_span.c $(BENCH_COMMON),$(BENCH_CFLAGS)))
$(eval $(call firmware,bench/m4_floor_o2,mps2_an386,tests/bench/m4_floor.c tests/bench/floor_span.c $(BENCH_COMMON),$(BENCH_CFLAGS) -O2))

# nanopb the usual way: structs generated for this span.
BENCH_NANOPB := $(BENCH)/nanopb
BENCH_NANOPB_PROTOS := $(addprefix opentelemetry/proto/,common/v1/common resource/v1/resource \
    trace/v1/trace collector/trace/v1/trace_service)
BENCH_NANOPB_SOURCES := $(patsubst %,$(BENCH_NANOPB)/%.pb.c,$(BENCH_NANOPB_PROTOS))

$(BENCH_NANOPB_SOURCES) &: tests/bench/nanopb_static.options $(OTLP_NANOPB_DIR)/otlp.pb
	@mkdir -p $(BENCH_NANOPB)
	protoc --descriptor_set_in=$(OTLP_NANOPB_DIR)/otlp.pb --nanopb_out=$(BENCH_NANOPB) \
	    --nanopb_opt=--options-file=$< --nanopb_opt=--quiet $(addsuffix .proto,$(BENCH_NANOPB_PROTOS))

BENCH_NANOPB_SET := tests/bench/m4_nanopb.c $(BENCH_NANOPB_SOURCES) \
    $(NANOPB_DIR)/pb_common.c $(NANOPB_DIR)/pb_encode.c $(BENCH_COMMON)
BENCH_NANOPB_CFLAGS := $(BENCH_CFLAGS) -isystem $(NANOPB_DIR) -isystem $(BENCH_NANOPB)
$(eval $(call firmware,bench/m4_nanopb_os,mps2_an386,$(BENCH_NANOPB_SET),$(BENCH_NANOPB_CFLAGS)))
$(eval $(call firmware,bench/m4_nanopb_o2,mps2_an386,$(BENCH_NANOPB_SET),$(BENCH_NANOPB_CFLAGS) -O2))
$(foreach level,os o2,$(call firmware_object,bench/m4_nanopb_$(level),tests/bench/m4_nanopb.c)): | $(BENCH_NANOPB_SOURCES)

# barectf: three CTF events.
BENCH_BARECTF := $(BENCH)/barectf
$(BENCH_BARECTF)/barectf.c: tests/bench/barectf.yaml
	@mkdir -p $(@D)
	$(CACHE)/venv/bin/barectf generate --code-dir=$(@D) --headers-dir=$(@D) --metadata-dir=$(@D) $<

BENCH_BARECTF_SET := tests/bench/m4_barectf.c $(BENCH_BARECTF)/barectf.c $(BENCH_COMMON)
BENCH_BARECTF_CFLAGS := $(BENCH_CFLAGS) -isystem $(BENCH_BARECTF)
$(eval $(call firmware,bench/m4_barectf_os,mps2_an386,$(BENCH_BARECTF_SET),$(BENCH_BARECTF_CFLAGS)))
$(eval $(call firmware,bench/m4_barectf_o2,mps2_an386,$(BENCH_BARECTF_SET),$(BENCH_BARECTF_CFLAGS) -O2))
$(foreach level,os o2,$(call firmware_object,bench/m4_barectf_$(level),tests/bench/m4_barectf.c)): | $(BENCH_BARECTF)/barectf.c

# otel.h itself, on the Cortex-M4.
BENCH_OTEL := $(NANOPB_DIR)/pb_common.c $(NANOPB_DIR)/pb_encode.c tests/bench/otel_implementation.c
BENCH_M4_OTEL := $(BENCH_OTEL) tests/bench/bench_port.c $(BENCH_COMMON)
BENCH_OTEL_CFLAGS := $(BENCH_CFLAGS) -isystem $(NANOPB_DIR) -I. -Iports/transport

# $(call bench_m4,NAME,SOURCES,CFLAGS): NAME_os.elf and NAME_o2.elf
define bench_m4
$(eval $(call firmware,bench/$(1)_os,mps2_an386,$(2) $(BENCH_M4_OTEL),$(BENCH_OTEL_CFLAGS) $(3)))
$(eval $(call firmware,bench/$(1)_o2,mps2_an386,$(2) $(BENCH_M4_OTEL),$(BENCH_OTEL_CFLAGS) $(3) -O2))
endef
$(call bench_m4,m4_span,tests/bench/m4_span.c tests/bench/bench_transport.c,-DBENCH_NO_CHECK)
$(call bench_m4,m4_frame,tests/bench/m4_frame.c ports/transport/otel_uart.c,)
$(call bench_m4,m4_masked,tests/bench/m4_masked.c,-DBENCH_PORT_INTERRUPTS)

# Sizes and stacks on a Cortex-M0+, linked for the board with the Cortex-M0.
BENCH_CALL_GRAPH := -fcallgraph-info=su,da
BENCH_M0_CFLAGS := $(BENCH_OTEL_CFLAGS) -mcpu=cortex-m0plus $(BENCH_CALL_GRAPH)
BENCH_M0_OTEL := $(BENCH_OTEL) ports/transport/otel_uart.c tests/bench/bench_port.c tests/bench/bench_inputs.c
$(eval $(call firmware,bench/m0_empty,microbit,tests/bench/m0_empty.c,$(BENCH_M0_CFLAGS)))
$(eval $(call firmware,bench/m0_min,microbit,tests/bench/m0_min.c $(BENCH_M0_OTEL),$(BENCH_M0_CFLAGS) -DOTEL_CONFIG_FILE='"min_config.h"'))
$(eval $(call firmware,bench/m0_traces,microbit,tests/bench/m0_traces.c $(BENCH_M0_OTEL),$(BENCH_M0_CFLAGS)))
$(eval $(call firmware,bench/m4_traces,mps2_an386,tests/bench/m0_traces.c $(BENCH_M0_OTEL),$(BENCH_OTEL_CFLAGS) $(BENCH_CALL_GRAPH)))

# The same application with the header, disabled, and without it.
BENCH_DISABLED_LEVELS := O1 Os O2 O3
$(foreach level,$(BENCH_DISABLED_LEVELS),$(eval $(call firmware,bench/disabled_$(level)_with,mps2_an386,tests/bench/disabled_app.c,$(BENCH_CFLAGS) -I. -$(level) -DOTEL_DISABLED -DUSES_OTEL)))
$(foreach level,$(BENCH_DISABLED_LEVELS),$(eval $(call firmware,bench/disabled_$(level)_without,mps2_an386,tests/bench/disabled_app.c,$(BENCH_CFLAGS) -$(level))))

# Calls of one setter.
$(BENCH)/call_site_%.o: tests/bench/call_site.c otel.h
	@mkdir -p $(@D)
	$(ARM_CC) -std=c11 -Os -mcpu=cortex-m0plus -mthumb -I. -DCALL_SITES=$(firstword $(subst _, ,$*)) \
	    $(if $(findstring all_lengths,$*),-DCALL_SITES_OF_ALL_LENGTHS) -c -o $@ $<

# On the host.
BENCH_HOST_CFLAGS := -std=gnu17 -O2 $(WARNINGS) -Werror -Itests/bench

$(BENCH)/host_floor: tests/bench/host_floor.c tests/bench/floor_span.c tests/bench/bench_inputs.c $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(CC) $(BENCH_HOST_CFLAGS) -o $@ $(filter %.c,$^)

BENCH_HOST_OTEL := tests/bench/host_otel.c tests/bench/bench_transport.c tests/bench/bench_inputs.c \
    tests/bench/otel_implementation.c
BENCH_HOST_OTEL_CFLAGS := $(BENCH_HOST_CFLAGS) -I. -isystem $(NANOPB_DIR) -DBENCH_NO_CHECK

$(BENCH)/host_otel: $(BENCH_HOST_OTEL) tests/bench/host_port.c otel.h otel_port.h $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(CC) $(BENCH_HOST_OTEL_CFLAGS) -o $@ $(filter %.c,$^) $(NANOPB_DIR)/pb_common.c $(NANOPB_DIR)/pb_encode.c

$(BENCH)/host_otel_clock: $(BENCH_HOST_OTEL) $(wildcard ports/posix/*.c) otel.h otel_port.h $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(CC) $(BENCH_HOST_OTEL_CFLAGS) -DHOST_CLOCK -Iports/posix -o $@ $(filter %.c,$^) $(NANOPB_DIR)/pb_common.c \
	    $(NANOPB_DIR)/pb_encode.c -pthread

BENCH_RUST := $(BENCH)/rust/release/standard_span_rust
$(BENCH_RUST): tests/bench/rust/Cargo.toml tests/bench/rust/Cargo.lock tests/bench/rust/src/main.rs
	CARGO_TARGET_DIR=$(abspath $(BENCH)/rust) cargo build --release --locked --jobs 2 --manifest-path $<
	@touch $@

# The instruments, tested on what is known beforehand.
$(eval $(call firmware,bench/m4_known,mps2_an386,tests/bench/m4_known.c $(BENCH_COMMON),$(BENCH_CFLAGS)))

TEST_SUITES += bench

.PHONY: test-bench
test-bench: $(BENCH_PLUGIN) $(addprefix $(BENCH)/,m4_known.elf m4_floor_os.elf m4_floor_o2.elf) ## the instruments of `make bench`
	$(PYTEST) tests/bench

BENCH_IMAGES := m4_span_os m4_span_o2 m4_frame_os m4_frame_o2 m4_masked_os m4_masked_o2 m0_empty m0_min m0_traces m4_traces \
    m4_floor_os m4_floor_o2 m4_nanopb_os m4_nanopb_o2 m4_barectf_os m4_barectf_o2 \
    $(foreach level,$(BENCH_DISABLED_LEVELS),disabled_$(level)_with disabled_$(level)_without)
BENCH_NEEDS := $(BENCH_PLUGIN) $(BENCH_IMAGES:%=$(BENCH)/%.elf) $(BENCH_RUST) \
    $(addprefix $(BENCH)/,host_floor host_otel host_otel_clock) \
    $(foreach calls,8 16 8_all_lengths 16_all_lengths,$(BENCH)/call_site_$(calls).o)

.PHONY: bench-only
bench-only: $(BENCH_NEEDS) ## `make bench` without installing what it needs
	BUILD=$(BUILD) CC="$(CC)" BENCH_FLAGS="$(filter -f%sections,$(FIRMWARE_CFLAGS)) -Wl,--gc-sections" $(PYTHON) tests/bench/run

bench:
	tools/setup bench
	$(MAKE) -j2 bench-only

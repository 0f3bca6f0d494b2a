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

# On the host.
BENCH_HOST_CFLAGS := -std=gnu17 -O2 $(WARNINGS) -Werror -Itests/bench

$(BENCH)/host_floor: tests/bench/host_floor.c tests/bench/floor_span.c tests/bench/bench_inputs.c $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(CC) $(BENCH_HOST_CFLAGS) -o $@ $(filter %.c,$^)

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

# SPDX-License-Identifier: MIT
include examples/boards/boards.mk

TEST_SUITES += interop demo
COLLECTOR_SUITES += interop demo

# The application that says what it means, on a board and as a program.
MEANT_SOURCES := tests/interop/meant.c tests/interop/meant_tell.c examples/otel_implementation.c
MEANT_NANOPB = $(addprefix $(NANOPB_DIR)/,pb_common.c pb_encode.c)
MEANT_CFLAGS := -I. -Iports/transport -isystem $(NANOPB_DIR) -DOTEL_PORT_HAS_IDLE=1 \
    -DOTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=9

MEANT_FIRMWARE_SOURCES = $(MEANT_SOURCES) tests/interop/meant_board.c examples/semihosting_entropy.c \
    ports/cortex_m/otel_port_cortex_m.c ports/transport/otel_uart.c $(MEANT_NANOPB)
$(eval $(call firmware,interop/meant_mps2_an386,mps2_an386,$(MEANT_FIRMWARE_SOURCES),$(MEANT_CFLAGS) -Iports/cortex_m))
$(foreach source,$(filter-out $(NANOPB_DIR)/%,$(MEANT_FIRMWARE_SOURCES)),$(call firmware_object,interop/meant_mps2_an386,$(source))): tests/interop/interop.mk

MEANT_POSIX := $(BUILD)/interop/meant_posix
$(MEANT_POSIX): $(MEANT_SOURCES) tests/interop/meant_posix.c ports/posix/otel_port_posix.c \
    ports/transport/otel_udp_posix.c otel.h otel_port.h $(wildcard tests/interop/*.h ports/transport/*.h) \
    tests/interop/interop.mk
	@mkdir -p $(@D)
	for source in $(MEANT_NANOPB); do \
	    $(CC) -O2 -w -I$(NANOPB_DIR) -c -o $@.$$(basename $$source .c).o $$source || exit 1; done
	$(CC) -std=c11 -O2 -g $(WARNINGS) -Werror $(MEANT_CFLAGS) -DOTEL_PORT_HAS_WALL_TIME=1 -pthread -o $@ \
	    $(filter %.c,$^) $@.pb_common.o $@.pb_encode.o

INTEROP_NEEDS := $(BUILD)/otel-gateway $(BUILD)/interop/meant_mps2_an386.elf $(MEANT_POSIX)
DEMO_NEEDS := $(BUILD)/otel-gateway $(BUILD)/examples/demo_mps2_an386.elf
TEST_NEEDS += $(INTEROP_NEEDS) $(DEMO_NEEDS)

.PHONY: test-interop test-demo
test-interop: $(INTEROP_NEEDS) ## firmware, gateway, Collector and Jaeger together
	$(PYTEST) tests/interop --ignore=tests/interop/test_demo.py

test-demo: $(DEMO_NEEDS) ## tools/demo, alone and with somebody who listens
	$(PYTEST) tests/interop/test_demo.py

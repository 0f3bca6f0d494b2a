# SPDX-License-Identifier: MIT
# `make examples` builds every example into build/examples/.
include examples/boards/boards.mk

EXAMPLES_NANOPB = $(addprefix $(NANOPB_DIR)/,pb_common.c pb_encode.c)
EXAMPLES_HEADERS := otel.h otel_port.h $(wildcard ports/*/*.h examples/*/*.h)
EXAMPLES_POSIX_PORT := ports/posix/otel_port_posix.c ports/transport/otel_udp_posix.c
EXAMPLES_INCLUDES := -I. -isystem $(NANOPB_DIR)
EXAMPLES_CFLAGS := -std=c11 -O2 -g $(WARNINGS) -Werror $(EXAMPLES_INCLUDES) -Iports/transport
EXAMPLES_PROGRAMS := $(BUILD)/examples/first_span $(BUILD)/examples/control

$(BUILD)/examples/first_span: examples/01_first_span/main.c
$(BUILD)/examples/control: examples/02_control/posix.c examples/02_control/control.c examples/otel_implementation.c

# nanopb is compiled as it came: without our warnings.
$(EXAMPLES_PROGRAMS): $(EXAMPLES_POSIX_PORT) $(EXAMPLES_HEADERS) examples/examples.mk
	@mkdir -p $(@D)
	for source in $(EXAMPLES_NANOPB); do \
	    $(CC) -O2 -w -I$(NANOPB_DIR) -c -o $@.$$(basename $$source .c).o $$source || exit 1; done
	$(CC) $(EXAMPLES_CFLAGS) -pthread -o $@ $(filter %.c,$^) $@.pb_common.o $@.pb_encode.o

DEMO_SOURCES = examples/02_control/board.c examples/02_control/control.c examples/otel_implementation.c \
    examples/semihosting_entropy.c ports/cortex_m/otel_port_cortex_m.c ports/transport/otel_uart.c $(EXAMPLES_NANOPB)
DEMO_CFLAGS := $(EXAMPLES_INCLUDES) -Iports/cortex_m -Iports/transport -DOTEL_PORT_HAS_IDLE=1 \
    -DOTEL_PORT_CORTEX_M_SYSTICK_HZ=100
$(eval $(call firmware,examples/demo_mps2_an386,mps2_an386,$(DEMO_SOURCES),$(DEMO_CFLAGS)))
$(foreach source,$(filter-out $(NANOPB_DIR)/%,$(DEMO_SOURCES)),$(call firmware_object,examples/demo_mps2_an386,$(source))): examples/examples.mk

.PHONY: demo-firmware
demo-firmware: $(BUILD)/examples/demo_mps2_an386.elf ## the firmware that tools/demo boots

examples: $(EXAMPLES_PROGRAMS) demo-firmware

# SPDX-License-Identifier: MIT
# The unit suite on emulated boards, and an interrupt at every instruction.
include examples/boards/boards.mk
TEST_SUITES += target interrupt

# -isystem nanopb's generated code: it is compiled as it is.
TARGET_OTLP_CFLAGS := -fhosted -Itests/unit -I. $(OTLP_NANOPB_CFLAGS)
TARGET_OTLP_SOURCES := $(OTLP_NANOPB_SOURCES)

INTERRUPT_SOURCES := tests/target/interrupt.c tests/target/check_board.c tests/unit/check.c tests/unit/received.c \
    tests/target/implementation.c ports/cortex_m/otel_port_cortex_m.c $(TARGET_OTLP_SOURCES)
INTERRUPT_CFLAGS := $(TARGET_OTLP_CFLAGS) -Iports/cortex_m -DOTEL_PORT_CORTEX_M_TICKS=OTEL_PORT_CORTEX_M_COUNTER
$(eval $(call firmware,target/interrupt_os,mps2_an386,$(INTERRUPT_SOURCES),$(INTERRUPT_CFLAGS)))
$(eval $(call firmware,target/interrupt_o2,mps2_an386,$(INTERRUPT_SOURCES),$(INTERRUPT_CFLAGS) -O2))

.PHONY: test-interrupt
test-interrupt: $(BUILD)/target/interrupt_os.elf $(BUILD)/target/interrupt_o2.elf ## an interrupt at every instruction of the span path
	RUNNER="$(QEMU_BARE_mps2_an386) -icount shift=6 -serial stdio -kernel" tests/unit/run_all $^

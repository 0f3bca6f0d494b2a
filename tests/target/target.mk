# SPDX-License-Identifier: MIT
# The unit suite on emulated boards, and an interrupt at every instruction.
include examples/boards/boards.mk
TEST_SUITES += target interrupt

# -isystem nanopb's generated code: it is compiled as it is.
TARGET_OTLP_CFLAGS := -fhosted -Itests/unit -I. $(OTLP_NANOPB_CFLAGS)
TARGET_OTLP_SOURCES := $(OTLP_NANOPB_SOURCES)

INTERRUPT_SOURCES := tests/target/interrupt.c tests/target/check_board.c tests/unit/check.c tests/unit/received.c \
    tests/target/implementation.c ports/cortex_m/otel_port_cortex_m.c $(TARGET_OTLP_SOURCES)
INTERRUPT_CFLAGS := -Itests/target -DOTEL_CONFIG_FILE='"config_interrupt.h"' $(TARGET_OTLP_CFLAGS) -Iports/cortex_m -DOTEL_PORT_CORTEX_M_TICKS=OTEL_PORT_CORTEX_M_COUNTER
$(eval $(call firmware,target/interrupt_os,mps2_an386,$(INTERRUPT_SOURCES),$(INTERRUPT_CFLAGS)))
$(eval $(call firmware,target/interrupt_o2,mps2_an386,$(INTERRUPT_SOURCES),$(INTERRUPT_CFLAGS) -O2))

.PHONY: test-interrupt
test-interrupt: $(BUILD)/target/interrupt_os.elf $(BUILD)/target/interrupt_o2.elf ## an interrupt at every instruction of the span path
	tests/unit/run_all -r "$(QEMU_BARE_mps2_an386) -icount shift=6 -serial stdio -kernel" $^

TARGET_UNIT_SOURCES := tests/unit/unit.c tests/target/main_board.c tests/target/check_board.c $(addprefix tests/unit/, \
    check.c test_port.c test_transport.c received.c) $(TARGET_OTLP_SOURCES)

# $(call target_unit,NAME,BOARD,CONFIG,CFLAGS)
define target_unit
$(eval $(call firmware,target/unit_$(1),$(2),$(TARGET_UNIT_SOURCES),$(TARGET_OTLP_CFLAGS) -DTEST_ON_BOARD \
    -DOTEL_CONFIG_FILE='"config_$(3).h"' $(4)))
$(BUILD)/target/unit_$(1).objects/tests_unit_unit.o: $(wildcard tests/unit/*.c tests/unit/*.h)
endef
$(call target_unit,m4_default_os,mps2_an386,default,-Os)
$(call target_unit,m4_default_o2,mps2_an386,default,-O2)
$(call target_unit,m4_tiny_os,mps2_an386,tiny,-Os)
$(call target_unit,m0_tiny_os,microbit,tiny,-Os)
$(call target_unit,m0_least_os,microbit,least,-Os)
TARGET_UNIT_M4 := $(addprefix $(BUILD)/target/unit_m4_,default_os.elf default_o2.elf tiny_os.elf)
TARGET_UNIT_M0 := $(addprefix $(BUILD)/target/unit_m0_,tiny_os.elf least_os.elf)

.PHONY: test-target
test-target: $(TARGET_UNIT_M4) $(TARGET_UNIT_M0) ## the unit suite on an emulated Cortex-M4 and Cortex-M0
	tests/unit/run_all -r "$(QEMU_mps2_an386)" $(TARGET_UNIT_M4) -r "$(QEMU_microbit)" $(TARGET_UNIT_M0)

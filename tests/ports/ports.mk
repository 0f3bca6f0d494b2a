# SPDX-License-Identifier: MIT
include examples/boards/boards.mk

TEST_SUITES += ports
TEST_NEEDS += examples

PORTS_CFLAGS := -std=c11 -O1 -g $(WARNINGS) -Werror -I. -Iports/transport -Itests/unit
PORTS_ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all
PORTS_TSAN := -fsanitize=thread
PORTS_CHECK := tests/unit/check.c tests/unit/check_host.c
PORTS_HEADERS := otel.h otel_port.h tests/unit/check.h $(wildcard ports/*/*.h)
PORTS_PROGRAMS := $(addprefix $(BUILD)/ports/,uart_encode uart_encode_bytewise udp_posix uart_threads posix_port_asan \
    posix_port_tsan)

# Target-specific flags of each program, then one rule for all of them.
$(BUILD)/ports/uart_encode: PORTS_OWN := $(PORTS_ASAN)
$(BUILD)/ports/uart_encode_bytewise: PORTS_OWN := $(PORTS_ASAN) -DOTEL_UART_BYTEWISE
$(BUILD)/ports/uart_encode $(BUILD)/ports/uart_encode_bytewise: tests/ports/uart_encode.c ports/transport/otel_uart.c
$(BUILD)/ports/uart_threads: PORTS_OWN := $(PORTS_TSAN) -pthread
$(BUILD)/ports/uart_threads: tests/ports/uart_threads.c ports/transport/otel_uart.c ports/posix/otel_port_posix.c $(PORTS_CHECK)
$(BUILD)/ports/udp_posix: PORTS_OWN := $(PORTS_ASAN)
$(BUILD)/ports/udp_posix: tests/ports/udp_posix.c ports/transport/otel_udp_posix.c $(PORTS_CHECK)
$(BUILD)/ports/posix_port_asan: PORTS_OWN := $(PORTS_ASAN) -pthread
$(BUILD)/ports/posix_port_tsan: PORTS_OWN := $(PORTS_TSAN) -pthread
$(BUILD)/ports/posix_port_asan $(BUILD)/ports/posix_port_tsan: tests/ports/posix_port.c ports/posix/otel_port_posix.c $(PORTS_CHECK)

$(PORTS_PROGRAMS): $(PORTS_HEADERS) tests/ports/ports.mk
	@mkdir -p $(@D)
	$(CC) $(PORTS_CFLAGS) $(PORTS_OWN) -o $@ $(filter %.c,$^)

PORTS_FIRMWARE_SOURCES := tests/ports/cortex_m_port.c tests/unit/check.c ports/cortex_m/otel_port_cortex_m.c
PORTS_FIRMWARE_CFLAGS := -I. -Iports/cortex_m -Itests/unit -DOTEL_PORT_CORTEX_M_SYSTICK_HZ=20000
PORTS_SYSTICK := -DOTEL_PORT_CORTEX_M_TICKS=1 -DOTEL_PORT_CORTEX_M_HANDLERS=2
PORTS_COUNTER := -DOTEL_PORT_CORTEX_M_TICKS=3 -DOTEL_PORT_CORTEX_M_HANDLERS=1
$(eval $(call firmware,ports/mps2_an386_systick,mps2_an386,$(PORTS_FIRMWARE_SOURCES),$(PORTS_FIRMWARE_CFLAGS) $(PORTS_SYSTICK)))
$(eval $(call firmware,ports/microbit_systick,microbit,$(PORTS_FIRMWARE_SOURCES),$(PORTS_FIRMWARE_CFLAGS) $(PORTS_SYSTICK)))
$(eval $(call firmware,ports/mps2_an386_counter,mps2_an386,$(PORTS_FIRMWARE_SOURCES),$(PORTS_FIRMWARE_CFLAGS) $(PORTS_COUNTER)))
PORTS_FIRMWARE := $(addprefix $(BUILD)/ports/,mps2_an386_systick.elf microbit_systick.elf mps2_an386_counter.elf)
$(foreach name,mps2_an386_systick microbit_systick mps2_an386_counter,$(foreach source,$(PORTS_FIRMWARE_SOURCES),$(call firmware_object,ports/$(name),$(source)))): tests/ports/ports.mk

.PHONY: test-ports
test-ports: $(PORTS_PROGRAMS) $(PORTS_FIRMWARE) $(BUILD)/otel-gateway examples ## the ports and their transports
	$(PYTEST) tests/ports

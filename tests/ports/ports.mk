# SPDX-License-Identifier: MIT
TEST_SUITES += ports

PORTS_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

$(BUILD)/ports/uart_encode: tests/ports/uart_encode.c ports/transport/otel_uart.c ports/transport/otel_uart.h otel.h otel_port.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 -g $(WARNINGS) -Werror $(PORTS_SANITIZE) -I. -Iports/transport -o $@ $(filter %.c,$^)

$(BUILD)/ports/uart_encode_bytewise: tests/ports/uart_encode.c ports/transport/otel_uart.c ports/transport/otel_uart.h otel.h otel_port.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 -g $(WARNINGS) -Werror $(PORTS_SANITIZE) -DOTEL_UART_BYTEWISE -I. -Iports/transport -o $@ $(filter %.c,$^)

.PHONY: test-ports
test-ports: $(BUILD)/ports/uart_encode $(BUILD)/ports/uart_encode_bytewise ## the ports and their transports
	$(PYTEST) tests/ports

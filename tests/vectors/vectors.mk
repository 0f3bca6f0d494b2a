# SPDX-License-Identifier: MIT
# The device's end of the link against the vectors; the gateway's end is in tests/gateway.
TEST_SUITES += vectors

VECTORS_SOURCES := tests/vectors/device.c tests/unit/test_port.c ports/transport/otel_uart.c $(NANOPB_DIR)/pb_common.c \
    $(NANOPB_DIR)/pb_encode.c

$(BUILD)/vectors/device: $(VECTORS_SOURCES) ports/transport/otel_uart.h tests/unit/test_port.h tests/gateway/vectors.h otel.h \
    otel_port.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g $(WARNINGS) -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -I. \
	    -Iports/transport -Itests/unit -Itests/gateway -isystem $(NANOPB_DIR) -o $@ $(VECTORS_SOURCES) -lcmocka

.PHONY: test-vectors
test-vectors: $(BUILD)/vectors/device ## the device's frames against tests/vectors
	$<

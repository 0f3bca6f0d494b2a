# SPDX-License-Identifier: MIT
# The device's end of the link against the vectors; the gateway's end is in tests/gateway.
TEST_SUITES += vectors

$(BUILD)/vectors/device: tests/vectors/device.c ports/transport/otel_uart.c ports/transport/otel_uart.h otel.h otel_port.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 -g $(WARNINGS) -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -I. \
	    -Iports/transport -isystem $(NANOPB_DIR) -o $@ $(filter %.c,$^) $(NANOPB_DIR)/pb_common.c $(NANOPB_DIR)/pb_encode.c

.PHONY: test-vectors
test-vectors: $(BUILD)/vectors/device ## the device's frames against tests/vectors
	$< tests/vectors/link.tsv

# SPDX-License-Identifier: MIT
# Every unit_*.c here is a cmocka program over the gateway's own objects, under ASan and UBSan.
TEST_SUITES += gateway-unit gateway
TEST_NEEDS += $(BUILD)/otel-gateway-asan

GATEWAY_UNITS := $(patsubst tests/gateway/%.c,$(BUILD)/tests/gateway/%,$(wildcard tests/gateway/unit_*.c))
GATEWAY_UNIT_OBJECTS := $(patsubst tools/gateway/%.c,$(BUILD)/gateway-asan/%.o, \
    $(filter-out %/main.c,$(wildcard tools/gateway/*.c)))

$(BUILD)/tests/gateway/unit_%: tests/gateway/unit_%.c $(GATEWAY_UNIT_OBJECTS) $(wildcard tests/gateway/*.h)
	@mkdir -p $(@D)
	@echo '  cc      $@'
	@$(CC) $(filter-out -MMD -MP,$(GATEWAY_CFLAGS)) -O1 $(GATEWAY_SANITIZERS) -o $@ $< \
	    $(GATEWAY_UNIT_OBJECTS) $(GATEWAY_LIBS) -lcmocka

.PHONY: test-gateway-unit test-gateway
test-gateway-unit: $(GATEWAY_UNITS) ## the gateway's parts, under sanitizers
	@tests/gateway/run_units $(GATEWAY_UNITS)

test-gateway: $(BUILD)/otel-gateway $(BUILD)/otel-gateway-asan ## the gateway as a process
	$(PYTEST) tests/gateway

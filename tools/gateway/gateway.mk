# SPDX-License-Identifier: MIT
# The gateway, and the same under sanitizers: objects in build/gateway and build/gateway-asan.
GATEWAY_SOURCES := $(wildcard tools/gateway/*.c)
GATEWAY_CFLAGS := -std=gnu17 -O2 -g $(WARNINGS) -Werror -MMD -MP -I. -Itools/gateway \
    $(shell pkg-config --cflags libuv libcurl)
GATEWAY_LIBS := $(shell pkg-config --libs libuv libcurl) -lprotobuf-nanopb -lm
GATEWAY_SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

GATEWAY_OBJECTS := $(GATEWAY_SOURCES:tools/gateway/%.c=$(BUILD)/gateway/%.o)
GATEWAY_ASAN_OBJECTS := $(GATEWAY_SOURCES:tools/gateway/%.c=$(BUILD)/gateway-asan/%.o)

$(BUILD)/gateway/%.o: tools/gateway/%.c tools/gateway/gateway.mk
	@mkdir -p $(@D)
	@echo '  cc      $@'
	@$(CC) $(GATEWAY_CFLAGS) -c -o $@ $<

$(BUILD)/gateway-asan/%.o: tools/gateway/%.c tools/gateway/gateway.mk
	@mkdir -p $(@D)
	@echo '  cc      $@'
	@$(CC) $(GATEWAY_CFLAGS) -O1 $(GATEWAY_SANITIZERS) -c -o $@ $<

$(BUILD)/otel-gateway: $(GATEWAY_OBJECTS)
	@echo '  cc      $@'
	@$(CC) -o $@ $^ $(GATEWAY_LIBS)

$(BUILD)/otel-gateway-asan: $(GATEWAY_ASAN_OBJECTS)
	@echo '  cc      $@'
	@$(CC) $(GATEWAY_SANITIZERS) -o $@ $^ $(GATEWAY_LIBS)

-include $(GATEWAY_OBJECTS:.o=.d) $(GATEWAY_ASAN_OBJECTS:.o=.d)

# SPDX-License-Identifier: MIT
# The unit suite of otel.h: once for each configuration, under each compiler and sanitizer.
TEST_SUITES += unit

UNIT := $(BUILD)/unit
UNIT_CONFIGS := least tiny default huge
UNIT_BUILDS := gcc_O0 gcc_O2 clang_Os sanitized
UNIT_COMMON := tests/unit/check.c tests/unit/check_host.c tests/unit/test_port.c tests/unit/test_transport.c \
    tests/unit/received.c tests/unit/main_host.c
UNIT_CFLAGS := -g $(WARNINGS) -Werror -I. -Itests/unit $(OTLP_NANOPB_CFLAGS)
UNIT_SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

UNIT_CC_gcc_O0 := $(CC) -std=c99 -O0
UNIT_CC_gcc_O2 := $(CC) -std=c17 -O2
UNIT_CC_clang_Os := $(CLANG) -std=c11 -Os
UNIT_CC_sanitized := $(CC) -std=c11 -O1 $(UNIT_SANITIZERS)

# $(call unit_program,BUILD,CONFIG)
define unit_program
UNIT_PROGRAMS += $(UNIT)/$(1)_$(2)
$(UNIT)/$(1)_$(2): tests/unit/unit.c $(UNIT_COMMON) $(wildcard tests/unit/*.c tests/unit/*.h) otel.h otel_port.h \
    $(OTLP_NANOPB_OBJECTS) tests/unit/unit.mk
	@mkdir -p $$(@D)
	$$(UNIT_CC_$(1)) $$(UNIT_CFLAGS) -DOTEL_CONFIG_FILE='"config_$(2).h"' -o $$@ tests/unit/unit.c \
	    $(UNIT_COMMON) $(OTLP_NANOPB_OBJECTS)
endef
UNIT_PROGRAMS :=
$(foreach build,$(UNIT_BUILDS),$(foreach config,$(UNIT_CONFIGS),$(eval $(call unit_program,$(build),$(config)))))

# Threads, on the POSIX port, under ThreadSanitizer (with the address space layout that it needs) and under ASan.
UNIT_THREADS := tests/unit/threads.c tests/unit/check.c tests/unit/check_host.c tests/unit/received.c \
    tests/target/implementation.c ports/posix/otel_port_posix.c
$(UNIT)/threads_%: $(UNIT_THREADS) $(wildcard tests/unit/*.h) otel.h otel_port.h $(OTLP_NANOPB_OBJECTS) tests/unit/unit.mk
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -fsanitize=$* $(UNIT_CFLAGS) -o $@ $(UNIT_THREADS) $(OTLP_NANOPB_OBJECTS) -lpthread

.PHONY: test-unit
test-unit: $(UNIT_PROGRAMS) $(UNIT)/threads_thread $(UNIT)/threads_address ## every section of otel.h, in every configuration
	tests/unit/run_all $(UNIT_PROGRAMS) $(UNIT)/threads_address -r "setarch -R" $(UNIT)/threads_thread

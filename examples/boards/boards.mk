# SPDX-License-Identifier: MIT
# Firmware for the emulated boards in one line:
#
#     include examples/boards/boards.mk          (may be included any number of times)
#     $(eval $(call firmware,examples/hello_microbit,microbit,examples/hello.c $(FIRMWARE_NANOPB),-Iports/cortex_m -O2))
#
# builds $(BUILD)/examples/hello_microbit.elf and .map. Arguments: name (below $(BUILD)/), board, sources (.c), more compiler
# flags (they come last, so -O2 there wins over -Os), more linker flags. `$(QEMU_microbit) $(BUILD)/examples/hello_microbit.elf`
# runs it with the UART on stdin and stdout; it ends with the status that main() returned.
ifndef BOARDS_MK
BOARDS_MK := 1

BUILD ?= build
ARM_CC ?= arm-none-eabi-gcc
QEMU_ARM ?= qemu-system-arm
BOARDS := mps2_an386 microbit

# The three files that span encoding and decoding on a device need. NANOPB_DIR is expanded late: it may be set after this.
FIRMWARE_NANOPB = $(addprefix $(NANOPB_DIR)/,pb_common.c pb_encode.c pb_decode.c)

BOARD_CPU_mps2_an386 := -mcpu=cortex-m4 -mthumb -mfloat-abi=soft
BOARD_CPU_microbit := -mcpu=cortex-m0 -mthumb -mfloat-abi=soft

FIRMWARE_CFLAGS := -std=c11 -Os -g -ffreestanding -ffunction-sections -fdata-sections -fno-common -fstack-usage
FIRMWARE_LDFLAGS := --specs=nano.specs --specs=nosys.specs -nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings
# newlib's stubs of system calls warn when they are linked: with fatal warnings, nobody pulls stdio in unnoticed.

# $(call board_sources,BOARD)
board_sources = examples/boards/cortex_m/startup.c examples/boards/cortex_m/uart_common.c examples/boards/$(1)/uart.c
# $(call board_cflags,BOARD)
board_cflags = $(BOARD_CPU_$(1)) -Iexamples/boards -Iexamples/boards/$(1)
board_ldflags = -Lexamples/boards/cortex_m -Texamples/boards/$(1)/link.ld

QEMU_COMMON := -display none -monitor none -semihosting-config enable=on,target=native
QEMU_MACHINE_mps2_an386 := mps2-an386
QEMU_MACHINE_microbit := microbit
# Without the UART, for those who put it elsewhere: add -serial or -chardev, then -kernel FILE.
QEMU_BARE_mps2_an386 := $(QEMU_ARM) -M mps2-an386 $(QEMU_COMMON)
QEMU_BARE_microbit := $(QEMU_ARM) -M microbit $(QEMU_COMMON)
QEMU_mps2_an386 := $(QEMU_BARE_mps2_an386) -serial stdio -kernel
QEMU_microbit := $(QEMU_BARE_microbit) -serial stdio -kernel

# $(call firmware_object,NAME,SOURCE)
firmware_object = $(BUILD)/$(1).objects/$(subst /,_,$(basename $(2))).o

# What was fetched or generated is compiled as it is; our own warnings are for our own files.
# $(call firmware_compile,NAME,BOARD,SOURCE,CFLAGS)
define firmware_compile
$(call firmware_object,$(1),$(3)): $(3) examples/boards/boards.mk
	@mkdir -p $$(@D)
	$$(ARM_CC) $$(FIRMWARE_CFLAGS) $$(call board_cflags,$(2)) $(if $(filter $(NANOPB_DIR)/% $(BUILD)/%,$(3)),-w,$$(WARNINGS) -Werror) $(4) -MMD -MP -c -o $$@ $(3)
-include $(patsubst %.o,%.d,$(call firmware_object,$(1),$(3)))
endef

# $(call firmware,NAME,BOARD,SOURCES,CFLAGS,LDFLAGS)
define firmware
$(foreach source,$(3) $(call board_sources,$(2)),$(eval $(call firmware_compile,$(1),$(2),$(source),$(4))))
$(BUILD)/$(1).elf: $(foreach source,$(3) $(call board_sources,$(2)),$(call firmware_object,$(1),$(source))) examples/boards/$(2)/link.ld examples/boards/cortex_m/sections.ld
	@mkdir -p $$(@D)
	$$(ARM_CC) $$(BOARD_CPU_$(2)) $$(FIRMWARE_LDFLAGS) $$(call board_ldflags,$(2)) $(5) -Wl,-Map=$$(basename $$@).map -o $$@ $$(filter %.o,$$^) -lgcc
endef

endif

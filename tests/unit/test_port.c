/* SPDX-License-Identifier: MIT */
#include "test_port.h"

#include "otel_port.h"

#include <string.h>

test_port port;

/* Not cleared with the rest: two boots with the same entropy would draw the same ids. */
static uint32_t boot_count;

void test_port_reset(void)
{
    memset(&port, 0, sizeof port);
    port.ticks_per_second = 1000000u;
    port.ticks_per_reading = 1;
    boot_count++;
    for (size_t i = 0; i < sizeof port.entropy; i++) {
        port.entropy[i] = (uint8_t)(0x5Au + 29u * i + boot_count * 7u);
    }
    memcpy(port.entropy, &boot_count, sizeof boot_count);
}

void test_port_outside_lock(void)
{
    if (port.lock_depth != 0) {
        port.lock_errors++;
    }
}

void test_port_interrupt(void (*handler)(void))
{
    const unsigned interrupted = port.context;
    const uintptr_t word = port.words[TEST_CONTEXT_HANDLER];

    port.context = TEST_CONTEXT_HANDLER;
    port.words[TEST_CONTEXT_HANDLER] = 0;
    handler();
    port.words[TEST_CONTEXT_HANDLER] = word;
    port.context = interrupted;
}

static void interrupt_opportunity(void)
{
    if (port.handler_countdown == 0 || --port.handler_countdown != 0) {
        return;
    }
    test_port_interrupt(port.handler);
}

uintptr_t otel_port_lock(void)
{
    interrupt_opportunity();
    if (port.lock_depth != 0) {
        port.lock_errors++;
    }
    port.lock_depth++;
    port.locks++;
    return 0xA5A5u + (uintptr_t)port.locks;
}

void otel_port_unlock(uintptr_t state)
{
    if (port.lock_depth != 1 || state != 0xA5A5u + (uintptr_t)port.locks) {
        port.lock_errors++;
    }
    port.lock_depth--;
    interrupt_opportunity();
}

uint64_t otel_port_ticks(void)
{
    test_port_outside_lock();
    interrupt_opportunity();
    port.ticks += port.ticks_per_reading;
    return port.ticks;
}

uint32_t otel_port_ticks_per_sec(void)
{
    test_port_outside_lock();
    return port.ticks_per_second;
}

uintptr_t otel_port_context_get(void)
{
    return port.words[port.context];
}

void otel_port_context_set(uintptr_t word)
{
    port.words[port.context] = word;
}

bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    test_port_outside_lock();
    if (port.entropy_fails || size_bytes != sizeof port.entropy) {
        return false;
    }
    memcpy(out, port.entropy, size_bytes);
    return true;
}

size_t otel_port_unique_id(uint8_t *out, size_t size_bytes)
{
    const size_t length = port.unique_id_length < size_bytes ? port.unique_id_length : size_bytes;

    test_port_outside_lock();
    memcpy(out, port.unique_id, length);
    return length;
}

bool otel_port_wall_time_ns(int64_t *unix_time_ns, uint32_t *uncertainty_us)
{
    test_port_outside_lock();
    *unix_time_ns = port.wall_time_ns;
    *uncertainty_us = port.wall_uncertainty_us;
    return port.wall_time_known;
}

void otel_port_idle(uint32_t at_most_ms)
{
    test_port_outside_lock();
    port.idles++;
    port.ticks += port.ticks_per_idle * at_most_ms;
    if (port.on_idle != NULL) {
        port.on_idle();
    }
}

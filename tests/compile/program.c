/* SPDX-License-Identifier: MIT */
/* The rest of a program: a port that is nothing but a clock that moves, and main(). */
#include "otel_port.h"

int uses_everything(void);
int uses_everything_too(void);

static uint64_t ticks;
static uintptr_t word;

uintptr_t otel_port_lock(void)
{
    return 0;
}

void otel_port_unlock(uintptr_t state)
{
    (void)state;
}

uint64_t otel_port_ticks(void)
{
    return ticks++;
}

uint32_t otel_port_ticks_per_sec(void)
{
    return 1000;
}

uintptr_t otel_port_context_get(void)
{
    return word;
}

void otel_port_context_set(uintptr_t value)
{
    word = value;
}

bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        out[i] = (uint8_t)(i + 1u);
    }
    return true;
}

int main(void)
{
    return uses_everything() == 5 && uses_everything_too() == 5 ? 0 : 1;
}

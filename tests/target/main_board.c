/* SPDX-License-Identifier: MIT */
#include "board.h"

#include <errno.h>
#include <stddef.h>

int unit_main(void);
void *_sbrk(ptrdiff_t bytes);

/* The heap of nanopb's decoder ends before the stack may begin: what does not fit is a failed test,
 * not a crash. The stack of a unit test on a Cortex-M0 stays below this. */
enum { STACK_BYTES = 2816 };

void *_sbrk(ptrdiff_t bytes)
{
    extern char end[], board_link_stack_top[];
    const uintptr_t limit = (uintptr_t)board_link_stack_top - STACK_BYTES;
    static char *top = end;
    char *const given = top;

    if ((uintptr_t)top + (uintptr_t)bytes > limit) {
        errno = ENOMEM;
        return (void *)-1;
    }
    top += bytes;
    return given;
}

int main(void)
{
    board_init();
    return unit_main();
}

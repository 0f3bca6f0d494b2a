/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>

void check_write(const char *text)
{
    (void)fputs(text, stdout);
    (void)fflush(stdout);
}

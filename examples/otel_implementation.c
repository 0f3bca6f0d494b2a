/* SPDX-License-Identifier: MIT */
/* The one file of a program in which otel.h is implemented. */
#define OTEL_IMPLEMENTATION
#include "otel.h"

/* SPDX-License-Identifier: MIT */
#define OTEL_IMPLEMENTATION
#include "otel.h"

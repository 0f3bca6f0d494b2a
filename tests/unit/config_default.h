/* SPDX-License-Identifier: MIT */
/* What a user gets who configures nothing. */
#define TEST_CONFIG_NAME "default"
#define TEST_ARENA_BYTES 65536u

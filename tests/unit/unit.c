/* SPDX-License-Identifier: MIT */
/*
 * The unit suite: one file for each section of otel.h, all in the one unit that has the
 * implementation, so that a test may look inside. The configuration is OTEL_CONFIG_FILE.
 */
#define OTEL_IMPLEMENTATION
#include "otel.h"

#ifdef TEST_ON_BOARD
enum { TEST_ROUNDS = 200 };
#else
enum { TEST_ROUNDS = 3000 };
#endif

#include "fixture.h"

#include "section_writer.c"

#include "section_utf8.c"

#include "section_clock.c"

#include "section_random.c"

#include "section_pools.c"

#include "section_queue.c"

#include "section_frame.c"

#include "section_messages.c"

#include "section_public.c"

#define RUN(section)                                                                               \
    check_run(#section, section##_tests, COUNT_OF(section##_tests), fixture_before, fixture_after)

int unit_main(void);

int unit_main(void)
{
    check_write("configuration " TEST_CONFIG_NAME "\n");
    RUN(writer);
    RUN(utf8);
    RUN(clock);
    RUN(random);
    RUN(pools);
    RUN(queue);
    RUN(frame);
    RUN(messages);
    RUN(public);
    return check_finish();
}

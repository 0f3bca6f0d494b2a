/* SPDX-License-Identifier: MIT */
/* A function with CALL_SITES calls of otel_span_set_str, each with two literals of its own: how
 * much flash one more call costs. With CALL_SITES_OF_ALL_LENGTHS no two calls share their lengths.
 */
#include "otel.h"

#ifdef CALL_SITES_OF_ALL_LENGTHS
#define CALL(number, more) otel_span_set_str(span, "key." #number more, "value" more more)
#else
#define CALL(number, more) otel_span_set_str(span, "sensor.key." #number, "value." #number)
#endif

void call_sites(otel_span span);

void call_sites(otel_span span)
{
    CALL(00, "");
    CALL(01, "a");
    CALL(02, "ab");
    CALL(03, "abc");
    CALL(04, "abcd");
    CALL(05, "abcde");
    CALL(06, "abcdef");
    CALL(07, "abcdefg");
#if CALL_SITES > 8
    CALL(08, "abcdefgh");
#endif
#if CALL_SITES > 9
    CALL(09, "abcdefghi");
    CALL(10, "abcdefghij");
    CALL(11, "abcdefghijk");
    CALL(12, "abcdefghijkl");
    CALL(13, "abcdefghijklm");
    CALL(14, "abcdefghijklmn");
    CALL(15, "abcdefghijklmno");
#endif
}

/* SPDX-License-Identifier: MIT */
/*
 * An interrupt between any two instructions of the span path.
 *
 * The path (start, setters, event, status, rename, end, poll) is run again and again, each time with
 * SysTick set to fire one tick later than before, until it fires behind the end. QEMU with
 * `-icount shift=6` gives an instruction 64 ns and this board's SysTick a tick of 40 ns, so no boundary
 * between two instructions is left out. Lock and current span are those of ports/cortex_m.
 *
 * After each run: every frame decodes, pools and queue are empty, every span was sent or counted, and
 * the interrupted span says what the task and the handler did, each call whole or counted.
 */
#include "board.h"
#include "check.h"
#include "otel.h"
#include "otel_port.h"
#include "otel_port_cortex_m.h"
#include "received.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the board's part of the port ---------------------------------------------------------- */

/* A millisecond at each reading, so that otel_poll in the path always has a frame to send. */
static volatile uint32_t counter;

uint32_t otel_port_cortex_m_counter(void)
{
    counter += 1000;
    return counter;
}

bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    memset(out, 0x5C, size_bytes);
    return true;
}

/* ---- the far end --------------------------------------------------------------------------- */

/* A run sends one frame from the path and two more with what came behind it, or a whole queue. */
enum { FRAMES_MAX = 8, FRAME_BYTES_MAX = 1400 };

static struct {
    size_t count;
    size_t length[FRAMES_MAX];
    uint8_t bytes[FRAMES_MAX][FRAME_BYTES_MAX];
} frames;

static otlp_request requests[FRAMES_MAX];
static otel_send_result answer;
static volatile bool owns_frame;

static otel_send_result keep_frame(void *self, const otel_frame *frame)
{
    (void)self;
    if (answer == OTEL_SEND_BUSY) {
        return answer;
    }
    if (CHECK(frames.count < FRAMES_MAX) && CHECK(!owns_frame)) {
        frames.length[frames.count] =
            otel_frame_copy(frame, frames.bytes[frames.count], FRAME_BYTES_MAX);
        frames.count++;
    }
    owns_frame = answer == OTEL_SEND_TAKEN;
    return answer;
}

static void give_frame_back(void)
{
    if (owns_frame) {
        owns_frame = false;
        otel_frame_done(true);
    }
}

static const otel_transport transport = {keep_frame, NULL, NULL, 0};
static otel_config config = {.service_name = "interrupt",
                             .transport = &transport,
                             .flush_interval_ms = 1,
                             .stats_interval_ms = UINT32_MAX};

static void decode_frames(void)
{
    link_frame frame;

    for (size_t i = 0; i < frames.count; i++) {
        memset(&requests[i], 0, sizeof requests[i]);
        CHECK(link_parse(frames.bytes[i], frames.length[i], &frame));
        CHECK(otlp_decode_request(frame.payload, frame.payload_length, &requests[i], true));
    }
}

static void forget_frames(void)
{
    for (size_t i = 0; i < frames.count; i++) {
        otlp_release(&requests[i]);
    }
    frames.count = 0;
}

/* Every span that arrived in this run, one after the other; NULL behind the last. */
static const otlp_span *arrived(size_t index)
{
    for (size_t f = 0; f < frames.count; f++) {
        for (size_t r = 0; r < requests[f].resource_spans_count; r++) {
            const opentelemetry_proto_trace_v1_ResourceSpans *const resource =
                &requests[f].resource_spans[r];
            for (size_t s = 0; s < resource->scope_spans_count; s++) {
                if (index < resource->scope_spans[s].spans_count) {
                    return &resource->scope_spans[s].spans[index];
                }
                index -= resource->scope_spans[s].spans_count;
            }
        }
    }
    return NULL;
}

static size_t arrived_count(void)
{
    size_t count = 0;

    while (arrived(count) != NULL) {
        count++;
    }
    return count;
}

/* The one span with this name; NULL when there is none, and a failure when there are more. */
static const otlp_span *named(const char *name)
{
    const otlp_span *found = NULL;
    const otlp_span *span;

    for (size_t i = 0; (span = arrived(i)) != NULL; i++) {
        if (strcmp(span->name, name) == 0) {
            CHECK(found == NULL);
            found = span;
        }
    }
    return found;
}

static const char *text_of(const otlp_span *span, const char *key)
{
    const otlp_attribute *const attribute =
        otlp_find(span->attributes, span->attributes_count, key);

    return attribute == NULL || attribute->value == NULL ||
                   attribute->value->which_value !=
                       opentelemetry_proto_common_v1_AnyValue_string_value_tag
               ? "(missing)"
               : attribute->value->value.string_value;
}

static int64_t number_of(const otlp_span *span, const char *key)
{
    const otlp_attribute *const attribute =
        otlp_find(span->attributes, span->attributes_count, key);

    return attribute == NULL || attribute->value == NULL ? 0 : attribute->value->value.int_value;
}

static bool has_event(const otlp_span *span, const char *name)
{
    for (size_t i = 0; i < span->events_count; i++) {
        if (strcmp(span->events[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool one_of(const char *text, const char *first, const char *second)
{
    return strcmp(text, first) == 0 || strcmp(text, second) == 0;
}

/* ---- what is interrupted, and by what ------------------------------------------------------ */

static otel_span victim;

static void path(void)
{
    const otel_attribute attribute = otel_i64("e", 9);

    victim.handle = 0;
    victim = otel_span_start("path");
    otel_span_set_str(victim, "k", "task");
    otel_span_set_i64(victim, "i", 5);
    otel_span_set_str(victim, "k", "task again, longer");
    otel_span_event_with(victim, "task event", &attribute, 1);
    otel_span_set_status(victim, OTEL_SPAN_STATUS_ERROR, "task");
    otel_span_set_name(victim, "renamed");
    otel_span_end(victim);
    otel_poll();
}

static void handler_span(void)
{
    const otel_span span = otel_span_start("handler");
    const otel_scope scope = otel_span_make_current(span);

    otel_span_end(otel_span_start("handler child"));
    otel_span_set_i64(span, "h", 1);
    otel_span_event(span, "in handler");
    otel_scope_restore(scope);
    otel_span_end(span);
}

static void handler_other_span(void)
{
    otel_span_end(otel_span_start("other"));
}

static void handler_writes(void)
{
    otel_span_set_str(victim, "k", "handler wrote");
    otel_span_event(victim, "handler event");
    otel_span_set_i64(victim, "x", 7);
    otel_span_set_status(victim, OTEL_SPAN_STATUS_ERROR, "handler");
}

static void handler_ends(void)
{
    otel_span_end(victim);
}

static void handler_everything(void)
{
    handler_span();
    handler_writes();
    handler_ends();
    handler_other_span();
}

/* As the end of a DMA transfer does. */
static void handler_gives_back(void)
{
    handler_span();
    give_frame_back();
}

enum { HANDLER_CALLS = 4 };

static volatile bool fired;
static void (*scenario)(void);

static volatile uint32_t *const systick_control = (volatile uint32_t *)0xE000E010u;
static volatile uint32_t *const systick_reload = (volatile uint32_t *)0xE000E014u;
static volatile uint32_t *const systick_value = (volatile uint32_t *)0xE000E018u;

/* Off, and taken back if it is pending: a short period has come again before its handler ran. */
static void systick_stop(void)
{
    *systick_control = 0;
    *(volatile uint32_t *)0xE000ED04u = 1ul << 25;
}

static void on_systick(void)
{
    systick_stop();
    fired = true;
    scenario();
}

/* Returns whether the interrupt came before the path's end. */
static bool run_path(uint32_t ticks)
{
    bool in_time;

    fired = false;
    *systick_reload = ticks;
    *systick_value = 0;
    *systick_control = 7; /* the core's clock, with interrupt, on */
    path();
    in_time = fired;
    systick_stop();
    return in_time;
}

/* ---- what must be true afterwards ---------------------------------------------------------- */

static otel_stats before, after;

#define GREW(counter) (after.counter - before.counter)

static void check_accounts(size_t arrived)
{
    uint32_t primask;

    __asm volatile("mrs %0, primask" : "=r"(primask));
    CHECK_EQUAL(primask, 0);
    CHECK_EQUAL(after.contexts_in_use, 0);
    CHECK_EQUAL(after.recordings_in_use, 0);
    CHECK_EQUAL(after.queue_bytes, 0);
    CHECK_EQUAL(GREW(spans_started), arrived + GREW(spans_dropped_queue_full));
    CHECK_EQUAL(GREW(spans_sent), arrived);
    CHECK_EQUAL(GREW(spans_dropped_no_context) + GREW(spans_dropped_no_recording) +
                    GREW(attributes_dropped) + GREW(events_dropped),
                0);
    CHECK_EQUAL(otel_span_current().handle, 0);
}

static void check_handler_spans(void)
{
    const otlp_span *const span = named("handler");
    const otlp_span *const child = named("handler child");

    if (CHECK(span != NULL) && CHECK(child != NULL)) {
        CHECK(span->parent_span_id == NULL);
        CHECK_SIGNED(number_of(span, "h"), 1);
        CHECK_EQUAL(span->events_count, 1);
        CHECK(child->parent_span_id != NULL &&
              memcmp(child->parent_span_id->bytes, span->span_id->bytes, 8) == 0);
    }
}

static void check_untouched(void)
{
    const otlp_span *const span = named("renamed");

    if (CHECK(span != NULL)) {
        CHECK_EQUAL(span->attributes_count, 2);
        CHECK_TEXT(text_of(span, "k"), "task again, longer");
        CHECK_SIGNED(number_of(span, "i"), 5);
        CHECK_EQUAL(span->events_count, 1);
        CHECK_EQUAL(span->events[0].attributes_count, 1);
        CHECK_TEXT(span->status->message, "task");
    }
    CHECK_EQUAL(GREW(calls_invalid_handle) + GREW(calls_busy), 0);
    check_handler_spans();
}

/* Each of the handler's calls was done, or counted as busy or as without a span; none of the task's
 * was lost but one that the handler's claim cannot meet, since a handler runs to its end. */
static void check_written(void)
{
    const otlp_span *const span = named("renamed");
    const uint32_t counted = GREW(calls_invalid_handle) + GREW(calls_busy);

    if (!CHECK(span != NULL)) {
        return;
    }
    CHECK(counted == 0 || counted == HANDLER_CALLS);
    CHECK_EQUAL(has_event(span, "handler event"), counted == 0);
    CHECK_SIGNED(number_of(span, "x"), counted == 0 ? 7 : 0);
    CHECK(has_event(span, "task event"));
    CHECK_EQUAL(span->attributes_count, counted == 0 ? 3 : 2);
    CHECK(one_of(text_of(span, "k"), "task again, longer",
                 counted == 0 ? "handler wrote" : "task again, longer"));
    CHECK(one_of(span->status->message, "task", counted == 0 ? "handler" : "task"));
    CHECK_SIGNED(number_of(span, "i"), 5);
}

/* Ended once; what the task called later was counted. */
static void check_ended(void)
{
    const otlp_span *span = named("renamed");
    unsigned done = 0;

    if (span == NULL) {
        span = named("path");
    } else {
        done++;
    }
    if (!CHECK(span != NULL)) {
        return;
    }
    CHECK(span->end_time_unix_nano >= span->start_time_unix_nano);
    done += strcmp(text_of(span, "k"), "task") == 0                 ? 1
            : strcmp(text_of(span, "k"), "task again, longer") == 0 ? 2
                                                                    : 0;
    done += number_of(span, "i") == 5 ? 1 : 0;
    done += has_event(span, "task event") ? 1 : 0;
    done += span->status != NULL && strcmp(span->status->message, "task") == 0 ? 1 : 0;
    /* Six setters and two ends of which one is the end: all done, or counted. */
    CHECK_EQUAL(done + GREW(calls_invalid_handle), 6 + 1);
    CHECK_EQUAL(GREW(calls_busy), 0);
}

/* Whatever is left of the interrupted span, it is whole, and there is one of it. */
static void check_everything(void)
{
    const otlp_span *span = named("renamed");

    if (span == NULL) {
        span = named("path");
    }
    if (CHECK(span != NULL)) {
        CHECK(span->end_time_unix_nano >= span->start_time_unix_nano);
        CHECK(one_of(text_of(span, "k"), "task", "task again, longer") ||
              one_of(text_of(span, "k"), "handler wrote", "(missing)"));
    }
    check_handler_spans();
    CHECK(named("other") != NULL);
    CHECK_EQUAL(GREW(spans_started), 4);
}

static void check_run_of(void (*checks)(void))
{
    give_frame_back();
    answer = OTEL_SEND_DONE;
    CHECK_SIGNED(otel_flush(1000), OTEL_OK);
    otel_stats_get(&after);
    decode_frames();
    check_accounts(arrived_count());
    checks();
    forget_frames();
}

static void show_runs(uint32_t runs)
{
    char text[] = "interrupted at 000000 different ticks\n";

    for (size_t digit = 20; digit > 14; digit--, runs /= 10u) {
        text[digit] = (char)('0' + (int)(runs % 10u));
    }
    check_write(text);
}

/* How often the interrupt came within the path; `prepare` makes what the path finds. */
static uint32_t at_every_instruction(void (*handler)(void), void (*checks)(void),
                                     void (*prepare)(void))
{
    uint32_t ticks = 0;
    bool in_time;

    scenario = handler;
    do {
        ticks++;
        otel_stats_get(&before);
        prepare();
        in_time = run_path(ticks);
        if (in_time) {
            check_run_of(checks);
        }
    } while (in_time);
    give_frame_back(); /* that run had no interrupt in it, and nothing new */
    answer = OTEL_SEND_DONE;
    CHECK_SIGNED(otel_flush(1000), OTEL_OK);
    frames.count = 0;
    show_runs(ticks - 1u);
    return ticks;
}

/* The path has more instructions than this: else SysTick does not count them. */
enum { PATH_TICKS_MIN = 4000 };

static void prepare_nothing(void)
{
    answer = OTEL_SEND_DONE;
}

static void prepare_keeping(void)
{
    answer = OTEL_SEND_TAKEN;
}

/* The transport is busy, and the queue has no room for one more. */
static void prepare_full_queue(void)
{
    const otel_stats *const now = &after;

    answer = OTEL_SEND_BUSY;
    do {
        otel_span_end(otel_span_start("filler"));
        otel_stats_get(&after);
    } while (now->spans_dropped_queue_full == before.spans_dropped_queue_full);
}

static void spans_of_its_own(void)
{
    CHECK(at_every_instruction(handler_span, check_untouched, prepare_nothing) > PATH_TICKS_MIN);
}

static void writes_to_the_span_being_written(void)
{
    CHECK(at_every_instruction(handler_writes, check_written, prepare_nothing) > PATH_TICKS_MIN);
}

static void ends_the_span_being_written(void)
{
    CHECK(at_every_instruction(handler_ends, check_ended, prepare_nothing) > PATH_TICKS_MIN);
}

static void everything_at_once(void)
{
    CHECK(at_every_instruction(handler_everything, check_everything, prepare_nothing) >
          PATH_TICKS_MIN);
}

static void gives_the_frame_back(void)
{
    CHECK(at_every_instruction(handler_gives_back, check_untouched, prepare_keeping) >
          PATH_TICKS_MIN);
}

static void check_accounts_only(void)
{
    CHECK(GREW(spans_dropped_queue_full) > 0);
    CHECK_EQUAL(GREW(calls_invalid_handle) + GREW(calls_busy), 0);
}

/* Each end of the path and of the handler finds the queue full. */
static void finds_the_queue_full(otel_queue_policy policy)
{
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    config.queue_policy = policy;
    CHECK_SIGNED(otel_init(&config), OTEL_OK);
    CHECK_SIGNED(otel_flush(1000), OTEL_OK);
    frames.count = 0;
    CHECK(at_every_instruction(handler_span, check_accounts_only, prepare_full_queue) > 2000);
}

static void full_queue_refuses_the_newest(void)
{
    finds_the_queue_full(OTEL_QUEUE_REFUSE_NEWEST);
}

static void full_queue_drops_the_oldest(void)
{
    finds_the_queue_full(OTEL_QUEUE_DROP_OLDEST);
}

static void nothing(void)
{
}

int main(void)
{
    static const check_test tests[] = {
        CHECK_TEST(spans_of_its_own),
        CHECK_TEST(writes_to_the_span_being_written),
        CHECK_TEST(ends_the_span_being_written),
        CHECK_TEST(everything_at_once),
        CHECK_TEST(gives_the_frame_back),
        CHECK_TEST(full_queue_refuses_the_newest),
        CHECK_TEST(full_queue_drops_the_oldest),
    };

    board_init();
    board_handler_set(BOARD_EXCEPTION_SYSTICK, on_systick);
    otel_port_cortex_m_start(1000000);
    if (otel_init(&config) != OTEL_OK) {
        return 1;
    }
    (void)otel_flush(1000);
    frames.count = 0;
    check_run("interrupt", tests, COUNT_OF(tests), nothing, nothing);
    return check_finish();
}

/* SPDX-License-Identifier: MIT */
/*
 * otel.h - OpenTelemetry for firmware, in one header
 *
 * Do this in ONE C or C++ file before you include this file, to create the implementation:
 *
 *     #define OTEL_IMPLEMENTATION
 *     #include "otel.h"
 *
 * and add to the build: nanopb (pb_encode.c, pb_common.c), a port (ports/<platform>/) and a
 * transport (ports/transport/).
 *
 * CONTENTS
 *     >>manual      quick start, memory, who may call what, errors, what it does not do
 *     >>options     what may be defined before the include
 *     >>types       public types
 *     >>api         public functions, in the order in which a program calls them
 *     >>disabled    the same functions when OTEL_DISABLED is defined
 *     >>sizes       implementation: checks of the configuration
 *     >>state       everything that the library remembers
 *     >>bytes       stores and copies
 *     >>utf8        the guard of every string
 *     >>writer      the span writer: protobuf bytes of one span
 *     >>clock       ticks to nanoseconds
 *     >>random      trace and span ids
 *     >>pools       contexts, recording buffers, carriers
 *     >>queue       the ring of finished records
 *     >>messages    resource, statistics, scope
 *     >>frame       frames of the link
 *     >>public      the only section that takes the lock
 */
#ifndef OTEL_INCLUDED
#define OTEL_INCLUDED

/* One number for every way to get the library. */
#define OTEL_VERSION "0.1.0"

/*
 * >>manual
 *
 * QUICK START
 *     #define OTEL_IMPLEMENTATION
 *     #include "otel.h"
 *
 *     static const otel_config config = {
 *         .service_name = "thermostat",
 *         .transport = &board_uart,                  // the only thing a board must name
 *     };
 *
 *     static void read_sensor(void)
 *     {
 *         otel_span span = otel_span_start("sensor.read");   // child of the task's current span
 *         otel_span_set_str(span, "sensor.model", "bme280");
 *         otel_span_set_i64(span, "sensor.raw", sample());
 *         otel_span_end(span);                               // now it waits for otel_poll()
 *     }
 *
 *     int main(void)
 *     {
 *         if (otel_init(&config) != OTEL_OK) { ... }         // spans are no-ops then
 *         for (;;) { read_sensor(); otel_poll(); }
 *     }
 *
 *     On the desk, `otel-gateway serial:/dev/ttyACM0` shows the spans as a waterfall; with
 *     OTEL_EXPORTER_OTLP_ENDPOINT in the environment it feeds an OpenTelemetry Collector.
 *
 * HOW IT WORKS
 *     The setters write OTLP bytes straight into the span's static buffer. Ending the span closes
 *     the message and copies it into a ring. otel_poll() hands whole frames of records to the
 *     transport; a record is not touched again. What a frame looks like: tools/gateway/LINK.md.
 *
 * MEMORY (all static; otel_ram_bytes() tells the sum)
 *     OTEL_CONTEXT_COUNT   * 56                     open spans, recording or not
 *   + OTEL_RECORDING_COUNT * (OTEL_SPAN_BYTES + 28) open spans that record
 *   + OTEL_CARRIER_COUNT   * (OTEL_CARRIER_BYTES + 8)
 *   + OTEL_QUEUE_BYTES                              finished spans, 8 bytes more each
 *   + OTEL_FRAME_SCOPES * (OTEL_SCOPE_BYTES + 22)   + about 350 bytes
 *     on a 32-bit core.
 *
 * WHO MAY CALL WHAT
 *     Any task and any interrupt handler may call every otel_span_..., otel_context_... and
 *     otel_now_ns. A span may be ended by another task than the one that started it. Two writers in
 *     the same span at once (an interrupt in the middle of a task's setter): the second one's call
 *     is a no-op that is counted, except an end, which is carried out by the first when it is done.
 *     otel_init, otel_flush, otel_shutdown: one task. otel_poll: any task, one at a time, a second
 *     caller returns at once. Only otel_flush and otel_shutdown wait, up to their deadline.
 *
 * ERRORS
 *     A span call never fails loudly: it becomes a no-op and a counter says why (otel_stats_get,
 *     and the backend sees the same counters). Calls outside the span path return an otel_status.
 *
 * STRINGS
 *     are copied by the call. A NULL string is an empty one; an attribute without a key is dropped
 *     and counted. Each byte that is not part of valid UTF-8 becomes '?'. Values, names of spans and
 *     events, and status messages are cut at OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT (resource attributes
 *     are not), names and messages also where the span's buffer ends; a cut falls on a character
 *     boundary and is counted.
 *
 * WHAT IT DOES NOT DO
 *     Metrics, logs, links, propagation headers and ratio sampling are not part of this version;
 *     neither are acknowledged delivery and keys. The link has their place (LINK.md).
 */

/*
 * >>options
 *
 * Define globally (for every file that includes otel.h), or not at all:
 *     OTEL_DISABLED     every call compiles to nothing; arguments are still evaluated
 *     OTEL_API          what stands before every public function (default: extern, extern "C")
 *
 * Define only where OTEL_IMPLEMENTATION is defined, with -D or in the file that OTEL_CONFIG_FILE
 * names ("my_otel_config.h"). No public type depends on them.
 *     name                               default
 *     OTEL_CONTEXT_COUNT                 16     spans open at once, recording or not; 1 to 255
 *     OTEL_RECORDING_COUNT               8      spans that record at once; 1 to 254
 *     OTEL_CARRIER_COUNT                 2      tracestates from outside at once; 0 to 255
 *     OTEL_CARRIER_BYTES                 128    the longest of them; 16 to 512
 *     OTEL_SPAN_BYTES                    512    the largest encoded span; 128 to 8192
 *     OTEL_QUEUE_BYTES                   4096   finished spans that wait; 256 to 16777216
 *                                               (and the resource, about 200 bytes, at the start)
 *     OTEL_FRAME_BYTES                   1200   the largest frame, check included, before COBS
 *     OTEL_FRAME_SCOPES                  4      changes of tracer within a frame, and one; 1 to 32
 *     OTEL_SCOPE_BYTES                   64     name and version of a tracer; longer ones are cut
 *     OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT    32     the specification's default is 128
 *     OTEL_SPAN_EVENT_COUNT_LIMIT        16     the specification's default is 128
 *     OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT   8      the specification's default is 128
 *     OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT   256    a string value; the specification has no limit
 *     OTEL_POLL_INTERVAL_MAX_MS          60000  otel_next_poll_ms() never says more: half a wrap
 *                                               of the port's tick counter must be longer
 *     OTEL_PORT_HAS_UNIQUE_ID            0      the port has otel_port_unique_id()
 *     OTEL_PORT_HAS_WALL_TIME            0      the port has otel_port_wall_time_ns()
 *     OTEL_PORT_HAS_IDLE                 0      the port has otel_port_idle()
 *     OTEL_FRAME_ATTR                    -      attribute of the memory that frames are sent from
 *                                               (a section or an alignment for DMA)
 *     OTEL_CRC32(crc, bytes, length)     -      a CRC-32 unit: the CRC of ISO-HDLC continued over
 *                                               `length` bytes, without initial value and final XOR
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef OTEL_API
#define OTEL_API extern
#endif

/* ---- private helpers of the public part --------------------------------------------------- */

#if defined(__GNUC__)
#define OTELI_INLINE static inline __attribute__((always_inline, unused))
#define OTELI_MUST_USE __attribute__((warn_unused_result))
#define OTELI_UNUSED __attribute__((unused))
/* A literal's length is known to the compiler; everything else is measured by the library, where
 * it costs no flash at the call. */
#define OTELI_LENGTH(text)                                                                         \
    (__builtin_constant_p(__builtin_strlen((text) != NULL ? (text) : ""))                          \
         ? __builtin_strlen((text) != NULL ? (text) : "")                                          \
         : OTEL_NUL_TERMINATED)
#else
#define OTELI_INLINE static inline
#define OTELI_MUST_USE
#define OTELI_UNUSED
#define OTELI_LENGTH(text) OTEL_NUL_TERMINATED
#endif

/*
 * >>types
 */

/* As a length: the string ends at its first zero byte. */
#define OTEL_NUL_TERMINATED ((size_t)-1)

/* What the calls outside the span path return. */
typedef enum otel_status {
    OTEL_OK = 0,
    OTEL_ERROR_INVALID_ARGUMENT = -1,   /* NULL, or a field that cannot be */
    OTEL_ERROR_STATE = -2,              /* init while running; flush or shutdown while not */
    OTEL_ERROR_ENTROPY = -3,            /* the port's entropy failed or was all zero */
    OTEL_ERROR_CLOCK = -4,              /* the port's ticks per second are 0 */
    OTEL_ERROR_RESOURCE_TOO_LARGE = -5, /* the resource fits neither a frame nor the queue */
    OTEL_ERROR_FRAME_TOO_SMALL = -6,    /* the transport's frames cannot hold the largest span */
    OTEL_ERROR_TIMEOUT = -7,            /* the deadline passed with records still queued */
    OTEL_ERROR_FULL = -8                /* no room in a pool */
} otel_status;

/* A span: 8 bits of index, 24 of generation. All zero is no span. Copy it freely. */
typedef struct otel_span {
    uint32_t handle;
} otel_span;

/* W3C trace flags, as in `trace_flags`. */
#define OTEL_TRACE_FLAG_SAMPLED 0x01u
#define OTEL_TRACE_FLAG_RANDOM 0x02u

/* In `otel_context.state`. */
#define OTEL_CONTEXT_REMOTE 0x01u        /* it came from another process */
#define OTEL_CONTEXT_HAS_THRESHOLD 0x02u /* `threshold` is the `th` of tracestate */
#define OTEL_CONTEXT_HAS_RANDOM 0x04u    /* `random_value` is the `rv` of tracestate */

/*
 * SpanContext of the specification, by value: for queues, other tasks and other machines. All zero
 * is "no context", and a span started from it is a root. Valid when trace and span id are not zero.
 * 44 bytes, the same with every configuration.
 */
typedef struct otel_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t random_value[7]; /* big-endian */
    uint8_t trace_flags;
    uint8_t threshold[7]; /* rejection threshold, big-endian */
    uint8_t state;
    uint32_t carrier; /* a counted block with foreign tracestate, see otel_context_retain */
} otel_context;

/* Span kinds, with the numbers of OTLP; 0 means internal. */
typedef enum otel_span_kind {
    OTEL_SPAN_KIND_DEFAULT = 0,
    OTEL_SPAN_KIND_INTERNAL = 1,
    OTEL_SPAN_KIND_SERVER = 2,
    OTEL_SPAN_KIND_CLIENT = 3,
    OTEL_SPAN_KIND_PRODUCER = 4,
    OTEL_SPAN_KIND_CONSUMER = 5
} otel_span_kind;

/* Span status, with the numbers of OTLP. */
typedef enum otel_span_status {
    OTEL_SPAN_STATUS_UNSET = 0,
    OTEL_SPAN_STATUS_OK = 1,
    OTEL_SPAN_STATUS_ERROR = 2
} otel_span_status;

/* Types of attribute values, with the field numbers of OTLP's AnyValue. */
typedef enum otel_value_type {
    OTEL_VALUE_STRING = 1,
    OTEL_VALUE_BOOL = 2,
    OTEL_VALUE_INT = 3,
    OTEL_VALUE_DOUBLE = 4
} otel_value_type;

/* One attribute by value; made by otel_str, otel_strn, otel_bool, otel_i64, otel_f64, or in a
 * constant by OTEL_ATTRIBUTE_STR. The strings stay the caller's. */
typedef struct otel_attribute {
    union {
        struct {
            const char *bytes;
            size_t length; /* or OTEL_NUL_TERMINATED */
        } string;
        int64_t integer;
        double real;
        bool boolean;
    } value;
    const char *key;
    size_t key_length; /* or OTEL_NUL_TERMINATED */
    otel_value_type type;
} otel_attribute;

/* Initialiser of a constant string attribute, for resource attributes that live in flash. */
#define OTEL_ATTRIBUTE_STR(key_text, value_text)                                                   \
    {                                                                                              \
        {{(value_text), OTEL_NUL_TERMINATED}}, (key_text), OTEL_NUL_TERMINATED, OTEL_VALUE_STRING  \
    }

/* A tracer: the instrumentation scope of the spans that name it. A static object of the
 * application, made with OTEL_TRACER; it must outlive every span that names it. */
typedef struct otel_tracer {
    const char *name;
    const char *version; /* may be NULL */
} otel_tracer;

#define OTEL_TRACER(name_text, version_text)                                                       \
    {                                                                                              \
        (name_text), (version_text)                                                                \
    }

/* How a span starts. All zero: child of the task's current span, internal, now, no attributes. */
typedef struct otel_span_options {
    const otel_tracer *tracer;  /* NULL: the default tracer, which has no name */
    const otel_context *parent; /* NULL: the task's current span. OTEL_ROOT: no parent */
    otel_span_kind kind;
    uint64_t start_time_ns;           /* on the clock of otel_now_ns; 0: now */
    const otel_attribute *attributes; /* what a sampler sees; set on the span when it records */
    size_t attribute_count;
} otel_span_options;

/* What a sampler is asked (specification: Trace SDK, ShouldSample). */
typedef struct otel_sampling_input {
    const otel_context *parent; /* all zero for a root */
    const uint8_t *trace_id;    /* of the new span, 16 bytes */
    const char *name;
    size_t name_length; /* or OTEL_NUL_TERMINATED */
    otel_span_kind kind;
    const otel_attribute *attributes;
    size_t attribute_count;
} otel_sampling_input;

typedef enum otel_sampling_decision {
    OTEL_SAMPLING_DROP = 0,
    OTEL_SAMPLING_RECORD_AND_SAMPLE = 2
} otel_sampling_decision;

/* A sampler: `decide` may be called from every context that starts spans, at once from several,
 * never under the lock. */
typedef struct otel_sampler {
    otel_sampling_decision (*decide)(const struct otel_sampler *self,
                                     const otel_sampling_input *input);
    const void *self;
} otel_sampler;

/* A run of bytes of a frame. */
typedef struct otel_slice {
    const uint8_t *bytes;
    size_t length;
} otel_slice;

/* One frame of the link, to be sent whole. It lies in pieces where its bytes were written; a
 * transport walks the pieces with otel_frame_next, or copies them with otel_frame_copy. */
typedef struct otel_frame otel_frame;

/* Where a walk over a frame is. All zero is before the first piece. Copying it copies the place. */
typedef struct otel_frame_cursor {
    uint32_t position;
    uint16_t records_left;
    uint8_t stage;
    uint8_t scope;
    const void *tracer;
} otel_frame_cursor;

/* What a transport did with a frame. */
typedef enum otel_send_result {
    OTEL_SEND_DONE = 0,  /* sent or copied: the library may use its memory again */
    OTEL_SEND_TAKEN = 1, /* the frame is the transport's until it calls otel_frame_done */
    OTEL_SEND_BUSY = 2,  /* nothing of it was taken; it is offered again by a later otel_poll */
    OTEL_SEND_LOST = 3   /* it could not be sent and will not be */
} otel_send_result;

/*
 * A transport: an object in flash or RAM with the functions that carry frames. One a library.
 *   send     Offers one whole frame. Called by otel_poll, otel_flush, otel_shutdown (task), never
 *            under the lock, never again before the last frame was done. Must not wait longer than
 *            the application can spare.
 *   receive  Copies one received frame of at most `capacity` bytes to `buffer` and returns its
 *            length, 0 when there is none; a longer one is dropped by the transport. May be NULL.
 */
typedef struct otel_transport {
    otel_send_result (*send)(void *self, const otel_frame *frame);
    size_t (*receive)(void *self, uint8_t *buffer, size_t capacity);
    void *self;
    size_t frame_bytes_max; /* before COBS; 0: OTEL_FRAME_BYTES */
} otel_transport;

/* What happens to a finished span when the queue is full. */
typedef enum otel_queue_policy {
    OTEL_QUEUE_REFUSE_NEWEST = 0, /* the span that ends now is dropped */
    OTEL_QUEUE_DROP_OLDEST = 1    /* those that wait longest and are not being sent are dropped */
} otel_queue_policy;

/*
 * The counters, each with the number of its field in the statistics that go to the gateway
 * (LINK.md, Stats, says what each one counts). Used through otel_stats.
 */
#define OTEL_STATS_COUNTERS(X)                                                                     \
    X(1, spans_started)                                                                            \
    X(2, spans_not_recorded)                                                                       \
    X(4, spans_queued)                                                                             \
    X(5, spans_sent)                                                                               \
    X(6, spans_dropped_no_context)                                                                 \
    X(7, spans_dropped_no_recording)                                                               \
    X(8, spans_dropped_queue_full)                                                                 \
    X(9, spans_dropped_link)                                                                       \
    X(10, spans_dropped_shutdown)                                                                  \
    X(11, attributes_dropped)                                                                      \
    X(12, attributes_truncated)                                                                    \
    X(13, events_dropped)                                                                          \
    X(15, strings_repaired)                                                                        \
    X(16, calls_invalid_handle)                                                                    \
    X(17, calls_busy)                                                                              \
    X(18, calls_not_running)                                                                       \
    X(19, calls_invalid_argument)                                                                  \
    X(20, carriers_dropped)                                                                        \
    X(21, frames_sent)                                                                             \
    X(22, frames_lost)                                                                             \
    X(23, frames_busy)                                                                             \
    X(24, frames_received_refused)                                                                 \
    X(25, clock_backward)                                                                          \
    X(27, queue_bytes_max)                                                                         \
    X(29, contexts_max)                                                                            \
    X(30, recordings_max)                                                                          \
    X(31, carriers_max)

/* What is in use or can be held now: not counters. */
#define OTEL_STATS_LEVELS(X)                                                                       \
    X(3, spans_live)                                                                               \
    X(26, queue_bytes)                                                                             \
    X(28, queue_capacity_bytes)

#define OTELI_STATS_MEMBER(number, name) uint32_t name;

/* Counters since boot (they survive otel_shutdown and a second otel_init), and levels. */
typedef struct otel_stats {
    OTEL_STATS_COUNTERS(OTELI_STATS_MEMBER)
    OTEL_STATS_LEVELS(OTELI_STATS_MEMBER)
    uint32_t contexts_in_use;
    uint32_t recordings_in_use;
    uint32_t carriers_in_use;
} otel_stats;

#define OTELI_STATS_NUMBER(number, name) OTEL_COUNTER_##name = (number),

/* Names of the counters, for the diagnostic hook. */
typedef enum otel_counter {
    OTEL_STATS_COUNTERS(OTELI_STATS_NUMBER) OTEL_COUNTER_none = 0
} otel_counter;

/*
 * The run-time configuration: may be const and live in flash; must live until otel_shutdown. 0 or
 * NULL is the default of every field.
 */
typedef struct otel_config {
    const char *service_name;                  /* "unknown_service" */
    const char *service_version;               /* left out */
    const otel_attribute *resource_attributes; /* further ones, or the same keys again: these win */
    size_t resource_attribute_count;
    const otel_transport *transport; /* NULL: spans are recorded and never sent */
    uint64_t device_id;          /* made from otel_port_unique_id, else the device is anonymous */
    const otel_sampler *sampler; /* as the parent was; a root is sampled */
    otel_queue_policy queue_policy;
    uint32_t flush_interval_ms; /* 1000: a finished span waits no longer for a frame to fill */
    uint32_t stats_interval_ms; /* 60000: statistics and resource are sent so often */
    /* The queue is no longer empty: wake whoever calls otel_poll. Any context, never under the
     * lock. Must not block. */
    void (*wake)(void *user);
    /* A counter of something that went wrong left zero. Any context, never under the lock. */
    void (*diagnostic)(void *user, otel_counter counter);
    void *user;
} otel_config;

/*
 * >>api
 */
#ifndef OTEL_DISABLED

/* ---- life ---------------------------------------------------------------------------------- */

/*
 * Starts the library. `config` must live until otel_shutdown. Before this call, and after an error,
 * every other call is a no-op that is counted. Errors: the OTEL_ERROR_... of the type above except
 * TIMEOUT; OTEL_ERROR_STATE when it is running already. Callers: one task. Blocks as long as the
 * port's otel_port_entropy does.
 */
OTEL_API OTELI_MUST_USE otel_status otel_init(const otel_config *config);

/*
 * Does the work of the link: at most one frame is built and offered to the transport, one received
 * frame is read, clocks are widened. Never waits. Call it from the idle loop or a low-priority task.
 * Callers: any task; a call while another one is under way returns at once.
 */
OTEL_API void otel_poll(void);

/*
 * How long, in milliseconds, a tickless system may sleep before it calls otel_poll; 0: call it now.
 * At most OTEL_POLL_INTERVAL_MAX_MS. A span that ends earlier is announced by config.wake.
 * Callers: task.
 */
OTEL_API uint32_t otel_next_poll_ms(void);

/*
 * ForceFlush (specification: Trace SDK): sends what is queued and waits until the transport has it,
 * at most `timeout_ms`. OTEL_ERROR_TIMEOUT when something is left, OTEL_ERROR_STATE when not
 * running. Callers: task. Blocks; calls otel_port_idle where the port has it.
 */
OTEL_API otel_status otel_flush(uint32_t timeout_ms);

/*
 * Shutdown (specification: Trace SDK): refuses new spans, lets go of open ones (counted), sends what
 * is queued and a last statistics frame, waits at most `timeout_ms`. After it every call is a
 * counted no-op until otel_init. Errors as otel_flush. Callers: task. Blocks.
 */
OTEL_API otel_status otel_shutdown(uint32_t timeout_ms);

/* Copies counters and levels. Each is right; together they are not one instant. Callers: any. */
OTEL_API void otel_stats_get(otel_stats *stats);

/* Bytes of RAM of the library's static objects. Callers: any. */
OTEL_API size_t otel_ram_bytes(void);

/* The device's clock: nanoseconds of the port's ticks, never 0. 0 when not running. Callers: any. */
OTEL_API uint64_t otel_now_ns(void);

/* ---- spans --------------------------------------------------------------------------------- */

/* As the parent of otel_span_options: a span without one. */
#define OTEL_ROOT (&otel_context_none)
OTEL_API const otel_context otel_context_none;

/* Samplers for otel_config (specification: Trace SDK, built-in samplers). */
OTEL_API const otel_sampler otel_sampler_always_on;
OTEL_API const otel_sampler otel_sampler_always_off;

/*
 * Starts a span (specification: Trace API, Span creation). Never blocks; the result is always good to
 * be passed on: where a pool is full, or the library does not run, it is a span on which every call
 * is a no-op. When no recording buffer is free the span does not record, and its context is that of
 * its parent, unchanged. End it with otel_span_end. Callers: task, ISR.
 */
OTEL_API otel_span oteli_span_start(const char *name, size_t name_length,
                                    const otel_span_options *options);

/* otel_span_start: child of the task's current span, or a root where there is none. */
OTELI_INLINE otel_span otel_span_start(const char *name)
{
    return oteli_span_start(name, OTELI_LENGTH(name), NULL);
}

/* otel_span_start_with: tracer, parent, kind, start time and first attributes by `options`, which
 * the call reads and forgets; NULL is all defaults. */
OTELI_INLINE otel_span otel_span_start_with(const char *name, const otel_span_options *options)
{
    return oteli_span_start(name, OTELI_LENGTH(name), options);
}

/*
 * Attributes (specification: Trace API, Set Attributes). The same key again: the last one wins, and
 * the one before is gone also when the last one is dropped. Over a count limit, or without room in
 * the span's buffer, the attribute is dropped and counted, in the statistics and in the span's
 * dropped_attributes_count; a string value over OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT is cut. Without a
 * key, or with a type that does not exist, the call is counted and changes nothing. Key and value are
 * copied. Callers: task, ISR.
 */
OTEL_API void oteli_span_set_str(otel_span span, const char *key, const char *value,
                                 uint32_t lengths);
OTEL_API void oteli_span_set_strn(otel_span span, const char *key, const char *value,
                                  size_t value_length, size_t key_length);
OTEL_API void oteli_span_set_bool(otel_span span, const char *key, bool value, size_t key_length);
OTEL_API void oteli_span_set_i64(otel_span span, const char *key, int64_t value, size_t key_length);
OTEL_API void oteli_span_set_f64(otel_span span, const char *key, double value, size_t key_length);

/* Both lengths in one register: 16 bits each, 0xFFFF where the library has to measure. */
OTELI_INLINE uint32_t oteli_lengths(size_t key_length, size_t value_length)
{
    const uint32_t key = key_length < 0xFFFFu ? (uint32_t)key_length : 0xFFFFu;
    const uint32_t value = value_length < 0xFFFFu ? (uint32_t)value_length : 0xFFFFu;
    return key | value << 16;
}

OTELI_INLINE void otel_span_set_str(otel_span span, const char *key, const char *value)
{
    oteli_span_set_str(span, key, value, oteli_lengths(OTELI_LENGTH(key), OTELI_LENGTH(value)));
}

/* `value` need not end with a zero byte. */
OTELI_INLINE void otel_span_set_strn(otel_span span, const char *key, const char *value,
                                     size_t value_length)
{
    oteli_span_set_strn(span, key, value, value_length, OTELI_LENGTH(key));
}

OTELI_INLINE void otel_span_set_bool(otel_span span, const char *key, bool value)
{
    oteli_span_set_bool(span, key, value, OTELI_LENGTH(key));
}

OTELI_INLINE void otel_span_set_i64(otel_span span, const char *key, int64_t value)
{
    oteli_span_set_i64(span, key, value, OTELI_LENGTH(key));
}

OTELI_INLINE void otel_span_set_f64(otel_span span, const char *key, double value)
{
    oteli_span_set_f64(span, key, value, OTELI_LENGTH(key));
}

/* Any attribute by value. */
OTEL_API void otel_span_set(otel_span span, const otel_attribute *attribute);

/*
 * Adds an event (specification: Trace API, Add Events) with `attribute_count` attributes at
 * `time_ns` on the clock of otel_now_ns; 0: now. An attribute over the event's limit is counted in
 * the event's dropped_attributes_count; an event over a limit or without room is dropped whole and
 * counted. Of attributes with the same key the last one stays. Callers: task, ISR.
 */
OTEL_API void oteli_span_event(otel_span span, const char *name, size_t name_length,
                               const otel_attribute *attributes, size_t attribute_count,
                               uint64_t time_ns);

OTELI_INLINE void otel_span_event(otel_span span, const char *name)
{
    oteli_span_event(span, name, OTELI_LENGTH(name), NULL, 0, 0);
}

OTELI_INLINE void otel_span_event_with(otel_span span, const char *name,
                                       const otel_attribute *attributes, size_t attribute_count)
{
    oteli_span_event(span, name, OTELI_LENGTH(name), attributes, attribute_count, 0);
}

OTELI_INLINE void otel_span_event_at(otel_span span, const char *name,
                                     const otel_attribute *attributes, size_t attribute_count,
                                     uint64_t time_ns)
{
    oteli_span_event(span, name, OTELI_LENGTH(name), attributes, attribute_count, time_ns);
}

/*
 * Sets the status (specification: Trace API, Set Status): unset is ignored, ok is final, a message is
 * kept only with error (NULL: none) and is cut where the span's buffer ends. Callers: task, ISR.
 */
OTEL_API void otel_span_set_status(otel_span span, otel_span_status status, const char *message);

/* UpdateName (specification: Trace API); cut where it has no room. Callers: task, ISR. */
OTEL_API void oteli_span_set_name(otel_span span, const char *name, size_t name_length);

OTELI_INLINE void otel_span_set_name(otel_span span, const char *name)
{
    oteli_span_set_name(span, name, OTELI_LENGTH(name));
}

/* IsRecording (specification: Trace API): false after the end, and for what was not sampled. */
OTEL_API bool otel_span_is_recording(otel_span span);

/*
 * Ends the span and puts it into the queue; every later call with it is a counted no-op. A time
 * before its start becomes its start. Callers: task, ISR.
 */
OTEL_API void otel_span_end(otel_span span);

/* The same with an end time on the clock of otel_now_ns; 0: now. */
OTEL_API void otel_span_end_at(otel_span span, uint64_t end_time_ns);

/* ---- context ------------------------------------------------------------------------------- */

/*
 * The span's context by value, to start children in other tasks or on other machines; all zero for a
 * span that has ended or never was. If it carries foreign tracestate, that is valid while a span or
 * an otel_context_retain holds it. Callers: task, ISR.
 */
OTEL_API otel_context otel_span_context(otel_span span);

/* IsValid (specification: Trace API, SpanContext). Callers: any. */
OTEL_API bool otel_context_is_valid(const otel_context *context);

/*
 * Puts a copy of `length` bytes of W3C tracestate into a carrier block that `context` then holds;
 * spans started from it pass it on. OTEL_ERROR_INVALID_ARGUMENT when it is empty, longer than
 * OTEL_CARRIER_BYTES or not printable ASCII; OTEL_ERROR_FULL when the pool is. Both are counted, and
 * `context` has no tracestate then. Release it with otel_context_release. Callers: task, ISR.
 */
OTEL_API OTELI_MUST_USE otel_status otel_context_set_tracestate(otel_context *context,
                                                                const char *tracestate,
                                                                size_t length);

/* Holds the carrier block of a context that is copied away (into a queue), and lets it go. Without a
 * block both do nothing. A block that nobody holds returns to the pool. Callers: task, ISR. */
OTEL_API void otel_context_retain(const otel_context *context);
OTEL_API void otel_context_release(otel_context *context);

/* What otel_span_make_current returns: the way back. */
typedef struct otel_scope {
    uintptr_t previous;
} otel_scope;

/*
 * Makes `span` the current one of this task or interrupt handler, and back to the one before. Pair
 * them in the same function. A span that has ended is not anybody's parent. A span that is no span
 * (all zero) leaves the current one as it is. Callers: task, ISR.
 */
OTEL_API otel_scope otel_span_make_current(otel_span span);
OTEL_API void otel_scope_restore(otel_scope scope);

/* The current span of this task or handler; all zero where there is none. Callers: task, ISR. */
OTEL_API otel_span otel_span_current(void);

/* ---- for transports ------------------------------------------------------------------------ */

/* Length of the whole frame in bytes, check included, before COBS. */
OTEL_API size_t otel_frame_length(const otel_frame *frame);

/* The next piece of the frame; a length of 0 is the end. Callers: the owner of the frame. */
OTEL_API otel_slice otel_frame_next(const otel_frame *frame, otel_frame_cursor *cursor);

/* Copies the whole frame; returns its length, or 0 when `capacity` is smaller. */
OTEL_API size_t otel_frame_copy(const otel_frame *frame, uint8_t *buffer, size_t capacity);

/* A transport that answered OTEL_SEND_TAKEN gives the frame back; `delivered` false: it was lost.
 * Once a frame; a further call is ignored. Callers: task, ISR. */
OTEL_API void otel_frame_done(bool delivered);

#else /* OTEL_DISABLED */

/*
 * >>disabled
 */
#define OTEL_ROOT ((const otel_context *)NULL)
#define OTELI_STATS_ZERO(number, name) stats->name = 0;

OTELI_INLINE otel_span oteli_no_span(void)
{
    otel_span none;
    none.handle = 0;
    return none;
}

static const otel_sampler otel_sampler_always_on OTELI_UNUSED = {NULL, NULL};
static const otel_sampler otel_sampler_always_off OTELI_UNUSED = {NULL, NULL};

OTELI_INLINE otel_status otel_init(const otel_config *config)
{
    (void)config;
    return OTEL_OK;
}

OTELI_INLINE void otel_poll(void)
{
}

OTELI_INLINE uint32_t otel_next_poll_ms(void)
{
    return 60000u;
}

OTELI_INLINE otel_status otel_flush(uint32_t timeout_ms)
{
    (void)timeout_ms;
    return OTEL_OK;
}

OTELI_INLINE otel_status otel_shutdown(uint32_t timeout_ms)
{
    (void)timeout_ms;
    return OTEL_OK;
}

OTELI_INLINE void otel_stats_get(otel_stats *stats)
{
    if (stats != NULL) {
        OTEL_STATS_COUNTERS(OTELI_STATS_ZERO)
        OTEL_STATS_LEVELS(OTELI_STATS_ZERO)
        stats->contexts_in_use = 0;
        stats->recordings_in_use = 0;
        stats->carriers_in_use = 0;
    }
}

OTELI_INLINE size_t otel_ram_bytes(void)
{
    return 0;
}

OTELI_INLINE uint64_t otel_now_ns(void)
{
    return 0;
}

OTELI_INLINE otel_span otel_span_start(const char *name)
{
    (void)name;
    return oteli_no_span();
}

OTELI_INLINE otel_span otel_span_start_with(const char *name, const otel_span_options *options)
{
    (void)name;
    (void)options;
    return oteli_no_span();
}

OTELI_INLINE void otel_span_set_str(otel_span span, const char *key, const char *value)
{
    (void)span;
    (void)key;
    (void)value;
}

OTELI_INLINE void otel_span_set_strn(otel_span span, const char *key, const char *value,
                                     size_t value_length)
{
    (void)span;
    (void)key;
    (void)value;
    (void)value_length;
}

OTELI_INLINE void otel_span_set_bool(otel_span span, const char *key, bool value)
{
    (void)span;
    (void)key;
    (void)value;
}

OTELI_INLINE void otel_span_set_i64(otel_span span, const char *key, int64_t value)
{
    (void)span;
    (void)key;
    (void)value;
}

OTELI_INLINE void otel_span_set_f64(otel_span span, const char *key, double value)
{
    (void)span;
    (void)key;
    (void)value;
}

OTELI_INLINE void otel_span_set(otel_span span, const otel_attribute *attribute)
{
    (void)span;
    (void)attribute;
}

OTELI_INLINE void otel_span_event(otel_span span, const char *name)
{
    (void)span;
    (void)name;
}

OTELI_INLINE void otel_span_event_with(otel_span span, const char *name,
                                       const otel_attribute *attributes, size_t attribute_count)
{
    (void)span;
    (void)name;
    (void)attributes;
    (void)attribute_count;
}

OTELI_INLINE void otel_span_event_at(otel_span span, const char *name,
                                     const otel_attribute *attributes, size_t attribute_count,
                                     uint64_t time_ns)
{
    (void)span;
    (void)name;
    (void)attributes;
    (void)attribute_count;
    (void)time_ns;
}

OTELI_INLINE void otel_span_set_status(otel_span span, otel_span_status status, const char *message)
{
    (void)span;
    (void)status;
    (void)message;
}

OTELI_INLINE void otel_span_set_name(otel_span span, const char *name)
{
    (void)span;
    (void)name;
}

OTELI_INLINE bool otel_span_is_recording(otel_span span)
{
    (void)span;
    return false;
}

OTELI_INLINE void otel_span_end(otel_span span)
{
    (void)span;
}

OTELI_INLINE void otel_span_end_at(otel_span span, uint64_t end_time_ns)
{
    (void)span;
    (void)end_time_ns;
}

OTELI_INLINE otel_context otel_span_context(otel_span span)
{
    const otel_context none = {{0}, {0}, {0}, 0, {0}, 0, 0};
    (void)span;
    return none;
}

OTELI_INLINE bool otel_context_is_valid(const otel_context *context)
{
    (void)context;
    return false;
}

OTELI_INLINE otel_status otel_context_set_tracestate(otel_context *context, const char *tracestate,
                                                     size_t length)
{
    (void)context;
    (void)tracestate;
    (void)length;
    return OTEL_OK;
}

OTELI_INLINE void otel_context_retain(const otel_context *context)
{
    (void)context;
}

OTELI_INLINE void otel_context_release(otel_context *context)
{
    (void)context;
}

typedef struct otel_scope {
    uintptr_t previous;
} otel_scope;

OTELI_INLINE otel_scope otel_span_make_current(otel_span span)
{
    otel_scope scope;
    (void)span;
    scope.previous = 0;
    return scope;
}

OTELI_INLINE void otel_scope_restore(otel_scope scope)
{
    (void)scope;
}

OTELI_INLINE otel_span otel_span_current(void)
{
    return oteli_no_span();
}

OTELI_INLINE size_t otel_frame_length(const otel_frame *frame)
{
    (void)frame;
    return 0;
}

OTELI_INLINE otel_slice otel_frame_next(const otel_frame *frame, otel_frame_cursor *cursor)
{
    const otel_slice end = {NULL, 0};
    (void)frame;
    (void)cursor;
    return end;
}

OTELI_INLINE size_t otel_frame_copy(const otel_frame *frame, uint8_t *buffer, size_t capacity)
{
    (void)frame;
    (void)buffer;
    (void)capacity;
    return 0;
}

OTELI_INLINE void otel_frame_done(bool delivered)
{
    (void)delivered;
}

#endif /* OTEL_DISABLED */

/* ---- attributes by value ------------------------------------------------------------------- */

/* An attribute that still lacks its value. */
OTELI_INLINE otel_attribute oteli_attribute(const char *key, size_t key_length,
                                            otel_value_type type)
{
    otel_attribute attribute;
    attribute.key = key;
    attribute.key_length = key_length;
    attribute.type = type;
    return attribute;
}

OTELI_INLINE otel_attribute otel_strn(const char *key, const char *value, size_t value_length)
{
    otel_attribute attribute = oteli_attribute(key, OTELI_LENGTH(key), OTEL_VALUE_STRING);
    attribute.value.string.bytes = value;
    attribute.value.string.length = value_length;
    return attribute;
}

OTELI_INLINE otel_attribute otel_str(const char *key, const char *value)
{
    return otel_strn(key, value, OTELI_LENGTH(value));
}

OTELI_INLINE otel_attribute otel_bool(const char *key, bool value)
{
    otel_attribute attribute = oteli_attribute(key, OTELI_LENGTH(key), OTEL_VALUE_BOOL);
    attribute.value.boolean = value;
    return attribute;
}

OTELI_INLINE otel_attribute otel_i64(const char *key, int64_t value)
{
    otel_attribute attribute = oteli_attribute(key, OTELI_LENGTH(key), OTEL_VALUE_INT);
    attribute.value.integer = value;
    return attribute;
}

OTELI_INLINE otel_attribute otel_f64(const char *key, double value)
{
    otel_attribute attribute = oteli_attribute(key, OTELI_LENGTH(key), OTEL_VALUE_DOUBLE);
    attribute.value.real = value;
    return attribute;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

/*
 * OTEL_WITH_SPAN(span) { ... }   makes the span current within the block, and the one before again
 * behind it. With gcc, clang and C++ also when the block is left by return, break or goto; in other C
 * it must be left at its end.
 */
#define OTEL_WITH_SPAN(span) OTELI_WITH_SPAN(span)

#if defined(OTEL_DISABLED)
#define OTELI_WITH_SPAN(span) for (int oteli_open = ((void)(span), 1); oteli_open; oteli_open = 0)
#elif defined(__cplusplus)
struct oteli_scope_guard {
    otel_scope scope;
    bool open;
    explicit oteli_scope_guard(otel_span span) : scope(otel_span_make_current(span)), open(true)
    {
    }
    ~oteli_scope_guard()
    {
        otel_scope_restore(scope);
    }

  private:
    oteli_scope_guard(const oteli_scope_guard &);
    oteli_scope_guard &operator=(const oteli_scope_guard &);
};
#define OTELI_WITH_SPAN(span)                                                                      \
    for (oteli_scope_guard oteli_guard(span); oteli_guard.open; oteli_guard.open = false)
#else
typedef struct oteli_scope_guard {
    otel_scope scope;
    bool open;
} oteli_scope_guard;

OTELI_INLINE oteli_scope_guard oteli_scope_enter(otel_span span)
{
    oteli_scope_guard guard;
    guard.scope = otel_span_make_current(span);
    guard.open = true;
    return guard;
}

OTELI_INLINE void oteli_scope_leave(oteli_scope_guard *guard)
{
    otel_scope_restore(guard->scope);
}

#if defined(__GNUC__)
#define OTELI_WITH_SPAN(span)                                                                      \
    for (oteli_scope_guard oteli_guard                                                             \
         __attribute__((cleanup(oteli_scope_leave))) = oteli_scope_enter(span);                    \
         oteli_guard.open; oteli_guard.open = false)
#else
#define OTELI_WITH_SPAN(span)                                                                      \
    for (oteli_scope_guard oteli_guard = oteli_scope_enter(span); oteli_guard.open;                \
         oteli_scope_leave(&oteli_guard), oteli_guard.open = false)
#endif
#endif

#endif /* OTEL_INCLUDED */

/* ============================================================================================= */
#if defined(OTEL_IMPLEMENTATION) && !defined(OTEL_DISABLED) && !defined(OTELI_IMPLEMENTED)
#define OTELI_IMPLEMENTED

/*
 * >>sizes
 *
 * The configuration of this build, checked. Nothing below needs changing.
 */
#ifdef OTEL_CONFIG_FILE
#include OTEL_CONFIG_FILE
#endif

#include "otel_port.h"

#include <pb_encode.h>

#ifndef OTEL_CONTEXT_COUNT
#define OTEL_CONTEXT_COUNT 16
#endif
#ifndef OTEL_RECORDING_COUNT
#define OTEL_RECORDING_COUNT 8
#endif
#ifndef OTEL_CARRIER_COUNT
#define OTEL_CARRIER_COUNT 2
#endif
#ifndef OTEL_CARRIER_BYTES
#define OTEL_CARRIER_BYTES 128
#endif
#ifndef OTEL_SPAN_BYTES
#define OTEL_SPAN_BYTES 512
#endif
#ifndef OTEL_QUEUE_BYTES
#define OTEL_QUEUE_BYTES 4096
#endif
#ifndef OTEL_FRAME_BYTES
#define OTEL_FRAME_BYTES 1200
#endif
#ifndef OTEL_FRAME_SCOPES
#define OTEL_FRAME_SCOPES 4
#endif
#ifndef OTEL_SCOPE_BYTES
#define OTEL_SCOPE_BYTES 64
#endif
#ifndef OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT
#define OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT 32
#endif
#ifndef OTEL_SPAN_EVENT_COUNT_LIMIT
#define OTEL_SPAN_EVENT_COUNT_LIMIT 16
#endif
#ifndef OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT
#define OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT 8
#endif
#ifndef OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT
#define OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT 256
#endif
#ifndef OTEL_POLL_INTERVAL_MAX_MS
#define OTEL_POLL_INTERVAL_MAX_MS 60000
#endif
#ifndef OTEL_PORT_HAS_UNIQUE_ID
#define OTEL_PORT_HAS_UNIQUE_ID 0
#endif
#ifndef OTEL_PORT_HAS_WALL_TIME
#define OTEL_PORT_HAS_WALL_TIME 0
#endif
#ifndef OTEL_PORT_HAS_IDLE
#define OTEL_PORT_HAS_IDLE 0
#endif
#ifndef OTEL_FRAME_ATTR
#define OTEL_FRAME_ATTR
#endif

#if defined(PB_WITHOUT_64BIT)
#error "otel.h: nanopb is built with PB_WITHOUT_64BIT, but OTLP has 64-bit times: leave it out."
#endif
#if OTEL_CONTEXT_COUNT < 1 || OTEL_CONTEXT_COUNT > 255
#error "otel.h: OTEL_CONTEXT_COUNT must be 1 to 255: a span's handle has 8 bits of index."
#endif
#if OTEL_RECORDING_COUNT < 1 || OTEL_RECORDING_COUNT > 254
#error "otel.h: OTEL_RECORDING_COUNT must be 1 to 254."
#endif
#if OTEL_RECORDING_COUNT > OTEL_CONTEXT_COUNT
#error "otel.h: OTEL_RECORDING_COUNT is larger than OTEL_CONTEXT_COUNT: each span needs a context."
#endif
#if OTEL_CARRIER_COUNT < 0 || OTEL_CARRIER_COUNT > 255
#error "otel.h: OTEL_CARRIER_COUNT must be 0 to 255."
#endif
#if OTEL_CARRIER_BYTES < 16 || OTEL_CARRIER_BYTES > 512
#error "otel.h: OTEL_CARRIER_BYTES must be 16 to 512: a tracestate has 512 characters at most."
#endif
#if OTEL_SPAN_BYTES < 128 || OTEL_SPAN_BYTES > 8192
#error "otel.h: OTEL_SPAN_BYTES must be 128 to 8192: the smallest holds ids, times and a name."
#endif
#if OTEL_CARRIER_COUNT > 0 && OTEL_CARRIER_BYTES + 128 > OTEL_SPAN_BYTES
#error                                                                                             \
    "otel.h: OTEL_SPAN_BYTES must be OTEL_CARRIER_BYTES + 128 or more: a tracestate is part of its span."
#endif
#if OTEL_QUEUE_BYTES < 256 || OTEL_QUEUE_BYTES > 16777216
#error "otel.h: OTEL_QUEUE_BYTES must be 256 to 16777216."
#endif
#if OTEL_QUEUE_BYTES < OTEL_SPAN_BYTES + 24
#error                                                                                             \
    "otel.h: OTEL_QUEUE_BYTES must be OTEL_SPAN_BYTES + 24 or more, or the largest span fits never."
#endif
#if OTEL_FRAME_SCOPES < 1 || OTEL_FRAME_SCOPES > 32
#error "otel.h: OTEL_FRAME_SCOPES must be 1 to 32."
#endif
#if OTEL_SCOPE_BYTES < 8 || OTEL_SCOPE_BYTES > 120
#error "otel.h: OTEL_SCOPE_BYTES must be 8 to 120."
#endif
#if OTEL_FRAME_BYTES > 65507
#error "otel.h: OTEL_FRAME_BYTES must be 65507 or less, the largest datagram."
#endif
/* header 52, check 4, request 4, scope spans 4, scope 6 */
#if OTEL_FRAME_BYTES < OTEL_SPAN_BYTES + OTEL_SCOPE_BYTES + 70
#error                                                                                             \
    "otel.h: OTEL_FRAME_BYTES must be OTEL_SPAN_BYTES + OTEL_SCOPE_BYTES + 70 or more, or the largest span fits no frame."
#endif
#if OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT < 0 || OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT > 255
#error "otel.h: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be 0 to 255."
#endif
#if OTEL_SPAN_EVENT_COUNT_LIMIT < 0 || OTEL_SPAN_EVENT_COUNT_LIMIT > 255
#error "otel.h: OTEL_SPAN_EVENT_COUNT_LIMIT must be 0 to 255."
#endif
#if OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT < 0 || OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT > 255
#error "otel.h: OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT must be 0 to 255."
#endif
#if OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT < 8 || OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT > 4096
#error "otel.h: OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT must be 8 to 4096."
#endif
#if OTEL_POLL_INTERVAL_MAX_MS < 1 || OTEL_POLL_INTERVAL_MAX_MS > 3600000
#error "otel.h: OTEL_POLL_INTERVAL_MAX_MS must be 1 to 3600000, an hour."
#endif
#if defined(__SIZEOF_DOUBLE__) && __SIZEOF_DOUBLE__ != 8
#error "otel.h: OTLP's double has 8 bytes, and this compiler's has not."
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * >>state
 *
 * Two static objects: what a start sets up, and what frames are sent from. A zeroed state is a
 * library that does not run.
 */

typedef uintptr_t oteli_word;

#define OTELI_WORDS(bytes) (((bytes) + sizeof(oteli_word) - 1u) / sizeof(oteli_word))
#define OTELI_NONE 0xFFu

/* Low byte of a slot's state; the upper 24 bits are its generation. */
#define OTELI_OPEN 0x01u      /* the handle is valid */
#define OTELI_RECORDING 0x02u /* it has a recording buffer */
#define OTELI_FLAGS 0xFFu

/* Where a recording buffer's OTLP bytes are: the body of the Span message starts at a fixed place,
 * with room before it for the tag and the length of the message, which are known at its end. */
#define OTELI_BODY_AT 4u
#define OTELI_TRACE_ID_AT (OTELI_BODY_AT + 2u)
#define OTELI_SPAN_ID_AT (OTELI_BODY_AT + 20u)
#define OTELI_KIND_AT (OTELI_BODY_AT + 29u)
#define OTELI_START_AT (OTELI_BODY_AT + 31u)
#define OTELI_END_AT (OTELI_BODY_AT + 40u)
#define OTELI_FLAGS_AT (OTELI_BODY_AT + 50u)
#define OTELI_PARENT_ID_AT (OTELI_BODY_AT + 56u)
#define OTELI_HEAD_END_ROOT (OTELI_BODY_AT + 54u)
#define OTELI_HEAD_END_CHILD (OTELI_BODY_AT + 64u)

/* Kept free at the end: two dropped counts of 4 bytes, and a status without a message. */
#define OTELI_DROPPED_BYTES 8u
#define OTELI_STATUS_BYTES 4u
#define OTELI_RESERVED_BYTES (OTELI_DROPPED_BYTES + OTELI_STATUS_BYTES)

/* A name, or a status message: as long as an attribute's value, and there is always room for it in a
 * span that has just begun. */
#define OTELI_NAME_ROOM                                                                            \
    (OTEL_SPAN_BYTES - OTELI_HEAD_END_CHILD - OTELI_RESERVED_BYTES - OTELI_CARRIER_ROOM - 4u)
#define OTELI_NAME_BYTES                                                                           \
    (OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT < OTELI_NAME_ROOM ? OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT         \
                                                        : OTELI_NAME_ROOM)
/* A key of this length, or longer, is too long for any span. */
#define OTELI_KEY_BYTES OTEL_SPAN_BYTES

#if OTEL_CARRIER_COUNT > 0
#define OTELI_CARRIER_ROOM (OTEL_CARRIER_BYTES + 4u)
#else
#define OTELI_CARRIER_ROOM 0u
#endif

/* The encoded part of a span that records. */
typedef struct oteli_recording {
    const otel_tracer *tracer;
    uint32_t key_filter; /* a bit for each key that was set: most are new, and need no search */
    uint16_t used;       /* end of the bytes so far */
    uint16_t name_at;
    uint16_t fields_at; /* behind the name */
    uint16_t status_at; /* 0: no status yet */
    uint16_t attributes_dropped;
    uint16_t events_dropped;
    uint8_t attribute_count;
    uint8_t event_count;
    uint8_t status;
    uint8_t index; /* set once */
    uint8_t next_free;
    union {
        oteli_word words[OTELI_WORDS(OTEL_SPAN_BYTES)];
        uint8_t bytes[OTEL_SPAN_BYTES];
    } data;
} oteli_recording;

/* An open span. */
typedef struct oteli_slot {
    uint32_t state;
    otel_context context;
    oteli_recording *recording;
    uint8_t index; /* set once */
    uint8_t next_free;
    uint8_t busy;        /* somebody writes to the recording */
    uint8_t end_pending; /* and shall end the span when he is done */
} oteli_slot;

/* Foreign tracestate, shared by the contexts that came from it. */
typedef struct oteli_carrier {
    uint16_t holders;
    uint16_t length;
    uint32_t generation;
    char text[OTEL_CARRIER_BYTES];
} oteli_carrier;

/* What a record of the queue is. */
typedef enum oteli_kind {
    OTELI_KIND_TRACES = 1,
    OTELI_KIND_RESOURCE = 4,
    OTELI_KIND_STATS = 5
} oteli_kind;

/* First word of a record: where its bytes end, how many bytes of its first word come before them,
 * state, kind. The second word is its tracer; then come its bytes. */
#define OTELI_RECORD_WORDS 2u
#define OTELI_RECORD_END(info) ((size_t)((info)&0xFFFFu))
#define OTELI_RECORD_LENGTH(info) (OTELI_RECORD_END(info) - OTELI_RECORD_SKIP(info))
#define OTELI_RECORD_SKIP(info) ((size_t)((info) >> 16 & 0x7u))
#define OTELI_RECORD_KIND(info) ((oteli_kind)((info) >> 24 & 0x1Fu))
#define OTELI_RECORD_STATES 0x00F80000u
#define OTELI_RECORD_RESERVED 0x00080000u /* its bytes are still being copied */
#define OTELI_RECORD_COMMITTED 0x00100000u
#define OTELI_RECORD_WRAP 0x00180000u /* the next record is at the start of the ring */

#define OTELI_QUEUE_WORDS ((uint32_t)(OTEL_QUEUE_BYTES / sizeof(oteli_word)))

/* What happens with the frame; only the caller of otel_poll moves it on, but for two steps: the
 * transport's otel_frame_done, and drop-oldest, which takes a waiting frame apart. */
typedef enum oteli_frame_state {
    OTELI_FRAME_NONE = 0,
    OTELI_FRAME_OFFERED = 1, /* being built, or in the hands of transport.send */
    OTELI_FRAME_WAITING = 2, /* built; the transport was busy */
    OTELI_FRAME_TAKEN = 3    /* the transport's, until otel_frame_done */
} oteli_frame_state;

#define OTELI_HEADER_BYTES 40u
#define OTELI_HEADER_WALL_BYTES 12u
#define OTELI_CHECK_BYTES 4u
#define OTELI_REQUEST_BYTES 4u           /* tag and length of ResourceSpans */
#define OTELI_SCOPE_HEAD_BYTES (4u + 6u) /* tag and length: ScopeSpans, scope, name, version */
#define OTELI_HEADS_BYTES                                                                          \
    (OTELI_HEADER_BYTES + OTELI_HEADER_WALL_BYTES + OTELI_REQUEST_BYTES +                          \
     OTEL_FRAME_SCOPES * (OTELI_SCOPE_HEAD_BYTES + OTEL_SCOPE_BYTES))

/* A run of records of one tracer. */
typedef struct oteli_run {
    const otel_tracer *tracer;
    uint32_t record_bytes;
    uint16_t head_end; /* where its part of `heads` ends */
} oteli_run;

/* What is used most comes first here and in the objects below: a Cortex-M0 reaches 32 bytes in one
 * instruction, and 32 words. */
struct otel_frame {
    uint8_t kind;
    uint8_t run_count;
    uint16_t record_count;
    uint32_t length;
    uint32_t end_position; /* of the queue, behind the last record */
    uint32_t words;        /* of the queue that the frame frees */
    oteli_run runs[OTEL_FRAME_SCOPES];
    uint8_t check[OTELI_CHECK_BYTES];
    uint8_t heads[OTELI_HEADS_BYTES]; /* link header and request, then each run's scope */
};

/* A 64-bit number, for cores that have no 64-bit shifts. */
typedef struct oteli_halves {
    uint32_t low;
    uint32_t high;
} oteli_halves;

/* What a start sets up. */
typedef struct oteli_state {
    volatile bool running;
    volatile uint8_t frame_state;
    uint8_t slot_free_first;
    uint8_t slot_free_last;
    uint8_t recording_free;
    uint8_t contexts_in_use;
    uint8_t recordings_in_use;
    uint8_t carriers_in_use;
    bool polling;
    bool shut_down; /* what is left in the queue is counted as dropped */
    bool resource_due;
    bool stats_due;
    bool anonymous;

    const otel_config *config;
    oteli_halves random[2];
    uint32_t ns_per_tick;          /* whole nanoseconds */
    uint32_t ns_per_tick_fraction; /* and 2^-32 of them */
    uint32_t sequence;
    uint32_t resource_hash;
    uint32_t resource_bytes;
    uint32_t diagnosed; /* a bit for each counter that the hook was told of */
    uint64_t polled_ns;
    uint64_t stats_due_ns;
    uint64_t queued_since_ns; /* when the queue was last empty, or had a frame taken out */
    uint64_t device_id;
    uint64_t boot_id;
    uint32_t counters[1
#define OTELI_COUNTER_ONE(number, name) +1
                      OTEL_STATS_COUNTERS(OTELI_COUNTER_ONE)];
    char instance_id[17]; /* 16 digits */

    oteli_slot slots[OTEL_CONTEXT_COUNT];
#if OTEL_CARRIER_COUNT > 0
    oteli_carrier carriers[OTEL_CARRIER_COUNT];
#endif
} oteli_state;

/* Recording buffers, queue and frame: what a transport may send from. */
typedef struct oteli_memory {
    uint32_t head;    /* of the oldest record, in words */
    uint32_t tail;    /* where the next one goes */
    uint32_t used;    /* words, fillers at the end of the ring included */
    uint32_t records; /* not counting fillers */
    struct otel_frame frame;
    oteli_recording recordings[OTEL_RECORDING_COUNT];
    oteli_word ring[OTELI_QUEUE_WORDS];
} oteli_memory;

static oteli_state oteli;
static oteli_memory oteli_store OTEL_FRAME_ATTR;

/* Index of each counter in oteli.counters; 0 is nobody's. */
#define OTELI_COUNTER_INDEX(number, name) OTELI_COUNT_##name,
typedef enum oteli_counter_index {
    OTELI_COUNT_none,
    OTEL_STATS_COUNTERS(OTELI_COUNTER_INDEX) OTELI_COUNTERS
} oteli_counter_index;

/* ... and its number in the statistics message. */
#define OTELI_COUNTER_NUMBER(number, name) (number),
static const uint8_t oteli_counter_numbers[OTELI_COUNTERS] = {
    0, OTEL_STATS_COUNTERS(OTELI_COUNTER_NUMBER)};

#ifdef __cplusplus
const otel_context otel_context_none = {{0}, {0}, {0}, 0, {0}, 0, 0};
#else
const otel_context otel_context_none = {.carrier = 0};
#endif

/*
 * >>bytes
 *
 * Stores and copies. No lock. Where the core allows it, unaligned words at a time.
 */

#if defined(__GNUC__)
#define OTELI_COPY(to, from, length) __builtin_memcpy((to), (from), (length))
#define OTELI_MAY_ALIAS __attribute__((may_alias))
typedef uint32_t OTELI_MAY_ALIAS oteli_aliasing_word;
#define OTELI_COLD __attribute__((noinline, cold))
#define OTELI_NOINLINE __attribute__((noinline))
/* Hides where a pointer comes from: the compiler keeps it in a register then, and does not derive it
 * anew, index by size, at every use. */
#define OTELI_KEEP(pointer) __asm__("" : "+r"(pointer))
#else
#define OTELI_COPY(to, from, length) oteli_move((uint8_t *)(to), (const uint8_t *)(from), (length))
#define OTELI_MAY_ALIAS
#define OTELI_COLD
#define OTELI_NOINLINE
#define OTELI_KEEP(pointer) (void)(pointer)
#endif

#if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&   \
    (defined(__ARM_FEATURE_UNALIGNED) || defined(__x86_64__) || defined(__i386__) ||               \
     defined(__aarch64__))
#define OTELI_UNALIGNED_LITTLE_ENDIAN 1
#else
#define OTELI_UNALIGNED_LITTLE_ENDIAN 0
#endif

/*
 * Words that are written while others read them without the lock. RELAXED: the word alone. ACQUIRE sees
 * all that was written before the RELEASE that it reads. ORDERED ones have one order, the same for all
 * cores and interrupts. A compiler without these accesses gets volatile ones, which are enough for one
 * core.
 */
#if defined(__GNUC__)
#define OTELI_LOAD_RELAXED(type, word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define OTELI_LOAD_ACQUIRE(type, word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define OTELI_LOAD_ORDERED(type, word) __atomic_load_n(&(word), __ATOMIC_SEQ_CST)
#define OTELI_STORE_RELAXED(type, word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELAXED)
#define OTELI_STORE_RELEASE(type, word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELEASE)
#define OTELI_STORE_ORDERED(type, word, value) __atomic_store_n(&(word), (value), __ATOMIC_SEQ_CST)
#else
#define OTELI_LOAD_RELAXED(type, word) (*(const volatile type *)&(word))
#define OTELI_LOAD_ACQUIRE(type, word) OTELI_LOAD_RELAXED(type, word)
#define OTELI_LOAD_ORDERED(type, word) OTELI_LOAD_RELAXED(type, word)
#define OTELI_STORE_RELAXED(type, word, value) (*(volatile type *)&(word) = (value))
#define OTELI_STORE_RELEASE(type, word, value) OTELI_STORE_RELAXED(type, word, value)
#define OTELI_STORE_ORDERED(type, word, value) OTELI_STORE_RELAXED(type, word, value)
#endif

/* Stores of several bytes: one instruction, or a call. */
#if OTELI_UNALIGNED_LITTLE_ENDIAN
#define OTELI_SHARED OTELI_INLINE
#else
#define OTELI_SHARED static OTELI_NOINLINE OTELI_UNUSED
#endif

/* Moves bytes to a lower or higher place of the same array. */
static void oteli_move(uint8_t *to, const uint8_t *from, size_t length)
{
    if (to < from) {
        for (; length > 0; length--) {
            *to++ = *from++;
        }
    } else {
        for (; length > 0; length--) {
            to[length - 1] = from[length - 1];
        }
    }
}

/* Four words at a time: a load and a store multiple on a Cortex-M. */
static OTELI_NOINLINE void oteli_copy_words(oteli_word *to, const oteli_word *from, size_t words)
{
#if defined(__GNUC__) && defined(__thumb__)
    size_t blocks = words >> 2;
    if (blocks > 0) {
        do {
            __asm__ volatile("ldmia %1!, {r3, r4, r5, r6}\n\t"
                             "stmia %0!, {r3, r4, r5, r6}"
                             : "+l"(to), "+l"(from)
                             :
                             : "r3", "r4", "r5", "r6", "memory");
        } while (--blocks > 0);
    }
    words &= 3u;
#endif
    while (words > 0) {
        *to++ = *from++;
        words--;
    }
}

OTELI_SHARED uint8_t *oteli_put32(uint8_t *at, uint32_t value)
{
#if OTELI_UNALIGNED_LITTLE_ENDIAN
    OTELI_COPY(at, &value, sizeof value);
#else
    unsigned i;
    for (i = 0; i < 4; i++) {
        at[i] = (uint8_t)value;
        value >>= 8;
    }
#endif
    return at + 4;
}

OTELI_SHARED uint8_t *oteli_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    return at + 2;
}

OTELI_SHARED uint8_t *oteli_put64(uint8_t *at, uint64_t value)
{
    at = oteli_put32(at, (uint32_t)value);
    return oteli_put32(at, (uint32_t)(value >> 32));
}

OTELI_SHARED uint32_t oteli_get32(const uint8_t *at)
{
#if OTELI_UNALIGNED_LITTLE_ENDIAN
    uint32_t value;
    OTELI_COPY(&value, at, sizeof value);
    return value;
#else
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
#endif
}

OTELI_SHARED uint64_t oteli_get64(const uint8_t *at)
{
    return (uint64_t)oteli_get32(at + 4) << 32 | oteli_get32(at);
}

/* Four bytes of an object that is aligned for words, in the order of this core. */
OTELI_INLINE uint32_t oteli_get_word(const void *at)
{
#if defined(__GNUC__)
    return *(const oteli_aliasing_word *)at;
#else
    uint32_t word;
    OTELI_COPY(&word, at, sizeof word);
    return word;
#endif
}

/* strlen, but looks no further than a character behind `limit`: whoever passes a megabyte pays for
 * a few bytes of it. */
static size_t oteli_measure(const char *text, size_t length, size_t limit)
{
    size_t n = 0;
    if (text == NULL) {
        return 0;
    }
    if (length != OTEL_NUL_TERMINATED) {
        return length;
    }
    while (n < limit + 4u && text[n] != '\0') {
        n++;
    }
    return n;
}

/*
 * >>utf8
 *
 * Every string goes through here on its way into a message: one byte that is not UTF-8 would make a
 * Collector refuse the whole batch. Bytes that are no part of a valid sequence (RFC 3629, section 4)
 * become '?', one for one, so the length is known before the copy.
 */

/* Length of the valid UTF-8 sequence at `at`, 0 when there is none in `available` bytes. */
static size_t oteli_utf8_sequence(const uint8_t *at, size_t available)
{
    const uint8_t first = at[0];
    size_t length;
    size_t i;
    if (first < 0x80u) {
        return 1;
    }
    if (first < 0xC2u || first > 0xF4u) {
        return 0;
    }
    length = first < 0xE0u ? 2u : first < 0xF0u ? 3u : 4u;
    if (length > available) {
        return 0;
    }
    for (i = 1; i < length; i++) {
        if ((at[i] & 0xC0u) != 0x80u) {
            return 0;
        }
    }
    if ((first == 0xE0u && at[1] < 0xA0u) || (first == 0xEDu && at[1] > 0x9Fu) ||
        (first == 0xF0u && at[1] < 0x90u) || (first == 0xF4u && at[1] > 0x8Fu)) {
        return 0; /* overlong, surrogate, beyond U+10FFFF */
    }
    return length;
}

#define OTELI_NOT_ASCII 0x80808080u

/* Replaces what is not UTF-8, in place; true when there was any. */
static OTELI_COLD bool oteli_utf8_repair(uint8_t *text, size_t length)
{
    bool repaired = false;
    size_t i = 0;
    while (i < length) {
        const size_t sequence = oteli_utf8_sequence(text + i, length - i);
        if (sequence == 0) {
            text[i] = '?';
            repaired = true;
            i++;
        } else {
            i += sequence;
        }
    }
    return repaired;
}

/* Copies a string; returns all its bytes OR'ed in any order: OTELI_NOT_ASCII tells whether it is. */
static OTELI_NOINLINE uint32_t oteli_copy_text(uint8_t *to, const char *from, size_t length)
{
    const char *end = from + length;
    uint32_t seen = 0;
#if OTELI_UNALIGNED_LITTLE_ENDIAN
    if (length >= 4) { /* the last word first: it may overlap the one before, and leaves no tail */
        uint32_t word;
        end -= 4;
        OTELI_COPY(&seen, end, 4);
        OTELI_COPY(to + length - 4, &seen, 4);
        if (from < end) {
            do {
                OTELI_COPY(&word, from, 4);
                OTELI_COPY(to, &word, 4);
                seen |= word;
                from += 4;
                to += 4;
            } while (from < end);
        }
        return seen;
    }
#endif
    while (from < end) {
        *to = (uint8_t)*from++;
        seen |= *to++;
    }
    return seen;
}

/* The length of `text` cut to at most `limit` bytes, never within a character. */
static size_t oteli_utf8_cut(const char *text, size_t length, size_t limit)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t at = limit;
    unsigned back;
    if (length <= limit) {
        return length;
    }
    for (back = 0; back < 3 && at > 0 && (bytes[at] & 0xC0u) == 0x80u; back++) {
        at--;
    }
    /* Cut before a character only if there is one: continuation bytes of nothing are cut anywhere. */
    return at + oteli_utf8_sequence(bytes + at, length - at) > limit ? at : limit;
}

/* True when both strings of `length` bytes are the same after repair. */
static bool oteli_utf8_same(const uint8_t *a, const uint8_t *b, size_t length)
{
    size_t i = 0;
    while (i < length) {
        size_t sequence_a;
        size_t sequence_b;
        if (a[i] == b[i] && a[i] < 0x80u) {
            i++;
            continue;
        }
        sequence_a = oteli_utf8_sequence(a + i, length - i);
        sequence_b = oteli_utf8_sequence(b + i, length - i);
        if ((sequence_a == 0 ? (uint8_t)'?' : a[i]) != (sequence_b == 0 ? (uint8_t)'?' : b[i])) {
            return false;
        }
        if (sequence_a == 0 || sequence_b == 0) {
            i++;
            continue;
        }
        for (; sequence_a > 0; sequence_a--, i++) { /* the same first byte: the same length */
            if (a[i] != b[i]) {
                return false;
            }
        }
    }
    return true;
}

/*
 * >>writer
 *
 * The span writer: the only place that stores protobuf bytes by itself, because a pb_write costs about
 * 50 instructions whatever it writes. It also writes the KeyValues of a resource, so that there is one
 * writer of attributes. Invariant: the caller has claimed the recording; sizes are known before the
 * first byte of a field is stored. No lock.
 */

/* What went wrong in a call that writes; counted by the caller when it may take the lock. */
#define OTELI_FAULT_ARGUMENT 0x01u
#define OTELI_FAULT_ATTRIBUTE_DROPPED 0x02u
#define OTELI_FAULT_TRUNCATED 0x04u
#define OTELI_FAULT_EVENT_DROPPED 0x08u
#define OTELI_FAULT_REPAIRED 0x10u

/* Tags of opentelemetry.proto.trace.v1.Span and of what is in it: field number << 3 | wire type. */
#define OTELI_TAG_SCOPE_SPANS_SPAN 0x12u
#define OTELI_TAG_TRACE_STATE 0x1Au
#define OTELI_TAG_NAME 0x2Au
#define OTELI_TAG_ATTRIBUTE 0x4Au
#define OTELI_TAG_ATTRIBUTES_DROPPED 0x50u
#define OTELI_TAG_EVENT 0x5Au
#define OTELI_TAG_EVENTS_DROPPED 0x60u
#define OTELI_TAG_STATUS 0x7Au
#define OTELI_TAG_STATUS_MESSAGE 0x12u
#define OTELI_TAG_STATUS_CODE 0x18u
#define OTELI_TAG_EVENT_TIME 0x09u
#define OTELI_TAG_EVENT_NAME 0x12u
#define OTELI_TAG_EVENT_ATTRIBUTE 0x1Au
#define OTELI_TAG_EVENT_ATTRIBUTES_DROPPED 0x20u
#define OTELI_TAG_KEY 0x0Au
#define OTELI_TAG_VALUE 0x12u
#define OTELI_TAG_VALUE_STRING 0x0Au
#define OTELI_TAG_VALUE_BOOL 0x10u
#define OTELI_TAG_VALUE_INT 0x18u
#define OTELI_TAG_VALUE_DOUBLE 0x21u
#define OTELI_TAG_RESOURCE_ATTRIBUTE 0x0Au

/* What comes before the fixed fields of a span: tag and, behind it, length or another tag. */
#define OTELI_HEAD_TRACE_ID 0x100Au
#define OTELI_HEAD_SPAN_ID 0x0812u
#define OTELI_HEAD_KIND 0x0030u
#define OTELI_TAG_START 0x39u
#define OTELI_TAG_END 0x41u
#define OTELI_HEAD_FLAGS 0x0185u
#define OTELI_HEAD_PARENT_ID 0x08220000u /* behind the upper half of the flags */

/* Bits 8 and 9 of Span.flags: whether the parent is remote is known, and it is. */
#define OTELI_SPAN_FLAG_HAS_IS_REMOTE 0x100u
#define OTELI_SPAN_FLAG_IS_REMOTE 0x200u

/* Lengths within a span are below 2^14: one byte of varint or two. */
OTELI_INLINE size_t oteli_length_size(size_t length)
{
    return length < 0x80u ? 1u : 2u;
}

OTELI_INLINE uint8_t *oteli_put_length(uint8_t *at, size_t length)
{
    if (length >= 0x80u) {
        *at++ = (uint8_t)(length | 0x80u);
        length >>= 7;
    }
    *at++ = (uint8_t)length;
    return at;
}

/* Size of a length-delimited field with a tag of one byte. */
OTELI_INLINE size_t oteli_field_size(size_t length)
{
    return 1u + oteli_length_size(length) + length;
}

/* Tag and length. */
OTELI_INLINE uint8_t *oteli_put_field(uint8_t *at, unsigned tag, size_t length)
{
    *at++ = (uint8_t)tag;
    return oteli_put_length(at, length);
}

static OTELI_COLD void oteli_repair_text(uint8_t *at, size_t length, unsigned *faults)
{
    if (oteli_utf8_repair(at, length)) {
        *faults |= OTELI_FAULT_REPAIRED;
    }
}

/* The bytes of a string; sets OTELI_FAULT_REPAIRED where one was replaced. */
OTELI_INLINE uint8_t *oteli_put_text(uint8_t *at, const char *text, size_t length, unsigned *faults)
{
    if ((oteli_copy_text(at, text, length) & OTELI_NOT_ASCII) != 0) {
        oteli_repair_text(at, length, faults);
    }
    return at + length;
}

static uint8_t *oteli_put_string(uint8_t *at, unsigned tag, const char *text, size_t length,
                                 unsigned *faults)
{
    return oteli_put_text(oteli_put_field(at, tag, length), text, length, faults);
}

static uint8_t *oteli_put_varint(uint8_t *at, uint64_t value)
{
    uint32_t low = (uint32_t)value;
    while (value >> 32 != 0) {
        *at++ = (uint8_t)(low | 0x80u);
        value >>= 7;
        low = (uint32_t)value;
    }
    while (low >= 0x80u) {
        *at++ = (uint8_t)(low | 0x80u);
        low >>= 7;
    }
    *at++ = (uint8_t)low;
    return at;
}

/* A message within a message: two bytes for its tag and its length, which oteli_close knows when the
 * bytes behind them are there. */
#define OTELI_OPENED_BYTES 2u

static OTELI_COLD uint8_t *oteli_close_long(uint8_t *field, size_t length)
{
    uint8_t *content = field + OTELI_OPENED_BYTES;
    oteli_move(content + 1, content, length);
    (void)oteli_put_length(field + 1, length);
    return content + 1 + length;
}

/* Sets the length of a message that ends at `end`; returns where it ends then. */
OTELI_INLINE uint8_t *oteli_close(uint8_t *field, uint8_t *end)
{
    const size_t length = (size_t)(end - field) - OTELI_OPENED_BYTES;
    if (length >= 0x80u) {
        return oteli_close_long(field, length);
    }
    field[1] = (uint8_t)length;
    return end;
}

/* Reads the length of a field that we wrote; advances *at. */
static size_t oteli_get_length(const uint8_t **at)
{
    size_t length = *(*at)++;
    if (length >= 0x80u) {
        length = (length & 0x7Fu) | (size_t)(*(*at)++) << 7;
    }
    return length;
}

static OTELI_COLD size_t oteli_text_cut(const char *text, size_t length, size_t limit,
                                        unsigned *faults)
{
    const size_t whole = oteli_measure(text, length, limit);
    const size_t cut = oteli_utf8_cut(text, whole, limit);
    if (cut != whole) {
        *faults |= OTELI_FAULT_TRUNCATED;
    }
    return cut;
}

/* How many bytes of a string are written: all of it, or as much as the limit allows. */
OTELI_INLINE size_t oteli_text_length(const char *text, size_t length, size_t limit,
                                      unsigned *faults)
{
    return text != NULL && length <= limit ? length : oteli_text_cut(text, length, limit, faults);
}

/* More than an attribute has beside its strings: tags, lengths, and a number of ten bytes. */
#define OTELI_ATTRIBUTE_OVERHEAD 24u

/* Tag, a length to be known later, and tag and length of the string that comes first: nearly always
 * one word. */
OTELI_INLINE uint8_t *oteli_open_with_string(uint8_t *at, unsigned tag, unsigned string_tag,
                                             size_t length)
{
    if (length < 0x80u) {
        return oteli_put32(at, tag | string_tag << 16 | (uint32_t)length << 24);
    }
    *at = (uint8_t)tag;
    return oteli_put_field(at + OTELI_OPENED_BYTES, string_tag, length);
}

/* The value of an attribute: an AnyValue. */
OTELI_INLINE uint8_t *oteli_put_value(uint8_t *at, const otel_attribute *attribute,
                                      unsigned *faults)
{
    uint8_t *end = at + 3;
    uint64_t bits;
    if (attribute->type == OTEL_VALUE_STRING) {
        const size_t length = attribute->value.string.length;
        end = oteli_open_with_string(at, OTELI_TAG_VALUE, OTELI_TAG_VALUE_STRING, length);
        return oteli_close(at, oteli_put_text(end, attribute->value.string.bytes, length, faults));
    }
    at[0] = OTELI_TAG_VALUE;
    if (attribute->type == OTEL_VALUE_BOOL) {
        at[2] = OTELI_TAG_VALUE_BOOL;
        *end++ = attribute->value.boolean ? 1u : 0u;
    } else if (attribute->type == OTEL_VALUE_INT) {
        at[2] = OTELI_TAG_VALUE_INT;
        end = oteli_put_varint(end, (uint64_t)attribute->value.integer);
    } else {
        at[2] = OTELI_TAG_VALUE_DOUBLE;
        OTELI_COPY(&bits, &attribute->value.real, sizeof bits);
        end = oteli_put64(end, bits);
    }
    at[1] = (uint8_t)((size_t)(end - at) - OTELI_OPENED_BYTES);
    return end;
}

/* Writes an attribute as a field with `tag`: a KeyValue. Its lengths are known, its type exists, and
 * there is room for it. */
static OTELI_NOINLINE uint8_t *
oteli_put_attribute(uint8_t *at, unsigned tag, const otel_attribute *attribute, unsigned *faults)
{
    const size_t key_length = attribute->key_length;
    uint8_t *end = oteli_open_with_string(at, tag, OTELI_TAG_KEY, key_length);
    end = oteli_put_text(end, attribute->key, key_length, faults);
    return oteli_close(at, oteli_put_value(end, attribute, faults));
}

/* Finds out the lengths of an attribute, and cuts a value at the limit. False when it has no key, or a
 * type that does not exist. A key that is too long for any span keeps a length that is. */
static OTELI_COLD bool oteli_measure_attribute(otel_attribute *attribute, size_t value_limit,
                                               unsigned *faults)
{
    const size_t key_length = oteli_measure(attribute->key, attribute->key_length, OTELI_KEY_BYTES);
    attribute->key_length = key_length < OTELI_KEY_BYTES ? key_length : OTELI_KEY_BYTES;
    if (key_length == 0 || (unsigned)attribute->type - 1u >= OTEL_VALUE_DOUBLE) {
        return false;
    }
    if (attribute->type == OTEL_VALUE_STRING) {
        attribute->value.string.length = oteli_text_cut(
            attribute->value.string.bytes, attribute->value.string.length, value_limit, faults);
        if (attribute->value.string.bytes == NULL) {
            attribute->value.string.bytes = "";
        }
    }
    return true;
}

/* How long an attribute's key and value may become, 0 where that has to be found out first. */
OTELI_INLINE size_t oteli_attribute_size(const otel_attribute *attribute, size_t value_limit)
{
    size_t size = attribute->key_length + OTELI_ATTRIBUTE_OVERHEAD;
    if (attribute->key == NULL || attribute->key_length - 1u >= OTELI_KEY_BYTES) {
        return 0;
    }
    if (attribute->type == OTEL_VALUE_STRING) {
        const size_t length = attribute->value.string.length;
        size = attribute->value.string.bytes != NULL && length <= value_limit ? size + length : 0;
    } else if ((unsigned)attribute->type - 1u >= OTEL_VALUE_DOUBLE) {
        return 0;
    }
    return size;
}

/* True when one of `count` attributes has the key of `one`. */
static bool oteli_key_repeated(const otel_attribute *one, const otel_attribute *others,
                               size_t count)
{
    size_t length;
    if (count == 0) {
        return false;
    }
    length = oteli_measure(one->key, one->key_length, OTELI_KEY_BYTES);
    for (; count > 0; count--, others++) {
        if (oteli_measure(others->key, others->key_length, OTELI_KEY_BYTES) == length &&
            oteli_utf8_same((const uint8_t *)one->key, (const uint8_t *)others->key, length)) {
            return true;
        }
    }
    return false;
}

/* The one way in which a span's bytes grow, shrink or move in the middle: the `old_size` bytes at `at` become
 * `new_size` bytes for the caller to fill. False, and nothing changed, when fewer than `reserve` bytes
 * would be left. */
static bool oteli_span_splice(oteli_recording *recording, size_t at, size_t old_size,
                              size_t new_size, size_t reserve)
{
    const size_t used = recording->used;
    if (used - old_size + new_size + reserve > OTEL_SPAN_BYTES) {
        return false;
    }
    recording->used = (uint16_t)(used - old_size + new_size);
    if (at + old_size < used) {
        uint8_t *bytes = recording->data.bytes;
        oteli_move(bytes + at + new_size, bytes + at + old_size, used - at - old_size);
        if (recording->status_at > at) {
            recording->status_at = (uint16_t)(recording->status_at - old_size + new_size);
        }
    }
    return true;
}

/* A bit for a key, the same for all keys that are the same after repair. */
OTELI_INLINE uint32_t oteli_key_bit(const otel_attribute *attribute)
{
    const size_t length = attribute->key_length;
    uint32_t last = (uint8_t)attribute->key[length - 1u];
    if (last >= 0x80u) {
        last = '?';
    }
    return (uint32_t)1 << ((last ^ length << 2) & 31u);
}

/* Where the attribute with this key is, and its size; 0 when the span has none. */
static size_t oteli_span_find(const oteli_recording *recording, const char *key, size_t key_length,
                              size_t *size)
{
    const uint8_t *bytes = recording->data.bytes;
    const uint8_t *at = bytes + recording->fields_at;
    const uint8_t *end = bytes + recording->used;
    while (at < end) {
        const uint8_t *field = at;
        const uint8_t *content = at + 1;
        const size_t length = oteli_get_length(&content);
        at = content + length;
        if (*field == OTELI_TAG_ATTRIBUTE) {
            const uint8_t *stored = content + 1;
            if (oteli_get_length(&stored) == key_length &&
                oteli_utf8_same(stored, (const uint8_t *)key, key_length)) {
                *size = (size_t)(at - field);
                return (size_t)(field - bytes);
            }
        }
    }
    return 0;
}

/* A count that a span or an event has of what it dropped. */
static uint8_t *oteli_put_dropped(uint8_t *at, unsigned tag, uint32_t count)
{
    if (count > 0) {
        *at++ = (uint8_t)tag;
        at = oteli_put_varint(at, count);
    }
    return at;
}

static void oteli_count_up16(uint16_t *counter)
{
    if (*counter != UINT16_MAX) {
        ++*counter;
    }
}

/* Takes away the attribute with this key, if the span has one: the last one wins. */
static OTELI_COLD void oteli_span_forget(oteli_recording *recording,
                                         const otel_attribute *attribute)
{
    size_t size = 0;
    const size_t at = oteli_span_find(recording, attribute->key, attribute->key_length, &size);
    if (at != 0) {
        (void)oteli_span_splice(recording, at, size, 0, 0);
        recording->attribute_count--;
    }
}

/* Whether `size` bytes more fit at `at`, beside those that are reserved. */
OTELI_INLINE bool oteli_span_fits(const oteli_recording *recording, const uint8_t *at, size_t size)
{
    return (size_t)(at - recording->data.bytes) + size <= OTEL_SPAN_BYTES - OTELI_RESERVED_BYTES;
}

/* Sets an attribute, whose lengths it may find out. Returns faults. */
static OTELI_NOINLINE unsigned oteli_span_attribute(oteli_recording *recording,
                                                    otel_attribute *attribute)
{
    unsigned faults = 0;
    size_t size;
    uint8_t *at;
    uint32_t bit;
    while ((size = oteli_attribute_size(attribute, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT)) == 0) {
        if (!oteli_measure_attribute(attribute, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, &faults)) {
            return OTELI_FAULT_ARGUMENT;
        }
    }
    bit = oteli_key_bit(attribute);
    if ((recording->key_filter & bit) != 0) {
        oteli_span_forget(recording, attribute);
    }
    at = recording->data.bytes + recording->used;
    if (recording->attribute_count >= OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT ||
        !oteli_span_fits(recording, at, size)) {
        oteli_count_up16(&recording->attributes_dropped);
        return OTELI_FAULT_ATTRIBUTE_DROPPED;
    }
    at = oteli_put_attribute(at, OTELI_TAG_ATTRIBUTE, attribute, &faults);
    recording->key_filter |= bit;
    recording->attribute_count++;
    recording->used = (uint16_t)(at - recording->data.bytes);
    return faults;
}

/* The attributes of an event, and what becomes of them. */
typedef struct oteli_event {
    const otel_attribute *attributes;
    size_t attribute_count;
    uint32_t attributes_dropped;
    unsigned faults;
} oteli_event;

/* Writes the attributes that the event keeps; NULL when they have no room. */
static uint8_t *oteli_put_event_attributes(oteli_recording *recording, uint8_t *at,
                                           oteli_event *event)
{
    size_t kept = 0;
    size_t i;
    for (i = 0; i < event->attribute_count; i++) {
        otel_attribute attribute = event->attributes[i];
        size_t size;
        if (oteli_key_repeated(&attribute, &event->attributes[i + 1],
                               event->attribute_count - i - 1u)) {
            continue; /* the later one wins */
        }
        if (kept >= OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT) {
            event->attributes_dropped++;
            continue;
        }
        size = oteli_attribute_size(&attribute, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT);
        if (size == 0) {
            if (!oteli_measure_attribute(&attribute, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT,
                                         &event->faults)) {
                event->faults |= OTELI_FAULT_ARGUMENT;
                continue;
            }
            size = oteli_attribute_size(&attribute, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT);
        }
        if (!oteli_span_fits(recording, at, size)) {
            return NULL;
        }
        at = oteli_put_attribute(at, OTELI_TAG_EVENT_ATTRIBUTE, &attribute, &event->faults);
        kept++;
    }
    return at;
}

/* Adds an event. Its faults are those that it comes with, and those of its strings; only
 * OTELI_FAULT_EVENT_DROPPED when it is dropped. */
static void oteli_span_event_add(oteli_recording *recording, oteli_event *event, const char *name,
                                 size_t name_length, uint64_t time_ns)
{
    uint8_t *field = recording->data.bytes + recording->used;
    uint8_t *at = NULL;
    const size_t length =
        oteli_text_length(name, name_length, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, &event->faults);
    if (recording->event_count < OTEL_SPAN_EVENT_COUNT_LIMIT &&
        oteli_span_fits(recording, field, length + OTELI_ATTRIBUTE_OVERHEAD)) {
        field[0] = OTELI_TAG_EVENT;
        field[2] = OTELI_TAG_EVENT_TIME;
        at = oteli_put64(field + 3, time_ns);
        at = oteli_put_string(at, OTELI_TAG_EVENT_NAME, name, length, &event->faults);
        at = oteli_put_event_attributes(recording, at, event);
    }
    if (at == NULL) {
        oteli_count_up16(&recording->events_dropped);
        event->attributes_dropped = 0;
        event->faults = OTELI_FAULT_EVENT_DROPPED;
        return;
    }
    at = oteli_put_dropped(at, OTELI_TAG_EVENT_ATTRIBUTES_DROPPED, event->attributes_dropped);
    recording->event_count++;
    recording->used = (uint16_t)(oteli_close(field, at) - recording->data.bytes);
}

/* Sets the name of a span that has just begun. Returns faults. */
static unsigned oteli_span_name(oteli_recording *recording, const char *name, size_t length)
{
    unsigned faults = 0;
    const size_t cut = oteli_text_length(name, length, OTELI_NAME_BYTES, &faults);
    uint8_t *at = oteli_put_field(recording->data.bytes + recording->used, OTELI_TAG_NAME, cut);
    at = oteli_put_text(at, name, cut, &faults);
    recording->used = (uint16_t)(at - recording->data.bytes);
    recording->fields_at = recording->used;
    return faults;
}

/* UpdateName: what comes after the name moves. Cut where it has no room. Returns faults. */
static unsigned oteli_span_rename(oteli_recording *recording, const char *name, size_t length)
{
    const size_t at = recording->name_at;
    const size_t old_size = recording->fields_at - at;
    const size_t rest = recording->used - old_size + OTELI_RESERVED_BYTES + 4u;
    const size_t room = OTEL_SPAN_BYTES > rest ? OTEL_SPAN_BYTES - rest : 0;
    unsigned faults = 0;
    const size_t cut =
        oteli_text_length(name, length, room < OTELI_NAME_BYTES ? room : OTELI_NAME_BYTES, &faults);
    (void)oteli_span_splice(recording, at, old_size, oteli_field_size(cut), 0);
    recording->fields_at = (uint16_t)(at + oteli_field_size(cut));
    (void)oteli_put_string(recording->data.bytes + at, OTELI_TAG_NAME, name, cut, &faults);
    return faults;
}

/* Takes away the status that was set before. */
static void oteli_span_status_clear(oteli_recording *recording)
{
    const uint8_t *status = recording->data.bytes + recording->status_at;
    const uint8_t *content = status + 1;
    const size_t length = oteli_get_length(&content);
    (void)oteli_span_splice(recording, recording->status_at, (size_t)(content - status) + length, 0,
                            0);
    recording->status_at = 0;
}

/* Sets the status by the specification's rules; a message is cut where it has no room. */
static unsigned oteli_span_status_set(oteli_recording *recording, otel_span_status status,
                                      const char *message)
{
    unsigned faults = 0;
    uint8_t *field;
    uint8_t *at;
    if (status == OTEL_SPAN_STATUS_UNSET || recording->status == OTEL_SPAN_STATUS_OK) {
        return 0;
    }
    if (recording->status_at != 0) {
        oteli_span_status_clear(recording);
    }
    recording->status_at = recording->used;
    recording->status = (uint8_t)status;
    field = recording->data.bytes + recording->used;
    field[0] = OTELI_TAG_STATUS;
    at = field + OTELI_OPENED_BYTES;
    if (status == OTEL_SPAN_STATUS_ERROR && message != NULL) {
        const size_t rest = recording->used + OTELI_RESERVED_BYTES + 6u; /* and two lengths */
        const size_t room = OTEL_SPAN_BYTES > rest ? OTEL_SPAN_BYTES - rest : 0;
        const size_t length =
            oteli_text_cut(message, OTEL_NUL_TERMINATED,
                           room < OTELI_NAME_BYTES ? room : OTELI_NAME_BYTES, &faults);
        if (length > 0) {
            at = oteli_put_string(at, OTELI_TAG_STATUS_MESSAGE, message, length, &faults);
        }
    }
    *at++ = OTELI_TAG_STATUS_CODE;
    *at++ = (uint8_t)status;
    recording->used = (uint16_t)(oteli_close(field, at) - recording->data.bytes);
    return faults;
}

/* Span.flags but for those that the new span itself has, by the context of its parent. */
static uint32_t oteli_span_flags(const otel_context *parent)
{
    return OTELI_SPAN_FLAG_HAS_IS_REMOTE |
           ((parent->state & OTEL_CONTEXT_REMOTE) != 0 ? OTELI_SPAN_FLAG_IS_REMOTE : 0);
}

/* Starts a span's bytes: ids, kind, start, flags, and the parent unless it is NULL (8 bytes). The place
 * of the end is left as it is. */
static void oteli_span_begin(oteli_recording *recording, const otel_context *context,
                             const void *parent_id, uint32_t flags, uint64_t start_ns)
{
    uint8_t *bytes = recording->data.bytes;
    (void)oteli_put16(bytes + OTELI_TRACE_ID_AT - 2, OTELI_HEAD_TRACE_ID);
    OTELI_COPY(bytes + OTELI_TRACE_ID_AT, context->trace_id, 16);
    (void)oteli_put16(bytes + OTELI_SPAN_ID_AT - 2, OTELI_HEAD_SPAN_ID);
    OTELI_COPY(bytes + OTELI_SPAN_ID_AT, context->span_id, 8);
    (void)oteli_put64(bytes + OTELI_START_AT, start_ns);
    bytes[OTELI_START_AT - 1] = OTELI_TAG_START;
    bytes[OTELI_END_AT - 1] = OTELI_TAG_END;
    (void)oteli_put32(bytes + OTELI_FLAGS_AT - 2, OTELI_HEAD_FLAGS | (flags | context->trace_flags)
                                                                         << 16);
    (void)oteli_put32(bytes + OTELI_FLAGS_AT + 2, OTELI_HEAD_PARENT_ID);
    if (parent_id != NULL) {
        OTELI_COPY(bytes + OTELI_PARENT_ID_AT, parent_id, 8);
    }
    recording->used = parent_id != NULL ? OTELI_HEAD_END_CHILD : OTELI_HEAD_END_ROOT;
    recording->name_at = recording->used;
    recording->key_filter = 0;
    recording->status_at = 0;
    recording->attributes_dropped = 0;
    recording->events_dropped = 0;
    recording->attribute_count = 0;
    recording->event_count = 0;
    recording->status = OTEL_SPAN_STATUS_UNSET;
}

static void oteli_span_kind(oteli_recording *recording, otel_span_kind kind)
{
    (void)oteli_put16(recording->data.bytes + OTELI_KIND_AT - 1,
                      OTELI_HEAD_KIND | (uint32_t)kind << 8);
}

#if OTEL_CARRIER_COUNT > 0
/* Adds the foreign tracestate of a span that has just begun, before the name. */
static void oteli_span_tracestate(oteli_recording *recording, const char *text, size_t length)
{
    unsigned faults = 0; /* printable ASCII: nothing to repair */
    uint8_t *at = recording->data.bytes + recording->used;
    at = oteli_put_string(at, OTELI_TAG_TRACE_STATE, text, length, &faults);
    recording->used = (uint16_t)(at - recording->data.bytes);
    recording->name_at = recording->used;
}
#endif

static OTELI_COLD void oteli_span_dropped_counts(oteli_recording *recording)
{
    uint8_t *at = recording->data.bytes + recording->used;
    at = oteli_put_dropped(at, OTELI_TAG_ATTRIBUTES_DROPPED, recording->attributes_dropped);
    at = oteli_put_dropped(at, OTELI_TAG_EVENTS_DROPPED, recording->events_dropped);
    recording->used = (uint16_t)(at - recording->data.bytes);
}

/* Closes the message: dropped counts, tag and length; the end is there. Returns the number of bytes that
 * come before the tag. */
static size_t oteli_span_finish(oteli_recording *recording)
{
    uint8_t *bytes = recording->data.bytes;
    size_t skip = OTELI_BODY_AT - 2u;
    size_t length;
    if ((recording->attributes_dropped | recording->events_dropped) != 0) {
        oteli_span_dropped_counts(recording);
    }
    length = recording->used - OTELI_BODY_AT;
    if (length >= 0x80u) {
        skip--;
    }
    (void)oteli_put_field(bytes + skip, OTELI_TAG_SCOPE_SPANS_SPAN, length);
    return skip;
}

static uint64_t oteli_span_start_ns(const oteli_recording *recording)
{
    return oteli_get64(recording->data.bytes + OTELI_START_AT);
}

static uint64_t oteli_span_end_ns(const oteli_recording *recording)
{
    return oteli_get64(recording->data.bytes + OTELI_END_AT);
}

/* Nobody else writes there: also somebody who has not claimed the span may set its end. */
static void oteli_span_end(oteli_recording *recording, uint64_t end_ns)
{
    (void)oteli_put64(recording->data.bytes + OTELI_END_AT, end_ns);
}

/*
 * >>clock
 *
 * One epoch for everything: nanoseconds of the port's ticks. The factor is made once, so no span costs
 * a 64-bit division. No lock.
 */

/* ns = ticks * (whole + fraction / 2^32); never 0, which means "now" in the API. */
static uint64_t oteli_ticks_to_ns(uint64_t ticks)
{
    const uint32_t high = (uint32_t)(ticks >> 32);
    const uint32_t low = (uint32_t)ticks;
    uint64_t ns = ticks * oteli.ns_per_tick;
    if (oteli.ns_per_tick_fraction != 0) {
        ns += (uint64_t)high * oteli.ns_per_tick_fraction;
        ns += (uint64_t)low * oteli.ns_per_tick_fraction >> 32;
    }
    return ns != 0 ? ns : 1u;
}

static uint64_t oteli_clock_ns(void)
{
    return oteli_ticks_to_ns(otel_port_ticks());
}

/* 10^9 * 2^32 / ticks_per_sec, one bit at a time: it runs once, and a library's 64-bit division would
 * cost more flash than all of this section. */
static void oteli_clock_init(uint32_t ticks_per_sec)
{
    const uint64_t dividend = (uint64_t)1000000000u << 32;
    uint64_t quotient = 0;
    uint64_t remainder = 0;
    unsigned bit;
    for (bit = 64; bit > 0; bit--) {
        remainder = remainder << 1 | (dividend >> (bit - 1) & 1u);
        quotient <<= 1;
        if (remainder >= ticks_per_sec) {
            remainder -= ticks_per_sec;
            quotient |= 1u;
        }
    }
    oteli.ns_per_tick = (uint32_t)(quotient >> 32);
    oteli.ns_per_tick_fraction = (uint32_t)quotient;
}

static uint64_t oteli_ms_to_ns(uint32_t ms)
{
    return (uint64_t)ms * 1000000u;
}

/* At most `limit_ms`, a little early and never late, and not 0 for what is not 0. By shifts: many cores
 * have no division. */
static uint32_t oteli_ns_to_ms(uint64_t ns, uint32_t limit_ms)
{
    uint32_t ms;
    if (ns >= oteli_ms_to_ns(limit_ms)) {
        return limit_ms;
    }
    ms = (uint32_t)(ns >> 20);                /* 1 048 576 ns */
    ms += (ms >> 5) + (ms >> 6) + (ms >> 10); /* 1 000 692 ns */
    return ms != 0 || ns == 0 ? ms : 1u;
}

/*
 * >>random
 *
 * xoroshiro128++ (Blackman and Vigna): 128 bits of state, 64 bits a draw, no multiplication; here in
 * halves of 32 bits, low half first. Lock held.
 */

/* A 64-bit number rotated left by less than 32 bits. */
OTELI_INLINE oteli_halves oteli_rotate(oteli_halves number, unsigned bits)
{
    oteli_halves rotated;
    rotated.low = number.low << bits | number.high >> (32u - bits);
    rotated.high = number.high << bits | number.low >> (32u - bits);
    return rotated;
}

static uint64_t oteli_random(void)
{
    const oteli_halves s0 = oteli.random[0];
    oteli_halves s1 = oteli.random[1];
    const uint64_t state0 = (uint64_t)s0.high << 32 | s0.low;
    const uint64_t sum = state0 + ((uint64_t)s1.high << 32 | s1.low);
    oteli_halves rotated;
    rotated.low = (uint32_t)sum;
    rotated.high = (uint32_t)(sum >> 32);
    rotated = oteli_rotate(rotated, 17);
    s1.low ^= s0.low;
    s1.high ^= s0.high;
    oteli.random[0].low = (s0.high << 17 | s0.low >> 15) ^ s1.low ^ s1.low << 21;
    oteli.random[0].high =
        (s0.low << 17 | s0.high >> 15) ^ s1.high ^ (s1.high << 21 | s1.low >> 11);
    oteli.random[1] = oteli_rotate(s1, 28);
    return ((uint64_t)rotated.high << 32 | rotated.low) + state0;
}

/* 64 bits that are not all zero: a trace id's half, or a span id. */
OTELI_INLINE uint64_t oteli_random_id(void)
{
    const uint64_t id = oteli_random();
    return id != 0 ? id : 1u;
}

/* Mixes the port's entropy with what else tells boards and boots apart; false when it is all zero. */
static bool oteli_random_init(const uint8_t *entropy, uint64_t device_id, uint64_t ticks)
{
    const uint64_t mixed = device_id ^ ticks << 32 ^ ticks >> 32;
    oteli_halves *s = oteli.random;
    unsigned i;
    for (i = 0; i < 2; i++) {
        s[i].low = oteli_get32(entropy + 8 * i);
        s[i].high = oteli_get32(entropy + 8 * i + 4);
    }
    if ((s[0].low | s[0].high | s[1].low | s[1].high) == 0) {
        return false;
    }
    s[0].low ^= (uint32_t)mixed;
    s[0].high ^= (uint32_t)(mixed >> 32);
    if ((s[0].low | s[0].high | s[1].low | s[1].high) == 0) {
        s[1].high = 1;
    }
    for (i = 0; i < 16; i++) {
        (void)oteli_random();
    }
    return true;
}

/*
 * >>pools
 *
 * Slots and recording buffers have free lists (slots first-in first-out, so that a stale handle stays
 * stale as long as possible); the few carriers are searched. Lock held.
 */

static void oteli_pools_init(uint32_t generation)
{
    unsigned i;
    for (i = 0; i < OTEL_CONTEXT_COUNT; i++) {
        oteli_slot *slot = &oteli.slots[i];
        slot->state = (generation + (i << 16)) & ~OTELI_FLAGS;
        slot->index = (uint8_t)i;
        slot->next_free = (uint8_t)(i + 1);
        slot->busy = 0;
        slot->end_pending = 0;
    }
    oteli.slots[OTEL_CONTEXT_COUNT - 1].next_free = OTELI_NONE;
    oteli.slot_free_first = 0;
    oteli.slot_free_last = OTEL_CONTEXT_COUNT - 1;
    for (i = 0; i < OTEL_RECORDING_COUNT; i++) {
        oteli_store.recordings[i].index = (uint8_t)i;
        oteli_store.recordings[i].next_free = (uint8_t)(i + 1);
    }
    oteli_store.recordings[OTEL_RECORDING_COUNT - 1].next_free = OTELI_NONE;
    oteli.recording_free = 0;
}

static void oteli_raise_max(oteli_counter_index counter, uint32_t value)
{
    if (oteli.counters[counter] < value) {
        oteli.counters[counter] = value;
    }
}

/* Takes a slot out of the pool; NULL when it is empty. Its state is its new generation, not open. */
static oteli_slot *oteli_slot_take(void)
{
    const uint8_t index = oteli.slot_free_first;
    oteli_slot *slot;
    uint32_t state;
    if (index == OTELI_NONE) {
        return NULL;
    }
    slot = &oteli.slots[index];
    OTELI_KEEP(slot);
    oteli.slot_free_first = slot->next_free;
    state = (slot->state | OTELI_FLAGS) + 1u;
    if (state == 0) {
        state = OTELI_FLAGS + 1u; /* generation 0 would make a handle of zero */
    }
    OTELI_STORE_RELAXED(uint32_t, slot->state, state);
    oteli_raise_max(OTELI_COUNT_contexts_max, ++oteli.contexts_in_use);
    return slot;
}

static void oteli_slot_give(oteli_slot *slot)
{
    const uint8_t index = slot->index;
    OTELI_STORE_RELAXED(uint32_t, slot->state, slot->state & ~OTELI_FLAGS);
    slot->next_free = OTELI_NONE;
    if (oteli.slot_free_first == OTELI_NONE) {
        oteli.slot_free_first = index;
    } else {
        oteli.slots[oteli.slot_free_last].next_free = index;
    }
    oteli.slot_free_last = index;
    oteli.contexts_in_use--;
}

/* A recording buffer, NULL when there is none. */
static oteli_recording *oteli_recording_take(void)
{
    const uint8_t index = oteli.recording_free;
    oteli_recording *recording;
    if (index == OTELI_NONE) {
        return NULL;
    }
    recording = &oteli_store.recordings[index];
    OTELI_KEEP(recording);
    oteli.recording_free = recording->next_free;
    oteli_raise_max(OTELI_COUNT_recordings_max, ++oteli.recordings_in_use);
    return recording;
}

static void oteli_recording_give(oteli_recording *recording)
{
    recording->next_free = oteli.recording_free;
    oteli.recording_free = recording->index;
    oteli.recordings_in_use--;
}

#if OTEL_CARRIER_COUNT > 0
/* The block that a context refers to, NULL when it has none or it was let go. A reference is the block's
 * generation and, in the low byte, its index. */
static oteli_carrier *oteli_carrier_find(uint32_t reference)
{
    const uint32_t index = reference & 0xFFu;
    if (reference == 0 || index >= OTEL_CARRIER_COUNT ||
        oteli.carriers[index].generation != reference >> 8 || oteli.carriers[index].holders == 0) {
        return NULL;
    }
    return &oteli.carriers[index];
}

/* Takes a block for one holder; 0 when the pool is empty. */
static uint32_t oteli_carrier_take(void)
{
    uint32_t index;
    for (index = 0; index < OTEL_CARRIER_COUNT; index++) {
        oteli_carrier *carrier = &oteli.carriers[index];
        if (carrier->holders == 0) {
            carrier->holders = 1;
            carrier->length = 0;
            carrier->generation = (carrier->generation + 1u) & 0xFFFFFFu;
            if (carrier->generation == 0) {
                carrier->generation = 1;
            }
            oteli_raise_max(OTELI_COUNT_carriers_max, ++oteli.carriers_in_use);
            return carrier->generation << 8 | index;
        }
    }
    return 0;
}
#endif

/* One holder more; 0 when the block is gone or has too many, else the reference itself. */
static uint32_t oteli_carrier_hold(uint32_t reference)
{
#if OTEL_CARRIER_COUNT > 0
    oteli_carrier *carrier = oteli_carrier_find(reference);
    if (carrier != NULL && carrier->holders != UINT16_MAX) {
        carrier->holders++;
        return reference;
    }
#else
    (void)reference;
#endif
    return 0;
}

/* One holder less. */
static void oteli_carrier_let_go(uint32_t reference)
{
#if OTEL_CARRIER_COUNT > 0
    oteli_carrier *carrier = oteli_carrier_find(reference);
    if (carrier != NULL && --carrier->holders == 0) {
        oteli.carriers_in_use--;
    }
#else
    (void)reference;
#endif
}

static bool oteli_context_valid(const otel_context *context)
{
    const uint8_t *trace_id = context->trace_id;
    return (oteli_get_word(trace_id) | oteli_get_word(trace_id + 4) | oteli_get_word(trace_id + 8) |
            oteli_get_word(trace_id + 12)) != 0 &&
           (oteli_get_word(context->span_id) | oteli_get_word(context->span_id + 4)) != 0;
}

/* Ends a slot's life, with what it holds. */
static void oteli_slot_close(oteli_slot *slot)
{
    if ((slot->state & OTELI_RECORDING) != 0) {
        oteli_recording_give(slot->recording);
    }
    if (slot->context.carrier != 0) {
        oteli_carrier_let_go(slot->context.carrier);
    }
    oteli_slot_give(slot);
}

/*
 * >>queue
 *
 * A ring of whole records, each in one piece; where one does not fit before the end of the ring it goes
 * to the start, and the rest is a filler. Reserve and commit: lock held. The bytes are copied in between
 * without it, and the reader stops at a record that is not committed.
 */

OTELI_INLINE uint32_t oteli_record_words(oteli_word info)
{
    return OTELI_RECORD_WORDS + (uint32_t)OTELI_WORDS(OTELI_RECORD_END(info));
}

/* The words at a place. */
OTELI_INLINE oteli_word *oteli_record_at(uint32_t place)
{
    oteli_word *record = oteli_store.ring + place;
    OTELI_KEEP(record);
    return record;
}

/* The place of the record at or after `position`, which may be a filler's. */
OTELI_INLINE uint32_t oteli_queue_at(uint32_t position)
{
    return position < OTELI_QUEUE_WORDS &&
                   (OTELI_LOAD_RELAXED(oteli_word, *oteli_record_at(position)) &
                    OTELI_RECORD_STATES) != OTELI_RECORD_WRAP
               ? position
               : 0;
}

/* Takes `records` records, `words` words with the fillers, off the head; `end` is behind the last. */
static void oteli_queue_free(uint32_t end, uint32_t words, uint32_t records)
{
    oteli_store.head = end;
    oteli_store.used -= words;
    oteli_store.records -= records;
    if (oteli_store.records == 0) { /* the longest free run there can be */
        oteli_store.head = 0;
        oteli_store.tail = 0;
        oteli_store.used = 0;
    }
}

/* Makes room for a record and marks it reserved; its place, or OTELI_QUEUE_WORDS when there is none. */
static uint32_t oteli_queue_reserve(oteli_word info)
{
    const uint32_t words = oteli_record_words(info);
    uint32_t at = oteli_store.tail;
    const uint32_t to_end = OTELI_QUEUE_WORDS - at;
    uint32_t needed = words;
    if (to_end < words) { /* the free run from the tail ends at the ring's end, or earlier */
        needed += to_end;
    }
    if (needed > OTELI_QUEUE_WORDS - oteli_store.used) {
        return OTELI_QUEUE_WORDS;
    }
    if (to_end < words) {
        if (to_end > 0) {
            oteli_store.ring[at] = OTELI_RECORD_WRAP;
        }
        at = 0;
    }
    oteli_store.ring[at] = info | OTELI_RECORD_RESERVED;
    oteli_store.tail = at + words;
    OTELI_STORE_RELEASE(uint32_t, oteli_store.used, oteli_store.used + needed); /* it is marked */
    oteli_store.records++;
    oteli_raise_max(OTELI_COUNT_queue_bytes_max, oteli_store.used * (uint32_t)sizeof(oteli_word));
    return at;
}

static void oteli_queue_commit(uint32_t at, oteli_word info)
{
    OTELI_STORE_RELEASE(oteli_word, oteli_store.ring[at], info | OTELI_RECORD_COMMITTED);
}

/* Drops the oldest record, unless it is being sent or written. True when there is room anew. */
static bool oteli_queue_drop_oldest(void)
{
    uint32_t at;
    uint32_t words;
    oteli_word info;
    if (oteli.frame_state == OTELI_FRAME_WAITING) {
        oteli.frame_state = OTELI_FRAME_NONE; /* nothing of it was taken, its number is not used */
    }
    if (oteli_store.records == 0 || oteli.frame_state != OTELI_FRAME_NONE) {
        return false;
    }
    at = oteli_queue_at(oteli_store.head);
    info = oteli_store.ring[at];
    if ((info & OTELI_RECORD_STATES) != OTELI_RECORD_COMMITTED) {
        return false;
    }
    words = oteli_record_words(info);
    if (OTELI_RECORD_KIND(info) == OTELI_KIND_TRACES) {
        oteli.counters[OTELI_COUNT_spans_dropped_queue_full]++;
    } else if (OTELI_RECORD_KIND(info) == OTELI_KIND_RESOURCE) {
        oteli.resource_due = true;
    } else {
        oteli.stats_due = true;
    }
    oteli_queue_free(
        at + words, words + (at == oteli_store.head ? 0 : OTELI_QUEUE_WORDS - oteli_store.head), 1);
    return true;
}

static uint8_t *oteli_record_bytes(uint32_t at)
{
    return (uint8_t *)&oteli_store.ring[at + OTELI_RECORD_WORDS];
}

/*
 * >>messages
 *
 * What is sent once a session or a minute. No lock: the caller owns the bytes that are written.
 */

/* The values of the attributes that every resource has, in the order of their keys below; NULL: none. */
static const char *oteli_resource_text(size_t index)
{
    const otel_config *config = oteli.config;
    switch (index) {
    case 0:
        return "c";
    case 1:
        return "otel.h";
    case 2:
        return OTEL_VERSION;
    case 3:
        return config->service_name != NULL ? config->service_name : "unknown_service";
    case 4:
        return config->service_version;
    default:
        return oteli.anonymous ? NULL : oteli.instance_id;
    }
}

/* Attributes that every resource has (Resource SDK and semantic conventions), then the user's. False
 * behind the last one. One that a later one replaces has no key. */
static bool oteli_resource_attribute(size_t index, otel_attribute *attribute)
{
    static const char *const keys[] = {"telemetry.sdk.language", "telemetry.sdk.name",
                                       "telemetry.sdk.version",  "service.name",
                                       "service.version",        "service.instance.id"};
    const size_t own = sizeof keys / sizeof keys[0];
    const otel_config *config = oteli.config;
    const otel_attribute *later = config->resource_attributes;
    size_t later_count = config->resource_attribute_count;
    if (index < own) {
        const char *text = oteli_resource_text(index);
        attribute->key = text != NULL ? keys[index] : NULL;
        attribute->key_length = OTEL_NUL_TERMINATED;
        attribute->type = OTEL_VALUE_STRING;
        attribute->value.string.bytes = text;
        attribute->value.string.length = OTEL_NUL_TERMINATED;
    } else {
        index -= own;
        if (index >= later_count) {
            return false;
        }
        *attribute = later[index];
        later += index + 1;
        later_count -= index + 1;
    }
    if (oteli_key_repeated(attribute, later, later_count)) {
        attribute->key = NULL;
    }
    return true;
}

/* Writes the Resource message to `at`, up to `end`; returns its length, 0 when it has no room. Resource
 * attributes have no limits (specification: Attribute limits). */
static size_t oteli_resource_message(uint8_t *at, const uint8_t *end)
{
    uint8_t *const start = at;
    otel_attribute attribute;
    size_t i;
    for (i = 0; oteli_resource_attribute(i, &attribute); i++) {
        const size_t room = (size_t)(end - at);
        unsigned faults = 0;
        if (!oteli_measure_attribute(&attribute, room, &faults)) {
            continue;
        }
        if ((faults & OTELI_FAULT_TRUNCATED) != 0 ||
            oteli_attribute_size(&attribute, room) > room) {
            return 0;
        }
        at = oteli_put_attribute(at, OTELI_TAG_RESOURCE_ATTRIBUTE, &attribute, &faults);
    }
    return (size_t)(at - start);
}

static size_t oteli_varint_size(size_t value)
{
    size_t size = 1;
    while (value >= 0x80u) {
        value >>= 7;
        size++;
    }
    return size;
}

static bool oteli_stats_field(pb_ostream_t *stream, uint32_t number, uint32_t value)
{
    return value == 0 ||
           (pb_encode_tag(stream, PB_WT_VARINT, number) && pb_encode_varint(stream, value));
}

/* The longest Stats message: two bytes of tag and five of value for each field. */
#define OTELI_STATS_BYTES_MAX ((OTELI_COUNTERS + 3u) * 7u)

/* Writes the Stats message of LINK.md; returns its length. */
static size_t oteli_stats_message(uint8_t *at)
{
    pb_ostream_t stream = pb_ostream_from_buffer(at, OTELI_STATS_BYTES_MAX);
    bool ok = true;
    unsigned i;
    for (i = 1; i < OTELI_COUNTERS; i++) {
        ok = ok && oteli_stats_field(&stream, oteli_counter_numbers[i], oteli.counters[i]);
    }
    ok = ok && oteli_stats_field(&stream, 3, oteli.recordings_in_use) &&
         oteli_stats_field(&stream, 26, oteli_store.used * (uint32_t)sizeof(oteli_word)) &&
         oteli_stats_field(&stream, 28, OTELI_QUEUE_WORDS * (uint32_t)sizeof(oteli_word));
    return ok ? stream.bytes_written : 0;
}

/* Lengths of a tracer's name and version, cut so that both fit OTEL_SCOPE_BYTES. */
typedef struct oteli_scope_sizes {
    size_t name;
    size_t version;
    size_t scope; /* of the InstrumentationScope; 0: the default tracer, which has none */
} oteli_scope_sizes;

static size_t oteli_scope_text(const char *text, size_t limit)
{
    return oteli_utf8_cut(text, oteli_measure(text, OTEL_NUL_TERMINATED, limit), limit);
}

static void oteli_scope_size(const otel_tracer *tracer, oteli_scope_sizes *sizes)
{
    sizes->name = 0;
    sizes->version = 0;
    sizes->scope = 0;
    if (tracer == NULL) {
        return;
    }
    sizes->name = oteli_scope_text(tracer->name, OTEL_SCOPE_BYTES);
    sizes->version = oteli_scope_text(tracer->version, OTEL_SCOPE_BYTES - sizes->name);
    if (sizes->name > 0) {
        sizes->scope += oteli_field_size(sizes->name);
    }
    if (sizes->version > 0) {
        sizes->scope += oteli_field_size(sizes->version);
    }
}

/* A string field through nanopb, repaired where it came to lie in `buffer`. */
static bool oteli_encode_text(pb_ostream_t *stream, uint8_t *buffer, uint32_t number,
                              const char *text, size_t length)
{
    if (length == 0) {
        return true;
    }
    if (!pb_encode_tag(stream, PB_WT_STRING, number) ||
        !pb_encode_string(stream, (const pb_byte_t *)text, length)) {
        return false;
    }
    (void)oteli_utf8_repair(buffer + stream->bytes_written - length, length);
    return true;
}

/* Size of ScopeSpans around `record_bytes` bytes of spans. */
static size_t oteli_scope_spans_size(const oteli_scope_sizes *sizes, size_t record_bytes)
{
    return (sizes->scope > 0 ? oteli_field_size(sizes->scope) : 0) + record_bytes;
}

/* Tag and length of ScopeSpans, and its scope. */
static bool oteli_encode_scope(pb_ostream_t *stream, uint8_t *buffer, const otel_tracer *tracer,
                               size_t record_bytes)
{
    oteli_scope_sizes sizes;
    oteli_scope_size(tracer, &sizes);
    if (!pb_encode_tag(stream, PB_WT_STRING, 2) ||
        !pb_encode_varint(stream, oteli_scope_spans_size(&sizes, record_bytes))) {
        return false;
    }
    if (sizes.scope == 0) {
        return true;
    }
    return pb_encode_tag(stream, PB_WT_STRING, 1) && pb_encode_varint(stream, sizes.scope) &&
           oteli_encode_text(stream, buffer, 1, tracer->name, sizes.name) &&
           oteli_encode_text(stream, buffer, 2, tracer->version, sizes.version);
}

/*
 * >>frame
 *
 * A frame is built in place: its heads are written, its records stay in the queue. Only the one caller
 * of otel_poll is here; frame_state keeps everybody else off the records. No lock.
 */

#ifndef OTEL_CRC32
/* CRC-32 of ISO-HDLC, four bits at a time: 64 bytes of table. */
static const uint32_t oteli_crc_table[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
    0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
    0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

static uint32_t oteli_crc32(uint32_t crc, const uint8_t *bytes, size_t length)
{
    const uint32_t *table = oteli_crc_table;
#if OTELI_UNALIGNED_LITTLE_ENDIAN
    for (; length >= 4; length -= 4) {
        uint32_t word;
        OTELI_COPY(&word, bytes, 4);
        bytes += 4;
        crc ^= word;
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
    }
#endif
    for (; length > 0; length--) {
        crc ^= *bytes++;
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
    }
    return crc;
}
#define OTEL_CRC32(crc, bytes, length) oteli_crc32((crc), (bytes), (length))
#endif

#define OTELI_LINK_MAGIC 0xF7u
#define OTELI_LINK_VERSION 1u
#define OTELI_LINK_FLAG_ANONYMOUS 0x02u
#define OTELI_LINK_FLAG_WALL_CLOCK 0x08u

/* The header of LINK.md; returns the place behind it. */
static uint8_t *oteli_put_header(uint8_t *at, oteli_kind kind, uint64_t clock_ns)
{
    uint8_t *flags = at + 3;
    *at++ = OTELI_LINK_MAGIC;
    *at++ = OTELI_LINK_VERSION;
    *at++ = (uint8_t)kind;
    *at++ = oteli.anonymous ? OTELI_LINK_FLAG_ANONYMOUS : 0;
    at = oteli_put32(at, 0); /* key_id, attempt, base_distance: CRC-32, best effort */
    at = oteli_put64(at, oteli.device_id);
    at = oteli_put64(at, oteli.boot_id);
    at = oteli_put32(at, oteli.sequence);
    at = oteli_put32(at, oteli.resource_hash);
    at = oteli_put64(at, clock_ns);
#if OTEL_PORT_HAS_WALL_TIME
    {
        int64_t unix_time_ns = 0;
        uint32_t uncertainty_us = 0;
        if (otel_port_wall_time_ns(&unix_time_ns, &uncertainty_us)) {
            *flags |= OTELI_LINK_FLAG_WALL_CLOCK;
            at = oteli_put64(at, (uint64_t)unix_time_ns - clock_ns);
            at = oteli_put32(at, uncertainty_us);
        }
    }
#else
    (void)flags;
#endif
    return at;
}

static size_t oteli_frame_limit(void)
{
    const size_t limit = oteli.config->transport->frame_bytes_max;
    return limit != 0 && limit < OTEL_FRAME_BYTES ? limit : OTEL_FRAME_BYTES;
}

/* What a change of tracer adds to a frame. */
static size_t oteli_run_size(const otel_tracer *tracer)
{
    oteli_scope_sizes sizes;
    oteli_scope_size(tracer, &sizes);
    return 4u + oteli_scope_spans_size(&sizes, 0);
}

/* Adds a span of `length` bytes to the frame, which has `room`; returns the room then, less than 0 when
 * it does not fit. */
OTELI_INLINE ptrdiff_t oteli_frame_add(struct otel_frame *frame, const otel_tracer *tracer,
                                       size_t length, ptrdiff_t room)
{
    oteli_run *run = &frame->runs[frame->run_count];
    room -= (ptrdiff_t)length;
    if (frame->run_count > 0 && run[-1].tracer == tracer) {
        if (room >= 0) {
            run[-1].record_bytes += (uint32_t)length;
        }
        return room;
    }
    if (frame->run_count == OTEL_FRAME_SCOPES) {
        return -1;
    }
    room -= (ptrdiff_t)oteli_run_size(tracer);
    if (room >= 0) {
        run->tracer = tracer;
        run->record_bytes = (uint32_t)length;
        frame->run_count++;
    }
    return room;
}

/* Gathers committed records from the head of the queue: as many spans as fit, or one of another kind.
 * The frame's end_position, words, record_count and runs say which. */
static void oteli_frame_gather(struct otel_frame *frame)
{
    ptrdiff_t room =
        (ptrdiff_t)(oteli_frame_limit() - (OTELI_HEADER_BYTES + OTELI_HEADER_WALL_BYTES +
                                           OTELI_REQUEST_BYTES + OTELI_CHECK_BYTES));
    uint32_t position = oteli_store.head;
    uint32_t words = 0;
    frame->kind = OTELI_KIND_TRACES;
    frame->record_count = 0;
    frame->run_count = 0;
    while (words < OTELI_LOAD_ACQUIRE(uint32_t, oteli_store.used) &&
           frame->kind == OTELI_KIND_TRACES) {
        const uint32_t at = oteli_queue_at(position);
        const oteli_word *record = oteli_record_at(at);
        const oteli_word info = OTELI_LOAD_ACQUIRE(oteli_word, *record);
        const oteli_kind kind = OTELI_RECORD_KIND(info);
        if ((info & OTELI_RECORD_STATES) != OTELI_RECORD_COMMITTED) {
            break;
        }
        if (kind == OTELI_KIND_TRACES) {
            room = oteli_frame_add(frame, (const otel_tracer *)record[1], OTELI_RECORD_LENGTH(info),
                                   room);
        }
        if (kind == OTELI_KIND_TRACES ? room < 0 : frame->record_count > 0) {
            break;
        }
        frame->kind = (uint8_t)kind;
        frame->record_count++;
        words += at == position ? 0 : OTELI_QUEUE_WORDS - position;
        position = at + oteli_record_words(info);
        words += position - at;
    }
    frame->words = words;
    frame->end_position = position;
}

/* The payload of a frame that is not of spans is its one record. Statistics are written now, so that
 * they agree with the sequence in the header. */
static void oteli_frame_single(struct otel_frame *frame, size_t header_bytes)
{
    const uint32_t at = oteli_queue_at(oteli_store.head);
    frame->runs[0].tracer = NULL;
    frame->runs[0].head_end = (uint16_t)header_bytes;
    frame->runs[0].record_bytes = (uint32_t)OTELI_RECORD_LENGTH(oteli_store.ring[at]);
    if (frame->kind == OTELI_KIND_STATS) {
        frame->runs[0].record_bytes = (uint32_t)oteli_stats_message(oteli_record_bytes(at));
    }
    frame->length += frame->runs[0].record_bytes;
}

/* Size of a field that may be as large as a frame. */
static size_t oteli_message_size(size_t length)
{
    return 1u + oteli_varint_size(length) + length;
}

/* Writes the heads of a gathered frame: link header, and around spans the request. */
static bool oteli_frame_heads(struct otel_frame *frame, uint64_t clock_ns)
{
    uint8_t *request = oteli_put_header(frame->heads, (oteli_kind)frame->kind, clock_ns);
    const size_t header_bytes = (size_t)(request - frame->heads);
    pb_ostream_t stream = pb_ostream_from_buffer(request, sizeof frame->heads - header_bytes);
    size_t resource_spans = 0;
    bool ok = true;
    unsigned i;
    frame->length = (uint32_t)header_bytes + OTELI_CHECK_BYTES;
    if (frame->run_count == 0) {
        oteli_frame_single(frame, header_bytes);
        return true;
    }
    for (i = 0; i < frame->run_count; i++) {
        oteli_scope_sizes sizes;
        oteli_scope_size(frame->runs[i].tracer, &sizes);
        resource_spans +=
            oteli_message_size(oteli_scope_spans_size(&sizes, frame->runs[i].record_bytes));
    }
    frame->length += (uint32_t)oteli_message_size(resource_spans);
    ok = pb_encode_tag(&stream, PB_WT_STRING, 1) && pb_encode_varint(&stream, resource_spans);
    for (i = 0; i < frame->run_count; i++) {
        ok = ok && oteli_encode_scope(&stream, request, frame->runs[i].tracer,
                                      frame->runs[i].record_bytes);
        frame->runs[i].head_end = (uint16_t)(header_bytes + stream.bytes_written);
    }
    return ok;
}

/* Stages of a walk over a frame. */
#define OTELI_STAGE_START 0u
#define OTELI_STAGE_RECORDS 1u
#define OTELI_STAGE_CHECK 2u
#define OTELI_STAGE_END 3u

/* The next piece of records: a run's scope, or a record. */
OTELI_INLINE otel_slice oteli_frame_record(const struct otel_frame *frame,
                                           otel_frame_cursor *cursor)
{
    const uint32_t at = oteli_queue_at(cursor->position);
    const oteli_word *record = oteli_record_at(at);
    const oteli_word info = record[0];
    otel_slice slice;
    if ((const void *)record[1] != cursor->tracer) { /* the next run begins with its scope */
        const size_t from = frame->runs[cursor->scope].head_end;
        cursor->scope++;
        cursor->tracer = (const void *)record[1];
        slice.bytes = frame->heads + from;
        slice.length = frame->runs[cursor->scope].head_end - from;
        return slice;
    }
    cursor->position = at + oteli_record_words(info);
    if (--cursor->records_left == 0) {
        cursor->stage = OTELI_STAGE_CHECK;
    }
    slice.bytes = (const uint8_t *)(record + OTELI_RECORD_WORDS) + OTELI_RECORD_SKIP(info);
    slice.length =
        frame->kind == OTELI_KIND_TRACES ? OTELI_RECORD_LENGTH(info) : frame->runs[0].record_bytes;
    return slice;
}

OTEL_API otel_slice otel_frame_next(const otel_frame *frame, otel_frame_cursor *cursor)
{
    otel_slice slice;
    if (cursor->stage == OTELI_STAGE_RECORDS) {
        return oteli_frame_record(frame, cursor);
    }
    if (cursor->stage == OTELI_STAGE_START) {
        cursor->stage = OTELI_STAGE_RECORDS;
        cursor->position = oteli_store.head;
        cursor->records_left = frame->record_count;
        cursor->scope = 0;
        cursor->tracer = frame->runs[0].tracer;
        slice.bytes = frame->heads;
        slice.length = frame->runs[0].head_end;
        return slice;
    }
    slice.bytes = frame->check;
    slice.length = cursor->stage == OTELI_STAGE_CHECK ? sizeof frame->check : 0;
    cursor->stage = OTELI_STAGE_END;
    return slice;
}

static void oteli_frame_check(struct otel_frame *frame)
{
    otel_frame_cursor cursor = {0, 0, OTELI_STAGE_START, 0, NULL};
    uint32_t crc = 0xFFFFFFFFu;
    for (;;) {
        const otel_slice slice = otel_frame_next(frame, &cursor);
        crc = OTEL_CRC32(crc, slice.bytes, slice.length);
        if (cursor.stage == OTELI_STAGE_CHECK) {
            break;
        }
    }
    (void)oteli_put32(frame->check, ~crc);
}

/* Builds the next frame; false when there is nothing to send. */
static bool oteli_frame_build(uint64_t clock_ns)
{
    struct otel_frame *frame = &oteli_store.frame;
    oteli_frame_gather(frame);
    if (frame->record_count == 0 || !oteli_frame_heads(frame, clock_ns)) {
        return false;
    }
    oteli_frame_check(frame);
    return true;
}

/*
 * >>public
 *
 * The only section that takes the lock; nothing that it calls with the lock held takes it again, calls
 * the application, or works in proportion to the size of a span.
 */

#define OTELI_GENERATION(handle) ((handle) & ~(uint32_t)OTELI_FLAGS)
#define OTELI_FLUSH_INTERVAL_MS 1000u
#define OTELI_STATS_INTERVAL_MS 60000u

static void oteli_count_many(oteli_counter_index counter, uint32_t number)
{
    const uintptr_t lock = otel_port_lock();
    oteli.counters[counter] += number;
    otel_port_unlock(lock);
}

static OTELI_COLD void oteli_count(oteli_counter_index counter)
{
    oteli_count_many(counter, 1);
}

static OTELI_COLD void oteli_count_faults(unsigned faults)
{
    static const uint8_t counters[] = {
        OTELI_COUNT_calls_invalid_argument, OTELI_COUNT_attributes_dropped,
        OTELI_COUNT_attributes_truncated,   OTELI_COUNT_events_dropped,
        OTELI_COUNT_strings_repaired,
    };
    unsigned i;
    for (i = 0; faults != 0; i++, faults >>= 1) {
        if ((faults & 1u) != 0) {
            oteli_count((oteli_counter_index)counters[i]);
        }
    }
}

/* The slot that a handle names, NULL when there is no such slot. Says nothing about its state. */
OTELI_INLINE oteli_slot *oteli_slot_of(otel_span span)
{
    const uint32_t index = span.handle & OTELI_FLAGS;
    oteli_slot *slot;
    if (index >= OTEL_CONTEXT_COUNT) {
        return NULL;
    }
    slot = &oteli.slots[index];
    OTELI_KEEP(slot);
    return slot;
}

/* Counts why a call could not have the span. */
static OTELI_COLD void oteli_count_refused(otel_span span)
{
    const oteli_slot *slot = oteli_slot_of(span);
    const uint32_t state = slot != NULL ? OTELI_LOAD_RELAXED(uint32_t, slot->state) : 0;
    if (!oteli.running) {
        oteli_count(OTELI_COUNT_calls_not_running);
    } else if (OTELI_GENERATION(state) != OTELI_GENERATION(span.handle) ||
               (state & OTELI_OPEN) == 0) {
        oteli_count(OTELI_COUNT_calls_invalid_handle);
    } else if (OTELI_LOAD_RELAXED(uint8_t, slot->busy)) {
        oteli_count(OTELI_COUNT_calls_busy);
    } /* else it does not record, and the call has nothing to do */
}

/* Claims an open span that records for one writer; NULL, and counted, when it cannot be had. */
OTELI_INLINE oteli_slot *oteli_claim_here(otel_span span)
{
    oteli_slot *slot = oteli_slot_of(span);
    if (slot != NULL) {
        const uint32_t claimable = OTELI_GENERATION(span.handle) | OTELI_OPEN | OTELI_RECORDING;
        const uintptr_t lock = otel_port_lock();
        if (slot->state == claimable && !OTELI_LOAD_ACQUIRE(uint8_t, slot->busy)) {
            OTELI_STORE_RELAXED(uint8_t, slot->busy, 1);
            otel_port_unlock(lock);
            return slot;
        }
        otel_port_unlock(lock);
    }
    oteli_count_refused(span);
    return NULL;
}

static OTELI_NOINLINE oteli_slot *oteli_claim(otel_span span)
{
    return oteli_claim_here(span);
}

/* Reserves room for a record, dropping the oldest ones if that is the policy. OTELI_QUEUE_WORDS when
 * there is none. *was_empty tells whether the queue was. */
static uint32_t oteli_reserve(oteli_word info, uint64_t now_ns, bool *was_empty)
{
    const bool drop_oldest = oteli.config->queue_policy == OTEL_QUEUE_DROP_OLDEST;
    uint32_t at;
    bool dropped;
    do {
        const uintptr_t lock = otel_port_lock();
        *was_empty = oteli_store.records == 0;
        at = oteli_queue_reserve(info);
        dropped = at == OTELI_QUEUE_WORDS && drop_oldest && oteli_queue_drop_oldest();
        if (at != OTELI_QUEUE_WORDS && *was_empty) {
            oteli.queued_since_ns = now_ns;
        }
        otel_port_unlock(lock);
    } while (dropped);
    return at;
}

static void oteli_wake(void)
{
    if (oteli.config->wake != NULL) {
        oteli.config->wake(oteli.config->user);
    }
}

/* Closes the span in a slot that nobody else can have any more, copies it into the queue, and frees the
 * slot. */
static void oteli_finish(oteli_slot *slot)
{
    oteli_recording *recording = slot->recording;
    const uint64_t start_ns = oteli_span_start_ns(recording);
    uint32_t at = OTELI_QUEUE_WORDS;
    bool was_empty = false;
    uintptr_t lock;
    oteli_word info;
    size_t skip;
    if (oteli_span_end_ns(recording) < start_ns) {
        oteli_span_end(recording, start_ns);
        oteli_count(OTELI_COUNT_clock_backward);
    }
    skip = oteli_span_finish(recording);
    info =
        (oteli_word)recording->used | (oteli_word)skip << 16 | (oteli_word)OTELI_KIND_TRACES << 24;
    if (oteli.running) {
        at = oteli_reserve(info, oteli_span_end_ns(recording), &was_empty);
    }
    if (at != OTELI_QUEUE_WORDS) {
        oteli_word *record = oteli_record_at(at);
        record[1] = (oteli_word)recording->tracer;
        oteli_copy_words(record + OTELI_RECORD_WORDS, recording->data.words,
                         OTELI_WORDS(recording->used));
    }
    lock = otel_port_lock();
    if (at != OTELI_QUEUE_WORDS) {
        oteli_queue_commit(at, info);
        oteli.counters[OTELI_COUNT_spans_queued]++;
    } else {
        oteli.counters[oteli.running ? OTELI_COUNT_spans_dropped_queue_full
                                     : OTELI_COUNT_spans_dropped_shutdown]++;
    }
    oteli_slot_close(slot);
    otel_port_unlock(lock);
    if (was_empty && at != OTELI_QUEUE_WORDS) {
        oteli_wake();
    }
}

/* Ends an open span that records, for its handle. True when it is the caller's to finish; else the one
 * who writes to it does that (oteli_release). Lock held. */
static bool oteli_slot_end(oteli_slot *slot, uint64_t end_ns)
{
    OTELI_STORE_RELAXED(uint32_t, slot->state, slot->state & ~OTELI_OPEN);
    oteli_span_end(slot->recording, end_ns);
    if (!OTELI_LOAD_ACQUIRE(uint8_t, slot->busy)) {
        return true;
    }
    OTELI_STORE_ORDERED(uint8_t, slot->end_pending, 1);
    if (OTELI_LOAD_ORDERED(uint8_t, slot->busy)) {
        return false;
    }
    OTELI_STORE_RELAXED(uint8_t, slot->end_pending, 0);
    return true;
}

/* Carries out the end that somebody asked for while the span was claimed. `closed` is the state that
 * its slot has then; one who writes to it still will be here later. */
static OTELI_COLD void oteli_end_pending(oteli_slot *slot, uint32_t closed)
{
    const uintptr_t lock = otel_port_lock();
    const bool mine = slot->state == closed && OTELI_LOAD_ORDERED(uint8_t, slot->end_pending) &&
                      !OTELI_LOAD_ACQUIRE(uint8_t, slot->busy);
    if (mine) {
        OTELI_STORE_RELAXED(uint8_t, slot->end_pending, 0);
    }
    otel_port_unlock(lock);
    if (mine) {
        oteli_finish(slot);
    }
}

/*
 * Ends a claim, and the span too if somebody asked for that in the meantime. Without the lock: the
 * holder clears `busy`, and then looks at `end_pending`; whoever ends the span sets `end_pending`, and
 * then looks at `busy` (oteli_slot_end). Each writes before it reads, and all these accesses have one
 * order, so one of the two at least sees what the other wrote. Wherever an interrupt, another task or
 * another core comes in between, one of them finishes the span, and only one:
 *   - the end before `busy` is cleared: it sees the span busy and leaves, the holder sees end_pending;
 *   - the end behind the holder's look: it sees the span free and goes on itself;
 *   - in between both see it: whoever is first under the lock clears end_pending, and the other finds
 *     it cleared;
 *   - a second holder claims the span before the first one looks, and then it is ended: the first one
 *     finds it busy and leaves, the second one looks when he is done;
 *   - the slot has another span when the holder looks: its state is not `closed`, which has the
 *     generation of the holder's span, no longer open.
 */
OTELI_INLINE void oteli_release(oteli_slot *slot, otel_span span, unsigned faults)
{
    OTELI_STORE_ORDERED(uint8_t, slot->busy, 0);
    if (OTELI_LOAD_ORDERED(uint8_t, slot->end_pending)) {
        oteli_end_pending(slot, OTELI_GENERATION(span.handle) | OTELI_RECORDING);
    }
    if (faults != 0) {
        oteli_count_faults(faults);
    }
}

/* ---- samplers ------------------------------------------------------------------------------ */

static otel_sampling_decision oteli_sample_always_on(const otel_sampler *self,
                                                     const otel_sampling_input *input)
{
    (void)self;
    (void)input;
    return OTEL_SAMPLING_RECORD_AND_SAMPLE;
}

static otel_sampling_decision oteli_sample_always_off(const otel_sampler *self,
                                                      const otel_sampling_input *input)
{
    (void)self;
    (void)input;
    return OTEL_SAMPLING_DROP;
}

const otel_sampler otel_sampler_always_on = {oteli_sample_always_on, NULL};
const otel_sampler otel_sampler_always_off = {oteli_sample_always_off, NULL};

/* Asks the user's sampler. */
static OTELI_NOINLINE bool oteli_sampler_ask(const otel_context *context, bool root,
                                             const char *name, size_t name_length,
                                             const otel_span_options *options)
{
    const otel_sampler *sampler = oteli.config->sampler;
    otel_sampling_input input;
    input.parent = root ? &otel_context_none : context;
    input.trace_id = context->trace_id;
    input.name = name;
    input.name_length = name_length;
    input.kind = options->kind;
    input.attributes = options->attributes;
    input.attribute_count = options->attributes != NULL ? options->attribute_count : 0;
    return sampler->decide(sampler, &input) == OTEL_SAMPLING_RECORD_AND_SAMPLE;
}

/* What becomes of a new span. Its context is still its parent's, but for a root's trace id. Without a
 * sampler of the user: as the parent was, and a root is sampled. */
OTELI_INLINE bool oteli_sampled(const otel_context *context, bool root, const char *name,
                                size_t name_length, const otel_span_options *options)
{
    if (oteli.config->sampler != NULL) {
        return oteli_sampler_ask(context, root, name, name_length, options);
    }
    return root || (context->trace_flags & OTEL_TRACE_FLAG_SAMPLED) != 0;
}

/* ---- start --------------------------------------------------------------------------------- */

/* The context of an open span, NULL when it is none. Lock held. */
static const otel_context *oteli_context_of(otel_span span)
{
    const oteli_slot *slot = oteli_slot_of(span);
    const uint32_t recording = OTELI_GENERATION(span.handle) | OTELI_OPEN | OTELI_RECORDING;
    return slot != NULL && (slot->state | OTELI_RECORDING) == recording ? &slot->context : NULL;
}

/* Takes a slot and gives it its parent's context: the given one, or that of the task's current span;
 * *root is true where there is none. NULL, and counted, when the pool is empty. */
static oteli_slot *oteli_slot_begin(const otel_context *parent, bool *root)
{
    const uintptr_t current = parent == NULL ? otel_port_context_get() : 0;
    const uintptr_t lock = otel_port_lock();
    oteli_slot *slot = oteli_slot_take();
    if (current != 0) {
        otel_span span;
        span.handle = (uint32_t)current;
        parent = oteli_context_of(span);
    }
    if (slot == NULL) {
        oteli.counters[OTELI_COUNT_spans_dropped_no_context]++;
    } else if (parent == NULL) {
        slot->context.carrier = 0;
    } else {
        slot->context = *parent;
        if (parent->carrier != 0) {
            slot->context.carrier = oteli_carrier_hold(parent->carrier);
        }
    }
    otel_port_unlock(lock);
    *root = parent == NULL;
    return slot;
}

OTEL_API void otel_context_release(otel_context *context)
{
    if (context != NULL && context->carrier != 0) {
        const uintptr_t lock = otel_port_lock();
        oteli_carrier_let_go(context->carrier);
        otel_port_unlock(lock);
        context->carrier = 0;
    }
}

/* The context of a span without a valid parent: a trace id of its own. */
static OTELI_COLD void oteli_root_begin(otel_context *context)
{
    unsigned i;
    otel_context_release(context);
    *context = otel_context_none;
    for (i = 0; i < 2; i++) {
        const uintptr_t lock = otel_port_lock();
        const uint64_t id = oteli_random_id();
        otel_port_unlock(lock);
        OTELI_COPY(context->trace_id + 8 * i, &id, sizeof id);
    }
    context->trace_flags = OTEL_TRACE_FLAG_RANDOM;
}

/* Gives a new span its id and, when it is sampled, a recording buffer. Without one it passes on its
 * parent's context, as it is. Returns the flags of its slot. */
static uint32_t oteli_slot_identify(oteli_slot *slot, bool root, bool sampled)
{
    otel_context *context = &slot->context;
    oteli_recording *recording = NULL;
    uint64_t id;
    const uintptr_t lock = otel_port_lock();
    if (!sampled) {
        oteli.counters[OTELI_COUNT_spans_not_recorded]++;
    } else if ((recording = oteli_recording_take()) != NULL) {
        oteli.counters[OTELI_COUNT_spans_started]++;
    } else {
        oteli.counters[OTELI_COUNT_spans_dropped_no_recording]++;
    }
    id = oteli_random_id();
    otel_port_unlock(lock);
    slot->recording = recording;
    if (sampled && recording == NULL) {
        if (root) {
            *context = otel_context_none;
        }
        return OTELI_OPEN;
    }
    OTELI_COPY(context->span_id, &id, sizeof id);
    context->trace_flags &= OTEL_TRACE_FLAG_RANDOM;
    if (!sampled) {
        context->state &= (uint8_t) ~(OTEL_CONTEXT_REMOTE | OTEL_CONTEXT_HAS_THRESHOLD);
        return OTELI_OPEN;
    }
    context->trace_flags |= OTEL_TRACE_FLAG_SAMPLED;
    context->state &= (uint8_t)~OTEL_CONTEXT_REMOTE;
    return OTELI_OPEN | OTELI_RECORDING;
}

/* The attributes that a span starts with. Returns faults. */
static OTELI_NOINLINE unsigned oteli_describe_further(oteli_recording *recording,
                                                      const otel_span_options *options)
{
    unsigned faults = 0;
    size_t i;
    if (options->attributes == NULL) {
        return OTELI_FAULT_ARGUMENT;
    }
    for (i = 0; i < options->attribute_count; i++) {
        otel_attribute attribute = options->attributes[i];
        faults |= oteli_span_attribute(recording, &attribute);
    }
    return faults;
}

/* Writes what is known of a span at its start, ids and parent apart. Returns faults. */
static unsigned oteli_describe(oteli_recording *recording, const otel_context *context,
                               const char *name, size_t name_length,
                               const otel_span_options *options)
{
    unsigned faults = name == NULL ? OTELI_FAULT_ARGUMENT : 0;
    otel_span_kind kind = options->kind;
    if ((unsigned)kind - 1u > OTEL_SPAN_KIND_CONSUMER - 1u) {
        faults |= kind != OTEL_SPAN_KIND_DEFAULT ? OTELI_FAULT_ARGUMENT : 0;
        kind = OTEL_SPAN_KIND_INTERNAL;
    }
    oteli_span_kind(recording, kind);
    recording->tracer = options->tracer;
#if OTEL_CARRIER_COUNT > 0
    if (context->carrier != 0) {
        const oteli_carrier *carrier = oteli_carrier_find(context->carrier);
        oteli_span_tracestate(recording, carrier->text, carrier->length);
    }
#else
    (void)context;
#endif
    faults |= oteli_span_name(recording, name, name_length);
    if (options->attribute_count > 0) {
        faults |= oteli_describe_further(recording, options);
    }
    return faults;
}

OTEL_API otel_span oteli_span_start(const char *name, size_t name_length,
                                    const otel_span_options *options)
{
    static const otel_span_options defaults = {NULL, NULL, OTEL_SPAN_KIND_DEFAULT, 0, NULL, 0};
    oteli_slot *slot = NULL;
    oteli_halves parent_id;
    uint32_t parent_flags;
    uint32_t open;
    otel_span span;
    bool root = false;
    span.handle = 0;
    if (options == NULL) {
        options = &defaults;
    }
    if (!oteli.running) {
        oteli_count(OTELI_COUNT_calls_not_running);
    } else {
        slot = oteli_slot_begin(options->parent, &root);
    }
    if (slot == NULL) {
        return span;
    }
    if (root || !oteli_context_valid(&slot->context)) {
        root = true;
        oteli_root_begin(&slot->context);
    }
    OTELI_COPY(&parent_id, slot->context.span_id, sizeof parent_id);
    parent_flags = oteli_span_flags(&slot->context);
    open = oteli_slot_identify(slot, root,
                               oteli_sampled(&slot->context, root, name, name_length, options));
    if ((open & OTELI_RECORDING) != 0) {
        unsigned faults;
        oteli_span_begin(slot->recording, &slot->context, root ? NULL : &parent_id, parent_flags,
                         options->start_time_ns != 0 ? options->start_time_ns : oteli_clock_ns());
        faults = oteli_describe(slot->recording, &slot->context, name, name_length, options);
        if (faults != 0) {
            oteli_count_faults(faults);
        }
    }
    span.handle = slot->state | slot->index;
    /* from here on the handle is valid: nobody had it before */
    OTELI_STORE_RELEASE(uint32_t, slot->state, slot->state | open);
    return span;
}

/* ---- setters ------------------------------------------------------------------------------- */

static OTELI_NOINLINE void oteli_set(otel_span span, otel_attribute *attribute)
{
    oteli_slot *slot = oteli_claim_here(span);
    if (slot != NULL) {
        oteli_release(slot, span, oteli_span_attribute(slot->recording, attribute));
    }
}

OTEL_API void otel_span_set(otel_span span, const otel_attribute *attribute)
{
    otel_attribute copy;
    if (attribute == NULL) {
        oteli_count(OTELI_COUNT_calls_invalid_argument);
        return;
    }
    copy = *attribute;
    oteli_set(span, &copy);
}

OTEL_API void oteli_span_set_strn(otel_span span, const char *key, const char *value,
                                  size_t value_length, size_t key_length)
{
    otel_attribute attribute = oteli_attribute(key, key_length, OTEL_VALUE_STRING);
    attribute.value.string.bytes = value;
    attribute.value.string.length = value_length;
    oteli_set(span, &attribute);
}

/* 0xFFFF becomes OTEL_NUL_TERMINATED; a length with the upper bit becomes a larger one, and both are
 * over every limit. */
OTEL_API void oteli_span_set_str(otel_span span, const char *key, const char *value,
                                 uint32_t lengths)
{
    otel_attribute attribute =
        oteli_attribute(key, (size_t)(ptrdiff_t)(int16_t)lengths, OTEL_VALUE_STRING);
    attribute.value.string.bytes = value;
    attribute.value.string.length = (size_t)(ptrdiff_t)(int16_t)(lengths >> 16);
    oteli_set(span, &attribute);
}

OTEL_API void oteli_span_set_bool(otel_span span, const char *key, bool value, size_t key_length)
{
    otel_attribute attribute = oteli_attribute(key, key_length, OTEL_VALUE_BOOL);
    attribute.value.boolean = value;
    oteli_set(span, &attribute);
}

OTEL_API void oteli_span_set_i64(otel_span span, const char *key, int64_t value, size_t key_length)
{
    otel_attribute attribute = oteli_attribute(key, key_length, OTEL_VALUE_INT);
    attribute.value.integer = value;
    oteli_set(span, &attribute);
}

OTEL_API void oteli_span_set_f64(otel_span span, const char *key, double value, size_t key_length)
{
    otel_attribute attribute = oteli_attribute(key, key_length, OTEL_VALUE_DOUBLE);
    attribute.value.real = value;
    oteli_set(span, &attribute);
}

/* Adds an event to a claimed span. Returns faults. */
static OTELI_NOINLINE unsigned oteli_event_write(oteli_recording *recording, oteli_event *event,
                                                 const char *name, size_t name_length,
                                                 uint64_t time_ns)
{
    event->attributes_dropped = 0;
    event->faults = name != NULL ? 0 : OTELI_FAULT_ARGUMENT;
    if (event->attributes == NULL && event->attribute_count > 0) {
        event->attribute_count = 0;
        event->faults = OTELI_FAULT_ARGUMENT;
    }
    oteli_span_event_add(recording, event, name, name_length,
                         time_ns != 0 ? time_ns : oteli_clock_ns());
    if (event->attributes_dropped > 0) {
        oteli_count_many(OTELI_COUNT_attributes_dropped, event->attributes_dropped);
    }
    return event->faults;
}

OTEL_API void oteli_span_event(otel_span span, const char *name, size_t name_length,
                               const otel_attribute *attributes, size_t attribute_count,
                               uint64_t time_ns)
{
    oteli_slot *slot = oteli_claim(span);
    if (slot != NULL) {
        oteli_event event;
        event.attributes = attributes;
        event.attribute_count = attribute_count;
        oteli_release(slot, span,
                      oteli_event_write(slot->recording, &event, name, name_length, time_ns));
    }
}

OTEL_API void otel_span_set_status(otel_span span, otel_span_status status, const char *message)
{
    oteli_slot *slot;
    if ((unsigned)status > (unsigned)OTEL_SPAN_STATUS_ERROR) {
        oteli_count(OTELI_COUNT_calls_invalid_argument);
        return;
    }
    slot = oteli_claim(span);
    if (slot != NULL) {
        oteli_release(slot, span, oteli_span_status_set(slot->recording, status, message));
    }
}

OTEL_API void oteli_span_set_name(otel_span span, const char *name, size_t name_length)
{
    oteli_slot *slot = oteli_claim(span);
    unsigned faults = name == NULL ? OTELI_FAULT_ARGUMENT : 0;
    if (slot != NULL) {
        faults |= oteli_span_rename(slot->recording, name, name_length);
        oteli_release(slot, span, faults);
    }
}

OTEL_API bool otel_span_is_recording(otel_span span)
{
    const oteli_slot *slot = oteli_slot_of(span);
    return slot != NULL && /* one word: no lock */
           OTELI_LOAD_RELAXED(uint32_t, slot->state) ==
               (OTELI_GENERATION(span.handle) | OTELI_OPEN | OTELI_RECORDING);
}

OTEL_API void otel_span_end_at(otel_span span, uint64_t end_time_ns)
{
    oteli_slot *slot = oteli_slot_of(span);
    const uint32_t open = OTELI_GENERATION(span.handle) | OTELI_OPEN;
    bool finish = false;
    uint32_t state;
    uintptr_t lock;
    if (slot == NULL) {
        oteli_count_refused(span);
        return;
    }
    if (end_time_ns == 0 && (OTELI_LOAD_RELAXED(uint32_t, slot->state) & OTELI_RECORDING) != 0) {
        end_time_ns = oteli_clock_ns();
    }
    lock = otel_port_lock();
    state = slot->state;
    if (state == (open | OTELI_RECORDING)) {
        finish = oteli_slot_end(slot, end_time_ns);
    } else if (state == open) {
        oteli_slot_close(slot);
    }
    otel_port_unlock(lock);
    if (finish) {
        oteli_finish(slot);
    } else if ((state | OTELI_RECORDING) != (open | OTELI_RECORDING)) {
        oteli_count_refused(span);
    }
}

OTEL_API void otel_span_end(otel_span span)
{
    otel_span_end_at(span, 0);
}

/* ---- context ------------------------------------------------------------------------------- */

OTEL_API otel_context otel_span_context(otel_span span)
{
    const uintptr_t lock = otel_port_lock();
    const otel_context *open = oteli_context_of(span);
    const otel_context context = open != NULL ? *open : otel_context_none;
    otel_port_unlock(lock);
    if (open == NULL) {
        oteli_count_refused(span);
    }
    return context;
}

OTEL_API bool otel_context_is_valid(const otel_context *context)
{
    return context != NULL && oteli_context_valid(context);
}

OTEL_API void otel_context_retain(const otel_context *context)
{
    if (context != NULL && context->carrier != 0) {
        const uintptr_t lock = otel_port_lock();
        (void)oteli_carrier_hold(context->carrier);
        otel_port_unlock(lock);
    }
}

OTEL_API otel_status otel_context_set_tracestate(otel_context *context, const char *tracestate,
                                                 size_t length)
{
#if OTEL_CARRIER_COUNT > 0
    uint32_t reference;
    uintptr_t lock;
    size_t i;
    if (context == NULL || tracestate == NULL) {
        oteli_count(OTELI_COUNT_calls_invalid_argument);
        return OTEL_ERROR_INVALID_ARGUMENT;
    }
    otel_context_release(context);
    length = oteli_measure(tracestate, length, OTEL_CARRIER_BYTES);
    for (i = 0; i < length && i <= OTEL_CARRIER_BYTES; i++) {
        if (tracestate[i] < 0x20 || tracestate[i] > 0x7E) {
            break;
        }
    }
    if (length == 0 || length > OTEL_CARRIER_BYTES || i < length) {
        oteli_count(OTELI_COUNT_carriers_dropped);
        return OTEL_ERROR_INVALID_ARGUMENT;
    }
    lock = otel_port_lock();
    reference = oteli.running ? oteli_carrier_take() : 0;
    otel_port_unlock(lock);
    if (reference == 0) {
        oteli_count(oteli.running ? OTELI_COUNT_carriers_dropped : OTELI_COUNT_calls_not_running);
        return OTEL_ERROR_FULL;
    }
    {
        oteli_carrier *carrier = &oteli.carriers[reference & 0xFFu];
        OTELI_COPY(carrier->text, tracestate, length);
        carrier->length = (uint16_t)length;
    }
    context->carrier = reference;
    return OTEL_OK;
#else
    (void)length;
    if (context == NULL || tracestate == NULL) {
        oteli_count(OTELI_COUNT_calls_invalid_argument);
        return OTEL_ERROR_INVALID_ARGUMENT;
    }
    oteli_count(OTELI_COUNT_carriers_dropped);
    return OTEL_ERROR_FULL;
#endif
}

OTEL_API otel_scope otel_span_make_current(otel_span span)
{
    otel_scope scope;
    scope.previous = otel_port_context_get();
    if (span.handle != 0) {
        otel_port_context_set(span.handle);
    }
    return scope;
}

OTEL_API void otel_scope_restore(otel_scope scope)
{
    otel_port_context_set(scope.previous);
}

OTEL_API otel_span otel_span_current(void)
{
    otel_span span;
    span.handle = (uint32_t)otel_port_context_get();
    return span;
}

/* ---- frames -------------------------------------------------------------------------------- */

OTEL_API size_t otel_frame_length(const otel_frame *frame)
{
    return frame->length;
}

OTEL_API size_t otel_frame_copy(const otel_frame *frame, uint8_t *buffer, size_t capacity)
{
    otel_frame_cursor cursor = {0, 0, OTELI_STAGE_START, 0, NULL};
    otel_slice slice;
    if (frame->length > capacity) {
        return 0;
    }
    while ((slice = otel_frame_next(frame, &cursor)).length > 0) {
        OTELI_COPY(buffer, slice.bytes, slice.length);
        buffer += slice.length;
    }
    return frame->length;
}

/* The frame is out of the transport's hands: counts it, and frees its records. Lock held. */
static void oteli_frame_settle(bool delivered)
{
    const struct otel_frame *frame = &oteli_store.frame;
    if (frame->kind == OTELI_KIND_TRACES) {
        oteli.sequence++;
        oteli.counters[delivered ? OTELI_COUNT_frames_sent : OTELI_COUNT_frames_lost]++;
        oteli.counters[delivered ? OTELI_COUNT_spans_sent : OTELI_COUNT_spans_dropped_link] +=
            frame->record_count;
    } else if (!delivered) { /* again soon, not at once: the transport may be down */
        oteli.stats_due_ns = oteli.polled_ns + oteli_ms_to_ns(OTELI_FLUSH_INTERVAL_MS);
    }
    oteli_queue_free(frame->end_position, frame->words, frame->record_count);
    oteli.queued_since_ns = oteli.polled_ns;
    oteli.frame_state = OTELI_FRAME_NONE;
}

OTEL_API void otel_frame_done(bool delivered)
{
    const uintptr_t lock = otel_port_lock();
    const bool taken = oteli.frame_state == OTELI_FRAME_TAKEN;
    bool more;
    if (taken && oteli.shut_down) { /* counted by otel_shutdown, with all behind it */
        oteli.frame_state = OTELI_FRAME_NONE;
        oteli_queue_free(0, oteli_store.used, oteli_store.records);
    } else if (taken) {
        oteli_frame_settle(delivered);
    }
    more = oteli_store.records > 0;
    otel_port_unlock(lock);
    if (taken && more) {
        oteli_wake();
    }
}

/* Moves frame_state from one state to another; false when it was not there. */
static bool oteli_frame_advance(oteli_frame_state from, oteli_frame_state to)
{
    const uintptr_t lock = otel_port_lock();
    const bool moved = oteli.frame_state == (uint8_t)from;
    if (moved) {
        oteli.frame_state = (uint8_t)to;
    }
    otel_port_unlock(lock);
    return moved;
}

/* Offers the frame to the transport. It is the transport's before the call, because otel_frame_done may
 * come from an interrupt before the call returns. */
static void oteli_frame_send(void)
{
    const otel_transport *transport = oteli.config->transport;
    const otel_send_result result = transport->send(transport->self, &oteli_store.frame);
    if (result == OTEL_SEND_BUSY) {
        if (oteli_frame_advance(OTELI_FRAME_TAKEN, OTELI_FRAME_WAITING)) {
            oteli_count(OTELI_COUNT_frames_busy);
        }
    } else if (result != OTEL_SEND_TAKEN) {
        otel_frame_done(result == OTEL_SEND_DONE);
    }
}

/* Puts the resource, or the place of the statistics, into the queue; false when it has no room. */
static bool oteli_queue_message(oteli_kind kind, uint64_t now_ns)
{
    const size_t length =
        kind == OTELI_KIND_RESOURCE ? oteli.resource_bytes : OTELI_STATS_BYTES_MAX;
    const oteli_word info = (oteli_word)length | (oteli_word)kind << 24;
    uintptr_t lock = otel_port_lock();
    const bool was_empty = oteli_store.records == 0;
    const uint32_t at = oteli_queue_reserve(info);
    if (was_empty) {
        oteli.queued_since_ns = now_ns;
    }
    otel_port_unlock(lock);
    if (at == OTELI_QUEUE_WORDS) {
        return false;
    }
    oteli_store.ring[at + 1] = 0;
    if (kind == OTELI_KIND_RESOURCE) {
        uint8_t *bytes = oteli_record_bytes(at);
        (void)oteli_resource_message(bytes, bytes + length + OTELI_ATTRIBUTE_OVERHEAD);
    }
    lock = otel_port_lock();
    oteli_queue_commit(at, info);
    otel_port_unlock(lock);
    return true;
}

/* ---- the link's work ----------------------------------------------------------------------- */

static uint32_t oteli_default(uint32_t value, uint32_t default_value)
{
    return value != 0 ? value : default_value;
}

/* Nanoseconds until a frame has to be built; 0: now. */
static uint64_t oteli_due_in_ns(uint64_t now_ns)
{
    const uint64_t interval_ns =
        oteli_ms_to_ns(oteli_default(oteli.config->flush_interval_ms, OTELI_FLUSH_INTERVAL_MS));
    const uintptr_t lock = otel_port_lock();
    uint64_t due_ns = oteli.stats_due_ns;
    if (oteli_store.records > 0) {
        const oteli_word info = oteli_store.ring[oteli_queue_at(oteli_store.head)];
        if (oteli.queued_since_ns + interval_ns < due_ns) {
            due_ns = oteli.queued_since_ns + interval_ns;
        }
        if (OTELI_RECORD_KIND(info) != OTELI_KIND_TRACES ||
            oteli_store.used * sizeof(oteli_word) >= oteli_frame_limit()) {
            due_ns = 0;
        }
    }
    otel_port_unlock(lock);
    return due_ns > now_ns ? due_ns - now_ns : 0;
}

/* Calls the user's hook once for each counter of something that went wrong. */
static void oteli_diagnose(void)
{
    static const uint32_t harmless =
        1u << OTELI_COUNT_none | 1u << OTELI_COUNT_spans_started |
        1u << OTELI_COUNT_spans_not_recorded | 1u << OTELI_COUNT_spans_queued |
        1u << OTELI_COUNT_spans_sent | 1u << OTELI_COUNT_frames_sent |
        1u << OTELI_COUNT_queue_bytes_max | 1u << OTELI_COUNT_contexts_max |
        1u << OTELI_COUNT_recordings_max | 1u << OTELI_COUNT_carriers_max;
    unsigned i;
    for (i = 0; i < OTELI_COUNTERS && oteli.config->diagnostic != NULL; i++) {
        const uint32_t bit = (uint32_t)1 << i;
        if (oteli.counters[i] != 0 && ((harmless | oteli.diagnosed) & bit) == 0) {
            oteli.diagnosed |= bit;
            oteli.config->diagnostic(oteli.config->user, (otel_counter)oteli_counter_numbers[i]);
        }
    }
}

/* Nothing that comes down is carried out in this version: it is refused and counted. */
static void oteli_receive(void)
{
    const otel_transport *transport = oteli.config->transport;
    uint8_t buffer[OTELI_HEADER_BYTES];
    if (transport->receive != NULL &&
        transport->receive(transport->self, buffer, sizeof buffer) > 0) {
        oteli_count(OTELI_COUNT_frames_received_refused);
    }
}

/* Puts resource and statistics into the queue when it is time; room permitting, else later. */
static void oteli_queue_due(uint64_t now_ns)
{
    if (now_ns >= oteli.stats_due_ns) {
        oteli.resource_due = true;
        oteli.stats_due = true;
        oteli.stats_due_ns = now_ns + oteli_ms_to_ns(oteli_default(oteli.config->stats_interval_ms,
                                                                   OTELI_STATS_INTERVAL_MS));
    }
    if (oteli.resource_due) {
        oteli.resource_due = !oteli_queue_message(OTELI_KIND_RESOURCE, now_ns);
    }
    if (oteli.stats_due) {
        oteli.stats_due = !oteli_queue_message(OTELI_KIND_STATS, now_ns);
    }
}

/* One step of the link. `flush`: do not wait for a frame to fill. False when another caller is in it. */
static bool oteli_poll_step(bool flush)
{
    uintptr_t lock = otel_port_lock();
    const bool entered = !oteli.polling;
    uint64_t now_ns;
    oteli.polling = true;
    otel_port_unlock(lock);
    if (!entered) {
        return false;
    }
    now_ns = oteli_clock_ns();
    if (now_ns < oteli.polled_ns) {
        oteli_count(OTELI_COUNT_clock_backward);
    }
    oteli.polled_ns = now_ns;
    if (oteli.config->transport != NULL) {
        oteli_receive();
        if (oteli.frame_state == OTELI_FRAME_NONE) {
            oteli_queue_due(now_ns);
        }
        if ((flush || oteli_due_in_ns(now_ns) == 0) &&
            oteli_frame_advance(OTELI_FRAME_NONE, OTELI_FRAME_OFFERED)) {
            (void)oteli_frame_advance(OTELI_FRAME_OFFERED, oteli_frame_build(now_ns)
                                                               ? OTELI_FRAME_WAITING
                                                               : OTELI_FRAME_NONE);
        }
        if (oteli_frame_advance(OTELI_FRAME_WAITING, OTELI_FRAME_TAKEN)) {
            oteli_frame_send();
        }
    }
    oteli_diagnose();
    lock = otel_port_lock();
    oteli.polling = false;
    otel_port_unlock(lock);
    return true;
}

OTEL_API void otel_poll(void)
{
    if (oteli.running) {
        (void)oteli_poll_step(false);
    } else {
        oteli_count(OTELI_COUNT_calls_not_running);
    }
}

OTEL_API uint32_t otel_next_poll_ms(void)
{
    uint64_t due_in_ns;
    if (!oteli.running || oteli.config->transport == NULL) {
        return OTEL_POLL_INTERVAL_MAX_MS;
    }
    if (oteli.frame_state == OTELI_FRAME_WAITING || oteli.frame_state == OTELI_FRAME_TAKEN) {
        return 1;
    }
    due_in_ns = oteli_due_in_ns(oteli_clock_ns());
    return oteli_ns_to_ms(due_in_ns, OTEL_POLL_INTERVAL_MAX_MS);
}

/* Turns of a drain that may pass while the clock stands still, before it is taken for broken. */
#if OTEL_PORT_HAS_IDLE
#define OTELI_STILL_TURNS_MAX 10000u
#else
#define OTELI_STILL_TURNS_MAX 1000000u
#endif

/* Sends until the queue is empty and the transport has everything, or the time is over. */
static otel_status oteli_drain(uint64_t deadline_ns)
{
    uint64_t latest_ns = 0;
    uint32_t still_turns = 0;
    for (;;) {
        uint64_t now_ns;
        (void)oteli_poll_step(true);
        if (OTELI_LOAD_RELAXED(uint32_t, oteli_store.records) == 0) {
            return OTEL_OK;
        }
        now_ns = oteli_clock_ns();
        still_turns = now_ns > latest_ns ? 0 : still_turns + 1u;
        latest_ns = now_ns > latest_ns ? now_ns : latest_ns;
        if (now_ns >= deadline_ns || still_turns >= OTELI_STILL_TURNS_MAX ||
            oteli.config->transport == NULL) {
            return OTEL_ERROR_TIMEOUT;
        }
#if OTEL_PORT_HAS_IDLE
        otel_port_idle(1);
#endif
    }
}

OTEL_API otel_status otel_flush(uint32_t timeout_ms)
{
    if (!oteli.running) {
        oteli_count(OTELI_COUNT_calls_not_running);
        return OTEL_ERROR_STATE;
    }
    return oteli_drain(oteli_clock_ns() + oteli_ms_to_ns(timeout_ms));
}

/* Lets go of the spans that are still open; one in the middle of a write by whoever writes it. */
static void oteli_close_all(void)
{
    unsigned i;
    for (i = 0; i < OTEL_CONTEXT_COUNT; i++) {
        oteli_slot *slot = &oteli.slots[i];
        const uintptr_t lock = otel_port_lock();
        if ((slot->state & OTELI_FLAGS) == OTELI_OPEN) {
            oteli_slot_close(slot);
        } else if ((slot->state & OTELI_OPEN) != 0 && oteli_slot_end(slot, oteli.polled_ns)) {
            oteli.counters[OTELI_COUNT_spans_dropped_shutdown]++;
            oteli_slot_close(slot);
        }
        otel_port_unlock(lock);
    }
}

/* Counts the spans among `records` records from `position` on. */
static uint32_t oteli_queued_spans(uint32_t position, uint32_t records)
{
    uint32_t spans = 0;
    for (; records > 0; records--) {
        const uint32_t at = oteli_queue_at(position);
        const oteli_word info = oteli_store.ring[at];
        spans += OTELI_RECORD_KIND(info) == OTELI_KIND_TRACES ? 1u : 0u;
        position = at + oteli_record_words(info);
    }
    return spans;
}

/* Counts what is left in the queue as dropped, and empties it; while a transport has the frame, its
 * otel_frame_done empties it, and nothing is written there any more that would spoil the count. */
static void oteli_queue_abandon(void)
{
    uintptr_t lock = otel_port_lock();
    const uint32_t head = oteli_store.head;
    const uint32_t records = oteli_store.records;
    oteli.shut_down = true;
    otel_port_unlock(lock);
    oteli_count_many(OTELI_COUNT_spans_dropped_shutdown, oteli_queued_spans(head, records));
    lock = otel_port_lock();
    if (oteli.frame_state != OTELI_FRAME_TAKEN) {
        oteli.frame_state = OTELI_FRAME_NONE;
        oteli_queue_free(0, oteli_store.used, oteli_store.records);
    }
    otel_port_unlock(lock);
}

OTEL_API otel_status otel_shutdown(uint32_t timeout_ms)
{
    uint64_t deadline_ns;
    otel_status status;
    if (!oteli.running) {
        oteli_count(OTELI_COUNT_calls_not_running);
        return OTEL_ERROR_STATE;
    }
    oteli.running = false;
    deadline_ns = oteli_clock_ns() + oteli_ms_to_ns(timeout_ms);
    oteli_close_all();
    status = oteli_drain(deadline_ns);
    if (status == OTEL_OK && oteli.config->transport != NULL &&
        oteli_queue_message(OTELI_KIND_STATS, oteli.polled_ns)) {
        status = oteli_drain(deadline_ns);
    }
    oteli_queue_abandon();
    return status;
}

static uint32_t oteli_counter(oteli_counter_index counter)
{
    const uintptr_t lock = otel_port_lock();
    const uint32_t value = oteli.counters[counter];
    otel_port_unlock(lock);
    return value;
}

OTEL_API void otel_stats_get(otel_stats *stats)
{
    if (stats == NULL) {
        oteli_count(OTELI_COUNT_calls_invalid_argument);
        return;
    }
#define OTELI_STATS_GET(number, name) stats->name = oteli_counter(OTELI_COUNT_##name);
    OTEL_STATS_COUNTERS(OTELI_STATS_GET)
    stats->spans_live = oteli.recordings_in_use;
    stats->queue_bytes = oteli_store.used * (uint32_t)sizeof(oteli_word);
    stats->queue_capacity_bytes = OTELI_QUEUE_WORDS * (uint32_t)sizeof(oteli_word);
    stats->contexts_in_use = oteli.contexts_in_use;
    stats->recordings_in_use = oteli.recordings_in_use;
    stats->carriers_in_use = oteli.carriers_in_use;
}

OTEL_API size_t otel_ram_bytes(void)
{
    return sizeof oteli + sizeof oteli_store;
}

OTEL_API uint64_t otel_now_ns(void)
{
    return oteli.running ? oteli_clock_ns() : 0;
}

/* ---- start of the library ------------------------------------------------------------------ */

/* The device's id: configured, or made from the chip's number (FNV-1a, 64 bits), or none. */
static uint64_t oteli_device_id(const otel_config *config)
{
#if OTEL_PORT_HAS_UNIQUE_ID
    if (config->device_id == 0) {
        uint8_t bytes[16];
        const size_t length = otel_port_unique_id(bytes, sizeof bytes);
        uint64_t hash = ((uint64_t)0xCBF29CE4u << 32) | 0x84222325u;
        size_t i;
        for (i = 0; i < length && i < sizeof bytes; i++) {
            hash = (hash ^ bytes[i]) * (((uint64_t)0x100u << 32) | 0x1B3u);
        }
        return length > 0 ? hash : 0;
    }
#endif
    return config->device_id;
}

/* 16 hexadecimal digits of the device id: service.instance.id. */
static void oteli_instance_id(uint64_t device_id)
{
    unsigned i;
    for (i = 0; i < sizeof oteli.instance_id - 1u; i++) {
        const unsigned digit = (unsigned)(device_id >> 60);
        oteli.instance_id[i] = (char)(digit < 10 ? '0' + digit : 'a' + (digit - 10));
        device_id <<= 4;
    }
}

/* What can be wrong with a configuration, before anything is changed. */
static otel_status oteli_config_check(const otel_config *config)
{
    const otel_transport *transport;
    if (config == NULL ||
        (config->resource_attributes == NULL && config->resource_attribute_count > 0) ||
        (config->sampler != NULL && config->sampler->decide == NULL)) {
        return OTEL_ERROR_INVALID_ARGUMENT;
    }
    transport = config->transport;
    if (transport == NULL) {
        return OTEL_OK;
    }
    if (transport->send == NULL) {
        return OTEL_ERROR_INVALID_ARGUMENT;
    }
    if (transport->frame_bytes_max != 0 &&
        transport->frame_bytes_max < OTEL_SPAN_BYTES + OTEL_SCOPE_BYTES + 70u) {
        return OTEL_ERROR_FRAME_TOO_SMALL;
    }
    return OTEL_OK;
}

/* Ids of device and boot, and the generator that makes the others. */
static otel_status oteli_identity_init(const otel_config *config)
{
    uint8_t entropy[16] = {0};
    oteli.device_id = oteli_device_id(config);
    oteli.anonymous = oteli.device_id == 0;
    oteli_instance_id(oteli.device_id);
    if (!otel_port_entropy(entropy, sizeof entropy) ||
        !oteli_random_init(entropy, oteli.device_id, otel_port_ticks())) {
        return OTEL_ERROR_ENTROPY;
    }
    oteli.boot_id = oteli_random_id();
    return OTEL_OK;
}

/* Queue, pools and times as at the first start. */
static void oteli_state_init(void)
{
    oteli.frame_state = OTELI_FRAME_NONE;
    oteli.polling = false;
    oteli.shut_down = false;
    oteli.stats_due = false;
    oteli.resource_due = false;
    oteli.contexts_in_use = 0;
    oteli.recordings_in_use = 0;
    oteli.sequence = 1;
    oteli.diagnosed = 0;
    oteli_store.records = 0;
    oteli_queue_free(0, 0, 0);
    oteli_pools_init((uint32_t)oteli_random());
    oteli.polled_ns = oteli_clock_ns();
    oteli.stats_due_ns =
        oteli.polled_ns +
        oteli_ms_to_ns(oteli_default(oteli.config->stats_interval_ms, OTELI_STATS_INTERVAL_MS));
}

/* Writes the resource where its record will be in the empty queue, to know its length and its hash, and
 * queues it; false when it fits neither the queue nor a frame. */
static bool oteli_resource_init(void)
{
    uint8_t *bytes = oteli_record_bytes(0);
    const size_t frame_room =
        oteli_frame_limit() - OTELI_HEADER_BYTES - OTELI_HEADER_WALL_BYTES - OTELI_CHECK_BYTES;
    const size_t length =
        oteli_resource_message(bytes, (const uint8_t *)(oteli_store.ring + OTELI_QUEUE_WORDS));
    oteli.resource_bytes = (uint32_t)length;
    oteli.resource_hash = ~OTEL_CRC32(0xFFFFFFFFu, bytes, length);
    return length > 0 && length <= frame_room &&
           oteli_queue_message(OTELI_KIND_RESOURCE, oteli.polled_ns);
}

OTEL_API otel_status otel_init(const otel_config *config)
{
    const uint32_t ticks_per_sec = otel_port_ticks_per_sec();
    otel_status status = oteli_config_check(config);
    if (status != OTEL_OK) {
        return status;
    }
    if (oteli.running || oteli.frame_state == OTELI_FRAME_TAKEN) {
        return OTEL_ERROR_STATE; /* or a transport still sends from our memory */
    }
    if (ticks_per_sec == 0) {
        return OTEL_ERROR_CLOCK;
    }
    oteli_clock_init(ticks_per_sec);
    oteli.config = config;
    status = oteli_identity_init(config);
    if (status != OTEL_OK) {
        return status;
    }
    oteli_state_init();
    if (config->transport != NULL && !oteli_resource_init()) {
        return OTEL_ERROR_RESOURCE_TOO_LARGE;
    }
    oteli.running = true;
    return OTEL_OK;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* OTEL_IMPLEMENTATION */

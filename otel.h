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
 *     OTEL_CONTEXT_COUNT   * 60                     open spans, recording or not
 *   + OTEL_RECORDING_COUNT * (OTEL_SPAN_BYTES + 32) open spans that record
 *   + OTEL_CARRIER_COUNT   * (OTEL_CARRIER_BYTES + 8)
 *   + OTEL_QUEUE_BYTES                              finished spans, 8 bytes more each
 *   + OTEL_FRAME_SCOPES * (OTEL_SCOPE_BYTES + 20)   + about 350 bytes
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
 *     and counted. Each byte that is not part of valid UTF-8 becomes '?'. A cut at a limit falls on
 *     a character boundary.
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
 *     OTEL_SPAN_BYTES                    512    the largest encoded span; 128 to 16384
 *     OTEL_QUEUE_BYTES                   4096   finished spans that wait; 256 to 16777216
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
    (__builtin_constant_p(__builtin_strlen(text)) ? __builtin_strlen(text) : OTEL_NUL_TERMINATED)
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
        { { (value_text), OTEL_NUL_TERMINATED } }, (key_text), OTEL_NUL_TERMINATED,                \
            OTEL_VALUE_STRING                                                                      \
    }

/* A tracer: the instrumentation scope of the spans that name it. A static object of the
 * application, made with OTEL_TRACER; it must outlive every span that names it. */
typedef struct otel_tracer {
    const char *name;
    const char *version; /* may be NULL */
} otel_tracer;

#define OTEL_TRACER(name_text, version_text) { (name_text), (version_text) }

/* How a span starts. All zero: child of the task's current span, internal, now, no attributes. */
typedef struct otel_span_options {
    const otel_tracer *tracer;        /* NULL: the default tracer, which has no name */
    const otel_context *parent;       /* NULL: the task's current span. OTEL_ROOT: no parent */
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
    uint64_t device_id;              /* made from otel_port_unique_id, else the device is anonymous */
    const otel_sampler *sampler;     /* as the parent was; a root is sampled */
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
 * Attributes (specification: Trace API, Set Attributes). The same key again: the last one wins. Over
 * a count limit, or without room in the span's buffer, the attribute is dropped and counted, in the
 * statistics and in the span's dropped_attributes_count; a string value over
 * OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT is cut. Key and value are copied. Callers: task, ISR.
 */
OTEL_API void oteli_span_set_str(otel_span span, const char *key, const char *value,
                                 uint32_t lengths);
OTEL_API void oteli_span_set_strn(otel_span span, const char *key, const char *value,
                                  size_t value_length, size_t key_length);
OTEL_API void oteli_span_set_bool(otel_span span, const char *key, bool value, size_t key_length);
OTEL_API void oteli_span_set_i64(otel_span span, const char *key, int64_t value,
                                 size_t key_length);
OTEL_API void oteli_span_set_f64(otel_span span, const char *key, double value,
                                 size_t key_length);

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

/* UpdateName (specification: Trace API). Ignored and counted when it has no room. Callers: any. */
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

static const otel_sampler otel_sampler_always_on OTELI_UNUSED = { NULL, NULL };
static const otel_sampler otel_sampler_always_off OTELI_UNUSED = { NULL, NULL };

OTELI_INLINE otel_status otel_init(const otel_config *config)
{
    (void)config;
    return OTEL_OK;
}

OTELI_INLINE void otel_poll(void) {}

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

OTELI_INLINE void otel_span_set_status(otel_span span, otel_span_status status,
                                       const char *message)
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
    const otel_context none = { { 0 }, { 0 }, { 0 }, 0, { 0 }, 0, 0 };
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
    const otel_slice end = { NULL, 0 };
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

OTELI_INLINE otel_attribute otel_strn(const char *key, const char *value, size_t value_length)
{
    otel_attribute attribute;
    attribute.key = key;
    attribute.key_length = OTELI_LENGTH(key);
    attribute.type = OTEL_VALUE_STRING;
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
    otel_attribute attribute;
    attribute.key = key;
    attribute.key_length = OTELI_LENGTH(key);
    attribute.type = OTEL_VALUE_BOOL;
    attribute.value.boolean = value;
    return attribute;
}

OTELI_INLINE otel_attribute otel_i64(const char *key, int64_t value)
{
    otel_attribute attribute;
    attribute.key = key;
    attribute.key_length = OTELI_LENGTH(key);
    attribute.type = OTEL_VALUE_INT;
    attribute.value.integer = value;
    return attribute;
}

OTELI_INLINE otel_attribute otel_f64(const char *key, double value)
{
    otel_attribute attribute;
    attribute.key = key;
    attribute.key_length = OTELI_LENGTH(key);
    attribute.type = OTEL_VALUE_DOUBLE;
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

#if defined(__cplusplus)
struct oteli_scope_guard {
    otel_scope scope;
    bool open;
    explicit oteli_scope_guard(otel_span span) : scope(otel_span_make_current(span)), open(true) {}
    ~oteli_scope_guard() { otel_scope_restore(scope); }

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
    for (oteli_scope_guard oteli_guard __attribute__((cleanup(oteli_scope_leave))) =               \
             oteli_scope_enter(span);                                                              \
         oteli_guard.open; oteli_guard.open = false)
#else
#define OTELI_WITH_SPAN(span)                                                                      \
    for (oteli_scope_guard oteli_guard = oteli_scope_enter(span); oteli_guard.open;                \
         oteli_scope_leave(&oteli_guard), oteli_guard.open = false)
#endif
#endif

#endif /* OTEL_INCLUDED */

/* SPDX-License-Identifier: MIT */
/*
 * otel-gateway: from the wire of a device to people and to OpenTelemetry. Here: the command line,
 * which outputs there are, and how it all ends.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter.h"
#include "json.h"
#include "otel.h"
#include "source.h"
#include "waterfall.h"

#define SOURCES_MAX 64U
#define SINKS_MAX 4U
#define TICK_MS 100U
#define LAST_READ_MS 500U /* after a signal, for what is still in the sockets */
#define DRAIN_POLL_MS 10U

enum exit_status { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum stats_form { STATS_TEXT, STATS_TSV, STATS_NONE };

struct options {
    bool json;
    bool waterfall;
    bool exit_on_eof;
    enum stats_form stats;
    uint64_t drain_timeout_ms;
    uint64_t frame_bytes_max;
    uint64_t devices_max;
    uint64_t held_bytes_max;
    uint64_t resource_wait_ms;
    uint64_t queue_bytes; /* 0: the exporter's own default; so are the next two */
    uint64_t quiet_ms;
    uint64_t patience_ms;
    char **specs;
    size_t spec_count;
};

static const struct options default_options = {
    .drain_timeout_ms = 5000,
    .frame_bytes_max = LINK_FRAME_BYTES_MAX,
    .devices_max = 4096,
    .held_bytes_max = 4 * 1024 * 1024,
    .resource_wait_ms = 3000,
};

struct gateway {
    struct options options;
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    uv_timer_t tick;
    uv_timer_t last_read; /* after a signal */
    uv_timer_t drain;
    struct exporter_config exporter_config;
    struct gw_sink sinks[SINKS_MAX];
    void (*free_sink[SINKS_MAX])(struct gw_sink *sink);
    size_t sink_count;
    struct sessions *sessions;
    struct source_setup setup;
    struct source *sources[SOURCES_MAX];
    size_t source_count;
    uint64_t stop_at_ms; /* of the step of the end that is under way; the loop's time */
    bool is_stopping;
    bool sources_are_closed;
};

/* ---- command line -------------------------------------------------------------------------- */

static const char usage_text[] =
    "usage: otel-gateway [options] SOURCE...\n"
    "\n"
    "Reads the frames of otel.h devices from every SOURCE, several at once:\n"
    "\n"
    "  serial:/dev/ttyACM0[,115200]  a serial line or pty; waits for it, survives unplugging\n"
    "  udp:[address:]port            datagrams, from any number of devices\n"
    "  tcp:host:port                 connects, again and again; so does\n"
    "  unix:path                     (for an emulator, a terminal server)\n"
    "  file:path                     a capture, or a named pipe\n"
    "  -                             standard input\n"
    "\n"
    "Without an endpoint in the environment it shows finished traces as waterfalls and passes on\n"
    "what a device prints. With OTEL_EXPORTER_OTLP_ENDPOINT (or "
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)\n"
    "it sends the spans there as OTLP/HTTP; _HEADERS and _TIMEOUT are honoured. Diagnostics and,\n"
    "at the end, counters go to stderr. It ends at SIGINT or SIGTERM, or after the last byte when\n"
    "every source is a file or standard input.\n"
    "\n"
    "Outputs:\n"
    "      --json                  one line of OTLP/JSON for each batch on stdout\n"
    "      --waterfall             waterfalls although there is an endpoint\n"
    "      --trace-quiet-ms=N      show a trace when nothing more came for so long (300)\n"
    "      --trace-patience-ms=N   show a trace without its root after so long (10000)\n"
    "      --stats=text|tsv|none   the counters at the end (text)\n"
    "\n"
    "Limits:\n"
    "      --drain-timeout-ms=N    time to send what is left at the end (5000)\n"
    "      --queue-bytes=N         memory for what the endpoint has not taken yet (64 MiB)\n"
    "      --max-frame-bytes=N     longest frame, header and check included (65507)\n"
    "      --max-devices=N         devices known at once (4096)\n"
    "      --resource-wait-ms=N    how long spans wait for their device's resource (3000)\n"
    "      --held-bytes=N          memory for those spans (4 MiB)\n"
    "\n"
    "      --exit-on-eof           serial:, tcp: and unix: end when the other side closes\n"
    "  -h, --help                  this text\n"
    "  -V, --version               the version\n"
    "\n"
    "Exit status: 0 at the end, 1 when a source or an output cannot be opened, 2 for a mistake on\n"
    "the command line or in the environment.\n";

enum option_code {
    OPTION_JSON = 256,
    OPTION_WATERFALL,
    OPTION_TRACE_QUIET_MS,
    OPTION_TRACE_PATIENCE_MS,
    OPTION_STATS,
    OPTION_DRAIN_TIMEOUT_MS,
    OPTION_QUEUE_BYTES,
    OPTION_MAX_FRAME_BYTES,
    OPTION_MAX_DEVICES,
    OPTION_RESOURCE_WAIT_MS,
    OPTION_HELD_BYTES,
    OPTION_EXIT_ON_EOF
};

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"waterfall", no_argument, NULL, OPTION_WATERFALL},
    {"trace-quiet-ms", required_argument, NULL, OPTION_TRACE_QUIET_MS},
    {"trace-patience-ms", required_argument, NULL, OPTION_TRACE_PATIENCE_MS},
    {"stats", required_argument, NULL, OPTION_STATS},
    {"drain-timeout-ms", required_argument, NULL, OPTION_DRAIN_TIMEOUT_MS},
    {"queue-bytes", required_argument, NULL, OPTION_QUEUE_BYTES},
    {"max-frame-bytes", required_argument, NULL, OPTION_MAX_FRAME_BYTES},
    {"max-devices", required_argument, NULL, OPTION_MAX_DEVICES},
    {"resource-wait-ms", required_argument, NULL, OPTION_RESOURCE_WAIT_MS},
    {"held-bytes", required_argument, NULL, OPTION_HELD_BYTES},
    {"exit-on-eof", no_argument, NULL, OPTION_EXIT_ON_EOF},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static _Noreturn void refuse_usage(const char *problem)
{
    say("%s", problem);
    fputs("Try \"otel-gateway --help\".\n", stderr);
    exit(EXIT_USAGE);
}

static uint64_t read_number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char problem[SOURCE_PROBLEM_BYTES];
    char *end;
    uint64_t number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == 0 && errno == 0 && number >= least &&
        number <= most)
        return number;
    snprintf(problem, sizeof problem,
             "--%s wants a whole number from %" PRIu64 " to %" PRIu64 ", not \"%.100s\"", option,
             least, most, text);
    refuse_usage(problem);
}

static enum stats_form read_stats_form(const char *text)
{
    char problem[SOURCE_PROBLEM_BYTES];

    if (strcmp(text, "text") == 0)
        return STATS_TEXT;
    if (strcmp(text, "tsv") == 0)
        return STATS_TSV;
    if (strcmp(text, "none") == 0)
        return STATS_NONE;
    snprintf(problem, sizeof problem, "--stats wants text, tsv or none, not \"%.100s\"", text);
    refuse_usage(problem);
}

static void take_option(struct options *options, int code, const char *name, const char *value)
{
    switch (code) {
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_WATERFALL:
        options->waterfall = true;
        break;
    case OPTION_EXIT_ON_EOF:
        options->exit_on_eof = true;
        break;
    case OPTION_STATS:
        options->stats = read_stats_form(value);
        break;
    case OPTION_TRACE_QUIET_MS:
        options->quiet_ms = read_number(name, value, 1, 3600000);
        break;
    case OPTION_TRACE_PATIENCE_MS:
        options->patience_ms = read_number(name, value, 1, 3600000);
        break;
    case OPTION_DRAIN_TIMEOUT_MS:
        options->drain_timeout_ms = read_number(name, value, 0, 3600000);
        break;
    case OPTION_QUEUE_BYTES:
        options->queue_bytes = read_number(name, value, 4096, UINT64_C(1) << 40);
        break;
    case OPTION_MAX_FRAME_BYTES:
        options->frame_bytes_max =
            read_number(name, value, LINK_FRAME_BYTES_MIN, LINK_FRAME_BYTES_MAX);
        break;
    case OPTION_MAX_DEVICES:
        options->devices_max = read_number(name, value, 1, 1000000);
        break;
    case OPTION_RESOURCE_WAIT_MS:
        options->resource_wait_ms = read_number(name, value, 0, 3600000);
        break;
    case OPTION_HELD_BYTES:
        options->held_bytes_max = read_number(name, value, 0, UINT64_C(1) << 40);
        break;
    case 'h':
        fputs(usage_text, stdout);
        exit(EXIT_OK);
    case 'V':
        puts("otel-gateway " OTEL_VERSION);
        exit(EXIT_OK);
    default: /* getopt_long has said what is wrong */
        fputs("Try \"otel-gateway --help\".\n", stderr);
        exit(EXIT_USAGE);
    }
}

static void check_sources(const struct options *options)
{
    char problem[SOURCE_PROBLEM_BYTES];

    if (options->spec_count == 0)
        refuse_usage("no source is given; where do the frames come from?");
    if (options->spec_count > SOURCES_MAX)
        refuse_usage("more than 64 sources are given");
    for (size_t i = 0; i < options->spec_count; i++) {
        if (!source_spec_is_possible(options->specs[i], problem))
            refuse_usage(problem);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(options->specs[i], options->specs[j]) == 0)
                refuse_usage("a source is given twice");
        }
    }
}

static struct options read_options(int argc, char **argv)
{
    struct options options = default_options;
    int code, index = 0;

    while ((code = getopt_long(argc, argv, "hV", long_options, &index)) != -1)
        take_option(&options, code, code >= OPTION_JSON ? long_options[index].name : "", optarg);
    options.specs = argv + optind;
    options.spec_count = (size_t)(argc - optind);
    check_sources(&options);
    return options;
}

static void read_environment(struct exporter_config *config)
{
    char problem[EXPORTER_PROBLEM_BYTES];

    if (exporter_config_from_environment(config, problem))
        return;
    say("%s", problem);
    exit(EXIT_USAGE);
}

/* ---- outputs ------------------------------------------------------------------------------- */

/* Where nothing else shows what a device prints. */
static void print_text(void *self, const char *source, const uint8_t *bytes, size_t size)
{
    (void)self;
    (void)source;
    fwrite(bytes, 1, size, stdout);
    fflush(stdout);
}

static struct gw_sink *next_sink(struct gateway *gateway, void (*free_sink)(struct gw_sink *))
{
    gateway->free_sink[gateway->sink_count] = free_sink;
    return &gateway->sinks[gateway->sink_count];
}

static bool open_waterfall(struct gateway *gateway)
{
    struct waterfall_options options = {
        .quiet_ms = (uint32_t)gateway->options.quiet_ms,
        .patience_ms = (uint32_t)gateway->options.patience_ms,
        .name_sources = gateway->options.spec_count > 1,
    };

    if (!waterfall_open(next_sink(gateway, waterfall_free), &gateway->loop, &options))
        return false;
    gateway->sink_count++;
    return true;
}

static bool open_json(struct gateway *gateway)
{
    if (!json_open(next_sink(gateway, json_free), NULL))
        return false;
    gateway->sink_count++;
    return true;
}

static bool open_exporter(struct gateway *gateway)
{
    if (gateway->options.queue_bytes != 0)
        gateway->exporter_config.queue_bytes = gateway->options.queue_bytes;
    if (!exporter_open(next_sink(gateway, exporter_free), &gateway->loop,
                       &gateway->exporter_config))
        return false;
    gateway->sink_count++;
    return true;
}

static bool open_outputs(struct gateway *gateway)
{
    bool has_endpoint = gateway->exporter_config.traces_url != NULL;
    bool shows = gateway->options.waterfall || (!has_endpoint && !gateway->options.json);

    if (shows && !open_waterfall(gateway))
        return false;
    if (gateway->options.json && !open_json(gateway))
        return false;
    if (!shows && !gateway->options.json) {
        next_sink(gateway, NULL)->text = print_text;
        gateway->sink_count++;
    }
    return !has_endpoint || open_exporter(gateway);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_sources(struct gateway *gateway)
{
    for (size_t i = 0; i < gateway->source_count && !gateway->sources_are_closed; i++)
        source_close(gateway->sources[i]);
    gateway->sources_are_closed = true;
}

static void close_outputs(struct gateway *gateway)
{
    for (size_t i = 0; i < gateway->sink_count; i++) {
        if (gateway->sinks[i].close != NULL)
            gateway->sinks[i].close(gateway->sinks[i].self);
    }
}

static bool is_drained(const struct gateway *gateway)
{
    for (size_t i = 0; i < gateway->sink_count; i++) {
        const struct gw_sink *sink = &gateway->sinks[i];

        if (sink->drained != NULL && !sink->drained(sink->self))
            return false;
    }
    return true;
}

static void on_drain(uv_timer_t *timer)
{
    struct gateway *gateway = timer->data;
    bool is_late = uv_now(&gateway->loop) >= gateway->stop_at_ms;

    if (!is_late && !is_drained(gateway))
        return;
    uv_timer_stop(timer);
    uv_stop(&gateway->loop);
}

static void begin_drain(struct gateway *gateway)
{
    uv_timer_stop(&gateway->tick);
    close_sources(gateway);
    sessions_drain(gateway->sessions);
    for (size_t i = 0; i < gateway->sink_count; i++) {
        if (gateway->sinks[i].drain != NULL)
            gateway->sinks[i].drain(gateway->sinks[i].self);
    }
    gateway->stop_at_ms = uv_now(&gateway->loop) + gateway->options.drain_timeout_ms;
    uv_timer_start(&gateway->drain, on_drain, 0, DRAIN_POLL_MS);
}

/* Goes on reading until nothing comes any more, but not for long. */
static void on_last_read(uv_timer_t *timer)
{
    struct gateway *gateway = timer->data;
    bool is_busy = false;

    for (size_t i = 0; i < gateway->source_count; i++)
        is_busy |= source_tick(gateway->sources[i]);
    if (is_busy && uv_now(&gateway->loop) < gateway->stop_at_ms)
        return;
    uv_timer_stop(timer);
    begin_drain(gateway);
}

static void stop(struct gateway *gateway)
{
    if (gateway->is_stopping)
        return;
    gateway->is_stopping = true;
    gateway->stop_at_ms = uv_now(&gateway->loop) + LAST_READ_MS;
    uv_timer_start(&gateway->last_read, on_last_read, 2 * DRAIN_POLL_MS, 2 * DRAIN_POLL_MS);
}

/* The second signal means now. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct gateway *gateway = handle->data;

    (void)number;
    if (gateway->is_stopping) {
        gateway->options.drain_timeout_ms = 0;
        gateway->stop_at_ms = 0;
    }
    stop(gateway);
}

static void on_source_ended(void *self)
{
    struct gateway *gateway = self;

    for (size_t i = 0; i < gateway->source_count; i++) {
        if (!gateway->sources[i]->has_ended)
            return;
    }
    if (gateway->source_count == gateway->options.spec_count)
        stop(gateway);
}

/* ---- counters ------------------------------------------------------------------------------ */

static void print_text_counter(void *self, const char *name, uint64_t value)
{
    (void)self;
    if (value != 0)
        fprintf(stderr, "  %-34s %12" PRIu64 "\n", name, value);
}

static void print_tsv_counter(void *self, const char *name, uint64_t value)
{
    (void)self;
    fprintf(stderr, "%s\t%" PRIu64 "\n", name, value);
}

static void print_counters(const struct gateway *gateway)
{
    gw_counter_visitor *visit =
        gateway->options.stats == STATS_TSV ? print_tsv_counter : print_text_counter;

    fflush(stdout);
    if (gateway->options.stats == STATS_NONE)
        return;
    if (gateway->options.stats == STATS_TEXT)
        say("what came and went (what is 0 is not shown):");
    sessions_counters(gateway->sessions, visit, NULL);
    for (size_t i = 0; i < gateway->sink_count; i++) {
        if (gateway->sinks[i].counters != NULL)
            gateway->sinks[i].counters(gateway->sinks[i].self, visit, NULL);
    }
}

/* ---- from start to end --------------------------------------------------------------------- */

static void on_tick(uv_timer_t *timer)
{
    struct gateway *gateway = timer->data;

    sessions_tick(gateway->sessions, source_now());
    for (size_t i = 0; i < gateway->source_count && !gateway->is_stopping; i++)
        source_tick(gateway->sources[i]);
}

static void start_loop(struct gateway *gateway)
{
    uv_loop_init(&gateway->loop);
    uv_timer_init(&gateway->loop, &gateway->tick);
    uv_timer_init(&gateway->loop, &gateway->last_read);
    uv_timer_init(&gateway->loop, &gateway->drain);
    uv_signal_init(&gateway->loop, &gateway->interrupt);
    uv_signal_init(&gateway->loop, &gateway->terminate);
    gateway->tick.data = gateway->last_read.data = gateway->drain.data = gateway;
    gateway->interrupt.data = gateway->terminate.data = gateway;
    uv_signal_start(&gateway->interrupt, on_signal, SIGINT);
    uv_signal_start(&gateway->terminate, on_signal, SIGTERM);
    uv_timer_start(&gateway->tick, on_tick, TICK_MS, TICK_MS);
}

static bool open_sessions(struct gateway *gateway)
{
    struct sessions_options options = {
        .devices_max = gateway->options.devices_max,
        .frame_bytes_max = gateway->options.frame_bytes_max,
        .held_bytes_max = gateway->options.held_bytes_max,
        .resource_wait_ms = gateway->options.resource_wait_ms,
    };

    gateway->sessions = sessions_create(&options, gateway->sinks, gateway->sink_count);
    gateway->setup = (struct source_setup){
        .loop = &gateway->loop,
        .sessions = gateway->sessions,
        .frame_bytes_max = gateway->options.frame_bytes_max,
        .ends_at_hangup = gateway->options.exit_on_eof,
        .self = gateway,
        .ended = on_source_ended,
    };
    return gateway->sessions != NULL;
}

static bool open_sources(struct gateway *gateway)
{
    char problem[SOURCE_PROBLEM_BYTES];

    for (size_t i = 0; i < gateway->options.spec_count; i++) {
        struct source *source = source_open(&gateway->setup, gateway->options.specs[i], problem);

        if (source == NULL) {
            say("%s", problem);
            return false;
        }
        gateway->sources[gateway->source_count++] = source;
    }
    return true;
}

static void close_everything(struct gateway *gateway)
{
    close_sources(gateway);
    close_outputs(gateway);
    uv_walk(&gateway->loop, close_handle, NULL);
    uv_run(&gateway->loop, UV_RUN_DEFAULT);
    if (gateway->sessions != NULL)
        print_counters(gateway);
    for (size_t i = 0; i < gateway->source_count; i++)
        source_free(gateway->sources[i]);
    if (gateway->sessions != NULL)
        sessions_destroy(gateway->sessions);
    for (size_t i = 0; i < gateway->sink_count; i++) {
        if (gateway->free_sink[i] != NULL)
            gateway->free_sink[i](&gateway->sinks[i]);
    }
    exporter_config_free(&gateway->exporter_config);
    uv_loop_close(&gateway->loop);
}

int main(int argc, char **argv)
{
    static struct gateway gateway;
    bool is_open;

    gateway.options = read_options(argc, argv);
    read_environment(&gateway.exporter_config);
    signal(SIGPIPE, SIG_IGN);
    start_loop(&gateway);
    is_open = open_outputs(&gateway);
    if (!is_open)
        say("an output cannot be opened: no memory");
    is_open = is_open && open_sessions(&gateway) && open_sources(&gateway);
    if (is_open)
        uv_run(&gateway.loop, UV_RUN_DEFAULT);
    else
        gateway.options.stats = STATS_NONE;
    close_everything(&gateway);
    return is_open ? EXIT_OK : EXIT_FAILED;
}

/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Standard input has a name of its own. */
static const struct source_kind *const kinds[] = {&source_serial, &source_udp, &source_tcp,
                                                  &source_unix, &source_file};

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("otel-gateway: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static uint64_t read_clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

struct link_instant source_now(void)
{
    return (struct link_instant){read_clock_ns(CLOCK_REALTIME), read_clock_ns(CLOCK_MONOTONIC)};
}

uint8_t *source_read_buffer(void)
{
    static uint8_t buffer[SOURCE_READ_BYTES];

    return buffer;
}

/* ---- names --------------------------------------------------------------------------------- */

static const struct source_kind *find_kind(const char *spec, const char **address)
{
    if (strcmp(spec, "-") == 0) {
        *address = "";
        return &source_stdin;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i]->scheme);

        if (strncmp(spec, kinds[i]->scheme, length) == 0 && spec[length] == ':') {
            *address = spec + length + 1;
            return kinds[i];
        }
    }
    return NULL;
}

bool source_spec_is_possible(const char *spec, char problem[SOURCE_PROBLEM_BYTES])
{
    const char *address;
    const struct source_kind *kind = find_kind(spec, &address);

    if (kind == NULL)
        snprintf(problem, SOURCE_PROBLEM_BYTES,
                 "\"%.200s\" is not a source; write serial:/dev/ttyACM0,115200, udp:4319, "
                 "tcp:host:port, unix:path, file:path or - for standard input",
                 spec);
    else if (*address == 0 && kind != &source_stdin)
        snprintf(problem, SOURCE_PROBLEM_BYTES, "\"%.200s\" lacks what follows \"%s:\"", spec,
                 kind->scheme);
    else
        return true;
    return false;
}

bool source_split_address(const char *address, bool host_may_be_missing, char host[256],
                          uint16_t *port)
{
    const char *colon = strrchr(address, ':');
    const char *digits = colon == NULL ? address : colon + 1;
    size_t host_bytes = colon == NULL ? 0 : (size_t)(colon - address);
    char *end;
    unsigned long number = strtoul(digits, &end, 10);

    if (*digits < '0' || *digits > '9' || *end != 0 || number > 65535)
        return false;
    if (host_bytes >= 2 && address[0] == '[' && address[host_bytes - 1] == ']') {
        address++;
        host_bytes -= 2;
    } else if (memchr(address, ':', host_bytes) != NULL) {
        return false; /* an IPv6 address needs its brackets */
    }
    if (host_bytes >= 256 || (host_bytes == 0 && !host_may_be_missing))
        return false;
    memcpy(host, address, host_bytes);
    host[host_bytes] = 0;
    *port = (uint16_t)number;
    return true;
}

/* Long names keep their end, and a number in place of what is cut, so that two never look alike. */
static void name_source(struct source *source, const char *address)
{
    const char *scheme = source->kind->scheme;
    size_t length = strlen(address);
    size_t room = sizeof source->name - strlen(scheme) - 32;

    if (source->kind == &source_stdin)
        snprintf(source->name, sizeof source->name, "-");
    else if (length <= room)
        snprintf(source->name, sizeof source->name, "%s:%s", scheme, address);
    else
        snprintf(source->name, sizeof source->name, "%s:~%08x~%s", scheme,
                 (unsigned)link_crc32((const uint8_t *)address, length), address + length - room);
}

/* ---- what arrives -------------------------------------------------------------------------- */

static void take_frame(void *self, uint8_t *bytes, size_t size, struct link_instant first_byte)
{
    struct source *source = self;
    struct arrival arrival = {source->name, first_byte, source->is_replay};

    sessions_frame(source->setup->sessions, bytes, size, &arrival);
}

static void take_text(void *self, const uint8_t *bytes, size_t size)
{
    struct source *source = self;

    sessions_text(source->setup->sessions, source->name, bytes, size);
}

static void take_damage(void *self, enum link_verdict verdict)
{
    struct source *source = self;

    sessions_damaged(source->setup->sessions, verdict);
}

void source_bytes(struct source *source, const uint8_t *bytes, size_t size)
{
    source->is_quiet = false;
    deframer_push(&source->deframer, bytes, size,
                  source->is_replay ? source->replay_at : source_now());
}

void source_datagram(struct source *source, const char *sender, uint8_t *bytes, size_t size)
{
    struct arrival arrival = {sender, source_now(), false};

    source->is_quiet = false;
    sessions_frame(source->setup->sessions, bytes, size, &arrival);
}

void source_broken(struct source *source)
{
    deframer_end(&source->deframer);
}

void source_ended(struct source *source)
{
    if (source->has_ended)
        return;
    source->has_ended = true;
    if (source->has_stream)
        deframer_end(&source->deframer);
    source->setup->ended(source->setup->self);
}

void source_waits(struct source *source, const char *why)
{
    if (!source->has_said_lost)
        say("waiting for %s: %s", source->name, why);
    source->has_said_lost = true;
}

void source_is_there(struct source *source)
{
    if (source->has_said_lost)
        say("%s is there", source->name);
    source->has_said_lost = false;
}

bool source_tick(struct source *source)
{
    bool was_busy = !source->is_quiet;

    if (source->is_quiet && source->has_stream)
        deframer_idle(&source->deframer);
    source->is_quiet = true;
    return was_busy;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct source *source_new(const struct source_kind *kind, const struct source_setup *setup,
                          const char *address, size_t bytes, bool has_stream,
                          char problem[SOURCE_PROBLEM_BYTES])
{
    struct source *source = calloc(1, bytes);

    if (source == NULL) {
        snprintf(problem, SOURCE_PROBLEM_BYTES, "no memory for another source");
        return NULL;
    }
    source->kind = kind;
    source->setup = setup;
    source->has_stream = has_stream;
    source->is_quiet = true;
    name_source(source, address);
    source->deframer = (struct deframer){
        .self = source, .frame = take_frame, .text = take_text, .damaged = take_damage};
    if (has_stream && !deframer_init(&source->deframer, setup->frame_bytes_max)) {
        snprintf(problem, SOURCE_PROBLEM_BYTES, "no memory for another source");
        free(source);
        return NULL;
    }
    return source;
}

struct source *source_open(const struct source_setup *setup, const char *spec,
                           char problem[SOURCE_PROBLEM_BYTES])
{
    const char *address;
    const struct source_kind *kind = find_kind(spec, &address);

    if (!source_spec_is_possible(spec, problem))
        return NULL;
    return kind->open(setup, address, problem);
}

void source_close(struct source *source)
{
    if (source->has_stream && !source->has_ended)
        deframer_end(&source->deframer);
    source->has_ended = true;
    source->kind->close(source);
}

void source_free(struct source *source)
{
    deframer_free(&source->deframer);
    free(source);
}

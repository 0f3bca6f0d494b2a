/* SPDX-License-Identifier: MIT */
/*
 * Where frames come from. A source is opened from its name on the command line, lives on the loop,
 * and gives what it reads to the sessions. The ones that may come and go (a serial line, a TCP or
 * UNIX socket) wait, come back by themselves, and say so; a capture ends.
 */
#ifndef GW_SOURCE_H
#define GW_SOURCE_H

#include <uv.h>

#include "session.h"

#define SOURCE_PROBLEM_BYTES 512
#define SOURCE_READ_BYTES 65536

struct source;

/* What all sources share. */
struct source_setup {
    uv_loop_t *loop;
    struct sessions *sessions;
    size_t frame_bytes_max;
    bool ends_at_hangup; /* serial, tcp and unix end when the other side closes */
    void *self;
    void (*ended)(void *self); /* a source has nothing more and never will */
};

/* One kind of source; `open` returns NULL and a sentence in `problem`. */
struct source_kind {
    const char *scheme; /* "udp" */
    struct source *(*open)(const struct source_setup *setup, const char *address,
                           char problem[SOURCE_PROBLEM_BYTES]);
    void (*close)(struct source *source); /* begins to close every handle */
};

/* The head of each kind's own struct, which is one allocation. */
struct source {
    const struct source_kind *kind;
    const struct source_setup *setup;
    char name[GW_SOURCE_NAME_BYTES];
    struct deframer deframer; /* of a byte stream */
    bool has_stream;
    bool is_finite; /* it ends by itself */
    bool has_ended;
    bool is_quiet;      /* nothing came since the last source_tick */
    bool has_said_lost; /* that it waits for the other side; once until it is back */
    bool is_replay;
    struct link_instant replay_at; /* the time of arrival of all of a capture */
};

extern const struct source_kind source_serial, source_udp, source_tcp, source_unix, source_file,
    source_stdin;

/* `spec` as on the command line. NULL, and a sentence for the user in `problem`: it cannot be. The
 * setup must outlive the source. */
struct source *source_open(const struct source_setup *setup, const char *spec,
                           char problem[SOURCE_PROBLEM_BYTES]);
/* Whether that sentence is about the name itself, not about the world. */
bool source_spec_is_possible(const char *spec, char problem[SOURCE_PROBLEM_BYTES]);

/* Every 100 ms or so; true when something came since the last time. */
bool source_tick(struct source *source);

/* Reads no more. The memory is freed by source_free, after the loop has run once more. */
void source_close(struct source *source);
void source_free(struct source *source);

/* ---- for the kinds ---- */

/* A zeroed struct of `bytes` with its head filled in. NULL: no memory, said in `problem`. */
struct source *source_new(const struct source_kind *kind, const struct source_setup *setup,
                          const char *address, size_t bytes, bool has_stream,
                          char problem[SOURCE_PROBLEM_BYTES]);
void source_bytes(struct source *source, const uint8_t *bytes, size_t size);
void source_datagram(struct source *source, const char *sender, uint8_t *bytes, size_t size);
/* The stream broke: what was under way is damaged. */
void source_broken(struct source *source);
/* It is over for good. */
void source_ended(struct source *source);
/* Says once that the source is not there and why, until source_is_there. */
void source_waits(struct source *source, const char *why);
void source_is_there(struct source *source);

struct link_instant source_now(void);

/* "otel-gateway: …" and a newline, on stderr. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "host:port", "[v6]:port" or, where the host may be missing, "port". False: neither. */
bool source_split_address(const char *address, bool host_may_be_missing, char host[256],
                          uint16_t *port);

/* The one buffer that everything is read into: one thread, and nothing is kept in it. */
uint8_t *source_read_buffer(void);

#endif

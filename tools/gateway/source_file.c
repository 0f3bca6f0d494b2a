/* SPDX-License-Identifier: MIT */
/*
 * file:path and -: a capture, a named pipe, whatever standard input is. It is read as fast as the
 * outputs take it and ends at its end. A regular file has no times of arrival: its first frame is
 * placed at the time when the file was last written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#define PATIENCE_MS 20 /* between two questions whether the outputs have room again */

struct file_source {
    struct source source;
    int fd;
    bool is_polled; /* bytes come when they come; else they are all there */
    uv_poll_t poll;
    uv_idle_t idle;
    uv_timer_t patience;
};

static void stop_reading(struct file_source *file)
{
    if (file->is_polled)
        uv_poll_stop(&file->poll);
    else
        uv_idle_stop(&file->idle);
}

static void read_some(struct file_source *file);

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status; /* read() will say it again */
    (void)events;
    read_some(poll->data);
}

static void on_idle(uv_idle_t *idle)
{
    read_some(idle->data);
}

static void start_reading(uv_timer_t *timer)
{
    struct file_source *file = timer->data;

    if (file->is_polled)
        uv_poll_start(&file->poll, UV_READABLE | UV_DISCONNECT, on_readable);
    else
        uv_idle_start(&file->idle, on_idle);
}

static void read_some(struct file_source *file)
{
    ssize_t size;

    if (sessions_congested(file->source.setup->sessions)) {
        stop_reading(file);
        uv_timer_start(&file->patience, start_reading, PATIENCE_MS, 0);
        return;
    }
    size = read(file->fd, source_read_buffer(), SOURCE_READ_BYTES);
    if (size > 0) {
        source_bytes(&file->source, source_read_buffer(), (size_t)size);
        return;
    }
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0 && errno != EIO)
        say("%s: %s", file->source.name, strerror(errno));
    stop_reading(file);
    source_ended(&file->source);
}

static void close_file(struct source *source)
{
    struct file_source *file = (struct file_source *)source;

    if (file->is_polled)
        uv_close((uv_handle_t *)&file->poll, NULL);
    else
        uv_close((uv_handle_t *)&file->idle, NULL);
    uv_close((uv_handle_t *)&file->patience, NULL);
    if (file->fd != STDIN_FILENO)
        close(file->fd);
}

static struct source *open_descriptor(const struct source_kind *kind,
                                      const struct source_setup *setup, const char *address, int fd,
                                      char problem[SOURCE_PROBLEM_BYTES])
{
    struct file_source *file =
        (struct file_source *)source_new(kind, setup, address, sizeof *file, true, problem);
    struct stat status;

    if (file == NULL)
        return NULL;
    file->fd = fd;
    file->source.is_finite = true;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        file->source.is_replay = true;
        file->source.replay_at = source_now();
        file->source.replay_at.unix_ns =
            (uint64_t)status.st_mtim.tv_sec * 1000000000U + (uint64_t)status.st_mtim.tv_nsec;
    } else {
        file->is_polled = uv_poll_init(setup->loop, &file->poll, fd) == 0;
        file->poll.data = file;
    }
    if (!file->is_polled)
        uv_idle_init(setup->loop, &file->idle);
    file->idle.data = file;
    uv_timer_init(setup->loop, &file->patience);
    file->patience.data = file;
    start_reading(&file->patience);
    return &file->source;
}

static struct source *open_file(const struct source_setup *setup, const char *address,
                                char problem[SOURCE_PROBLEM_BYTES])
{
    int fd = open(address, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct source *source;
    struct stat status;

    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0) {
        snprintf(problem, SOURCE_PROBLEM_BYTES, "cannot read file:%.200s: %s", address,
                 strerror(errno));
        return NULL;
    }
    source = open_descriptor(&source_file, setup, address, fd, problem);
    if (source == NULL)
        close(fd);
    return source;
}

static struct source *open_stdin(const struct source_setup *setup, const char *address,
                                 char problem[SOURCE_PROBLEM_BYTES])
{
    return open_descriptor(&source_stdin, setup, address, STDIN_FILENO, problem);
}

const struct source_kind source_file = {"file", open_file, close_file};
const struct source_kind source_stdin = {"stdin", open_stdin, close_file};

/* SPDX-License-Identifier: MIT */
/* serial:path[,baud]: any tty or pty. Waits until it is there, and again when it was unplugged. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "source.h"

#define RETRY_MS 300

static const struct {
    unsigned long baud;
    speed_t speed;
} speeds[] = {
    {1200, B1200},       {2400, B2400},       {4800, B4800},       {9600, B9600},
    {19200, B19200},     {38400, B38400},     {57600, B57600},     {115200, B115200},
    {230400, B230400},   {460800, B460800},   {500000, B500000},   {576000, B576000},
    {921600, B921600},   {1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000},
    {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000}, {3500000, B3500000},
    {4000000, B4000000},
};

struct serial_source {
    struct source source;
    char path[256];
    speed_t speed;
    int fd; /* -1: not open */
    uv_poll_t poll;
    uv_timer_t retry;
    bool has_poll; /* `poll` is on the loop */
    bool is_closed;
};

/* Raw, eight bits, no flow control, and the modem lines left alone: closing must reset no board. */
static bool configure(int fd, speed_t speed)
{
    struct termios line;

    if (tcgetattr(fd, &line) != 0)
        return false;
    cfmakeraw(&line);
    line.c_cflag |= CLOCAL | CREAD;
    line.c_cflag &= ~(tcflag_t)(HUPCL | CSTOPB | CRTSCTS);
    cfsetispeed(&line, speed);
    cfsetospeed(&line, speed);
    return tcsetattr(fd, TCSANOW, &line) == 0;
}

static int open_line(const struct serial_source *serial)
{
    int fd = open(serial->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (!configure(fd, serial->speed)) {
        int problem = errno;

        close(fd);
        return -problem;
    }
    ioctl(fd, TIOCEXCL); /* a second reader would take half of the bytes */
    return fd;
}

static void try_to_open(uv_timer_t *timer);

static void wait_for_line(struct serial_source *serial, const char *why)
{
    source_waits(&serial->source, why);
    if (!serial->is_closed)
        uv_timer_start(&serial->retry, try_to_open, RETRY_MS, 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct serial_source *serial = handle->data;

    ioctl(serial->fd, TIOCNXCL);
    close(serial->fd);
    serial->fd = -1;
    serial->has_poll = false;
    if (!serial->is_closed && !serial->source.has_ended)
        uv_timer_start(&serial->retry, try_to_open, RETRY_MS, 0);
}

static void lose_line(struct serial_source *serial, const char *why)
{
    if (serial->source.setup->ends_at_hangup) {
        source_ended(&serial->source);
    } else {
        source_broken(&serial->source);
        source_waits(&serial->source, why);
    }
    uv_close((uv_handle_t *)&serial->poll, on_poll_closed);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct serial_source *serial = poll->data;
    ssize_t size;

    (void)events;
    if (status < 0) {
        lose_line(serial, uv_strerror(status));
        return;
    }
    size = read(serial->fd, source_read_buffer(), SOURCE_READ_BYTES);
    if (size > 0)
        source_bytes(&serial->source, source_read_buffer(), (size_t)size);
    else if (size == 0)
        lose_line(serial, "it was closed");
    else if (errno != EAGAIN && errno != EINTR)
        lose_line(serial, errno == EIO ? "it was unplugged or closed" : strerror(errno));
}

static void try_to_open(uv_timer_t *timer)
{
    struct serial_source *serial = timer->data;
    int fd = open_line(serial);

    if (fd < 0) {
        wait_for_line(serial, fd == -ENOTTY ? "it is not a serial line" : strerror(-fd));
        return;
    }
    if (uv_poll_init(serial->source.setup->loop, &serial->poll, fd) != 0) {
        close(fd);
        wait_for_line(serial, "it cannot be waited on");
        return;
    }
    serial->fd = fd;
    serial->has_poll = true;
    serial->poll.data = serial;
    uv_poll_start(&serial->poll, UV_READABLE | UV_DISCONNECT, on_readable);
    source_is_there(&serial->source);
}

static void close_serial(struct source *source)
{
    struct serial_source *serial = (struct serial_source *)source;

    serial->is_closed = true;
    uv_close((uv_handle_t *)&serial->retry, NULL);
    if (serial->has_poll && !uv_is_closing((uv_handle_t *)&serial->poll))
        uv_close((uv_handle_t *)&serial->poll, on_poll_closed);
}

static bool find_speed(const char *digits, speed_t *speed)
{
    char *end;
    unsigned long baud = strtoul(digits, &end, 10);

    if (*digits < '0' || *digits > '9' || *end != 0)
        return false;
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speeds[i].baud == baud) {
            *speed = speeds[i].speed;
            return true;
        }
    }
    return false;
}

static struct source *open_serial(const struct source_setup *setup, const char *address,
                                  char problem[SOURCE_PROBLEM_BYTES])
{
    const char *comma = strrchr(address, ',');
    size_t path_bytes = comma == NULL ? strlen(address) : (size_t)(comma - address);
    speed_t speed = B115200; /* what most boards come with */
    struct serial_source *serial;

    if (comma != NULL && !find_speed(comma + 1, &speed)) {
        snprintf(problem, SOURCE_PROBLEM_BYTES,
                 "serial:%.200s: after the comma stands a speed such as 9600, 115200, 921600 or "
                 "4000000",
                 address);
        return NULL;
    }
    if (path_bytes == 0 || path_bytes >= sizeof serial->path) {
        snprintf(problem, SOURCE_PROBLEM_BYTES, "serial:%.200s: that is no path of a line",
                 address);
        return NULL;
    }
    serial = (struct serial_source *)source_new(&source_serial, setup, address, sizeof *serial,
                                                true, problem);
    if (serial == NULL)
        return NULL;
    memcpy(serial->path, address, path_bytes);
    serial->speed = speed;
    serial->fd = -1;
    serial->retry.data = serial;
    uv_timer_init(setup->loop, &serial->retry);
    try_to_open(&serial->retry);
    return &serial->source;
}

const struct source_kind source_serial = {"serial", open_serial, close_serial};

/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

struct http_client {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *header_lines;
    http_answered *answered;
    void *self;
    bool is_posting;

    struct buffer body;
    size_t body_bytes_read;
    size_t header_bytes_read;
    char problem[CURL_ERROR_SIZE];
};

struct watched_socket {
    uv_poll_t poll;
    curl_socket_t socket;
    struct http_client *client;
};

/* ---- what comes back ----------------------------------------------------------------------- */

static size_t take_header(char *bytes, size_t one, size_t size, void *self)
{
    struct http_client *client = self;

    (void)bytes;
    (void)one;
    client->header_bytes_read += size;
    return client->header_bytes_read <= HTTP_HEADER_READ_BYTES ? size : 0;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *self)
{
    struct http_client *client = self;
    size_t room = HTTP_BODY_KEPT_BYTES - client->body.size;

    (void)one;
    buffer_append(&client->body, bytes, size < room ? size : room);
    client->body_bytes_read += size;
    return client->body_bytes_read <= HTTP_BODY_READ_BYTES ? size : 0;
}

static void finish_post(struct http_client *client, CURLcode result)
{
    struct http_answer answer = {.body = client->body.data,
                                 .body_bytes = client->body.size,
                                 .body_is_whole = result == CURLE_OK && !client->body.failed &&
                                                  client->body_bytes_read == client->body.size};
    char *content_type = NULL;
    curl_off_t retry_after_s = 0;

    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_getinfo(client->easy, CURLINFO_CONTENT_TYPE, &content_type);
    curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    answer.content_type = content_type;
    answer.retry_after_s = retry_after_s > 0 && retry_after_s < INT32_MAX ? (long)retry_after_s : 0;
    if (result != CURLE_OK)
        answer.problem = client->problem[0] ? client->problem : curl_easy_strerror(result);
    curl_multi_remove_handle(client->multi, client->easy);
    client->is_posting = false;
    client->answered(client->self, &answer);
}

static void read_messages(struct http_client *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE)
            finish_post(client, message->data.result);
    }
}

/* ---- libcurl on libuv ---------------------------------------------------------------------- */

static void act_on(struct http_client *client, curl_socket_t socket, int what)
{
    int running;

    curl_multi_socket_action(client->multi, socket, what, &running);
    read_messages(client);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watched_socket *watched = poll->data;
    int what = 0;

    if (status < 0)
        what = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act_on(watched->client, watched->socket, what);
}

static void on_timer(uv_timer_t *timer)
{
    act_on(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void free_watched(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watched_socket *watch(struct http_client *client, curl_socket_t socket)
{
    struct watched_socket *watched = calloc(1, sizeof *watched);

    if (watched == NULL)
        return NULL;
    watched->socket = socket;
    watched->client = client;
    if (uv_poll_init_socket(client->loop, &watched->poll, socket) != 0) {
        free(watched);
        return NULL;
    }
    watched->poll.data = watched;
    curl_multi_assign(client->multi, socket, watched);
    return watched;
}

static int want_socket(CURL *easy, curl_socket_t socket, int what, void *self, void *assigned)
{
    struct watched_socket *watched = assigned;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched != NULL) {
            uv_poll_stop(&watched->poll);
            uv_close((uv_handle_t *)&watched->poll, free_watched);
            curl_multi_assign(watched->client->multi, socket, NULL);
        }
        return 0;
    }
    if (watched == NULL)
        watched = watch(self, socket);
    if (watched == NULL)
        return -1;
    if (what != CURL_POLL_OUT)
        events |= UV_READABLE;
    if (what != CURL_POLL_IN)
        events |= UV_WRITABLE;
    return uv_poll_start(&watched->poll, events, on_socket) == 0 ? 0 : -1;
}

static int want_timer(CURLM *multi, long timeout_ms, void *self)
{
    struct http_client *client = self;

    (void)multi;
    if (timeout_ms < 0) {
        uv_timer_stop(&client->timer);
    } else {
        uv_update_time(client->loop); /* libcurl does not ask again for a timer that fired early */
        uv_timer_start(&client->timer, on_timer, (uint64_t)timeout_ms, 0);
    }
    return 0;
}

/* ---- the client ---------------------------------------------------------------------------- */

static bool set_multi(struct http_client *client)
{
    CURLM *multi = client->multi;

    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK;
}

static bool add_header_line(struct http_client *client, const char *line)
{
    struct curl_slist *lines = curl_slist_append(client->header_lines, line);

    if (lines == NULL)
        return false;
    client->header_lines = lines;
    return true;
}

static bool set_header_lines(struct http_client *client, const struct http_settings *settings)
{
    /* Without this libcurl waits up to a second for "100 Continue" before a body over 1 MiB. */
    if (!add_header_line(client, "Expect:"))
        return false;
    for (size_t i = 0; i < settings->header_line_count; i++) {
        if (!add_header_line(client, settings->header_lines[i]))
            return false;
    }
    return curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, client->header_lines) == CURLE_OK;
}

static bool set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) ==
           CURLE_OK;
#endif
}

/* This machine is never reached through a proxy, whatever no_proxy says besides. */
static bool set_proxy_exceptions(CURL *easy)
{
    const char *no_proxy = getenv("no_proxy");
    struct buffer exceptions = {0};
    bool good;

    if (no_proxy == NULL)
        no_proxy = getenv("NO_PROXY");
    if (no_proxy == NULL || strcmp(no_proxy, "*") != 0) /* which libcurl knows alone only */
        buffer_append_text(&exceptions, "localhost,127.0.0.1,::1,");
    buffer_append_text(&exceptions, no_proxy != NULL ? no_proxy : "");
    buffer_append(&exceptions, "", 1);
    good = !exceptions.failed &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, (const char *)exceptions.data) == CURLE_OK;
    buffer_free(&exceptions);
    return good;
}

static bool set_easy(struct http_client *client, const struct http_settings *settings)
{
    CURL *easy = client->easy;
    long timeout_ms = settings->timeout_ms < INT32_MAX ? (long)settings->timeout_ms : INT32_MAX;

#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server that hangs may not hold us */
#endif
    return curl_easy_setopt(easy, CURLOPT_URL, settings->url) == CURLE_OK && set_protocols(easy) &&
           set_proxy_exceptions(easy) && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, settings->user_agent) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, client) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, client) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->problem) == CURLE_OK &&
           set_header_lines(client, settings);
}

static void free_client(struct http_client *client)
{
    curl_slist_free_all(client->header_lines);
    buffer_free(&client->body);
    free(client);
    curl_global_cleanup();
}

struct http_client *http_open(uv_loop_t *loop, const struct http_settings *settings,
                              http_answered *answered, void *self)
{
    struct http_client *client = calloc(1, sizeof *client);

    if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return NULL;
    }
    client->loop = loop;
    client->answered = answered;
    client->self = self;
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    if (client->multi == NULL || client->easy == NULL || !set_multi(client) ||
        !set_easy(client, settings)) {
        curl_easy_cleanup(client->easy);
        curl_multi_cleanup(client->multi);
        free_client(client);
        return NULL;
    }
    uv_timer_init(loop, &client->timer);
    client->timer.data = client;
    return client;
}

bool http_post(struct http_client *client, const void *body, size_t size)
{
    CURL *easy = client->easy;

    buffer_clear(&client->body);
    client->body_bytes_read = 0;
    client->header_bytes_read = 0;
    client->problem[0] = '\0';
    if (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
        curl_multi_add_handle(client->multi, easy) != CURLM_OK)
        return false;
    client->is_posting = true;
    return true;
}

void http_close(struct http_client *client)
{
    if (client->is_posting)
        curl_multi_remove_handle(client->multi, client->easy);
    curl_easy_cleanup(client->easy);
    curl_multi_cleanup(client->multi);
    uv_timer_stop(&client->timer);
    uv_close((uv_handle_t *)&client->timer, NULL);
}

void http_free(struct http_client *client)
{
    free_client(client);
}

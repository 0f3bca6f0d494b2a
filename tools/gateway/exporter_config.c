/* SPDX-License-Identifier: MIT */
#include "exporter.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_DEFAULT_MS 10000u
#define TIMEOUT_MAX_MS 86400000u
#define HEADERS_MAX 64u
#define TRACES_PATH "v1/traces"

/* A variable that is set to something. */
struct variable {
    const char *name;
    const char *value; /* NULL: not set */
};

static bool __attribute__((format(printf, 2, 3)))
refuse(char problem[EXPORTER_PROBLEM_BYTES], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem, EXPORTER_PROBLEM_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static const char out_of_memory[] = "There is not enough memory for the configuration.";

static struct variable read_variable(const char *name)
{
    const char *value = getenv(name);

    return (struct variable){name, value != NULL && value[0] != '\0' ? value : NULL};
}

/* The signal's own variable, else the general one. */
static struct variable read_either(const char *traces_name, const char *general_name)
{
    struct variable variable = read_variable(traces_name);

    return variable.value != NULL ? variable : read_variable(general_name);
}

/* ---- the URL ------------------------------------------------------------------------------- */

/* The path of a base URL with the signal's path behind it. */
static char *append_traces_path(const char *path)
{
    size_t length = strlen(path);
    size_t bytes = length + sizeof "/" TRACES_PATH;
    char *whole = malloc(bytes);

    if (whole != NULL)
        snprintf(whole, bytes, "%s%s%s", path, length > 0 && path[length - 1] == '/' ? "" : "/",
                 TRACES_PATH);
    return whole;
}

static CURLUcode extend_path(CURLU *url)
{
    char *path = NULL;
    char *whole = NULL;
    CURLUcode result = curl_url_get(url, CURLUPART_PATH, &path, 0);

    if (result == CURLUE_OK) {
        whole = append_traces_path(path);
        result = whole != NULL ? curl_url_set(url, CURLUPART_PATH, whole, 0) : CURLUE_OUT_OF_MEMORY;
    }
    curl_free(path);
    free(whole);
    return result;
}

static bool has_http_scheme(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* `is_base`: /v1/traces is to be appended; else the URL is used as it is. */
static bool take_url(struct exporter_config *config, struct variable variable, bool is_base,
                     char problem[EXPORTER_PROBLEM_BYTES])
{
    CURLU *url;
    CURLUcode result;
    char *whole = NULL;

    if (!has_http_scheme(variable.value))
        return refuse(problem,
                      "%s=%s is not a URL that starts with http:// or https://; "
                      "for a collector on this machine say %s=http://127.0.0.1:4318%s",
                      variable.name, variable.value, variable.name, is_base ? "" : "/v1/traces");
    url = curl_url();
    if (url == NULL)
        return refuse(problem, "%s", out_of_memory);
    result = curl_url_set(url, CURLUPART_URL, variable.value, 0);
    if (result == CURLUE_OK && is_base)
        result = extend_path(url);
    if (result == CURLUE_OK)
        result = curl_url_get(url, CURLUPART_URL, &whole, 0);
    curl_url_cleanup(url);
    if (result != CURLUE_OK)
        return refuse(problem, "%s=%s is not a URL: %s", variable.name, variable.value,
                      curl_url_strerror(result));
    config->traces_url = strdup(whole);
    curl_free(whole);
    return config->traces_url != NULL || refuse(problem, "%s", out_of_memory);
}

/* ---- headers: key=value,key=value, percent-encoded ----------------------------------------- */

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

/* A copy of [start, end) without blanks around it, percent-decoded. NULL: a % without two hex
 * digits behind it, a zero byte, or no memory. */
static char *decode(const char *start, const char *end)
{
    char *text = malloc((size_t)(end - start) + 1);
    size_t length = 0;

    if (text == NULL)
        return NULL;
    while (start < end && is_blank(*start))
        start++;
    while (end > start && is_blank(end[-1]))
        end--;
    while (start < end) {
        char character = *start++;

        if (character == '%') {
            int high = end - start >= 2 ? hex_digit(start[0]) : -1;
            int low = high >= 0 ? hex_digit(start[1]) : -1;

            if (low < 0 || (high == 0 && low == 0)) {
                free(text);
                return NULL;
            }
            character = (char)(high << 4 | low);
            start += 2;
        }
        text[length++] = character;
    }
    text[length] = '\0';
    return text;
}

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (const char *at = text; *at != '\0'; at++) {
        bool is_alphanumeric =
            (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z');

        if (!is_alphanumeric && strchr(others, *at) == NULL)
            return false;
    }
    return text[0] != '\0';
}

/* Nothing that would end the line or hide in it. */
static bool is_header_value(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7F)
            return false;
    }
    return true;
}

static bool is_set_by_exporter(const char *name)
{
    static const char *const names[] = {"content-type",      "content-length", "content-encoding",
                                        "transfer-encoding", "connection",     "expect"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static const char *take_header(struct exporter_config *config, const char *start, const char *end)
{
    const char *equals = memchr(start, '=', (size_t)(end - start));
    struct exporter_header *header = &config->headers[config->header_count];

    if (equals == NULL)
        return "has a part without '='";
    if (config->header_count == HEADERS_MAX)
        return "has more than 64 parts";
    config->header_count++;
    header->name = decode(start, equals);
    header->value = decode(equals + 1, end);
    if (header->name == NULL || header->value == NULL)
        return "has a '%' that two hexadecimal digits (not 00) do not follow";
    if (!is_token(header->name))
        return "has a part whose name cannot be the name of an HTTP header";
    if (!is_header_value(header->value))
        return "has a value with a control character in it";
    if (is_set_by_exporter(header->name))
        return "sets a header that belongs to the exporter";
    return NULL;
}

static bool take_headers(struct exporter_config *config, struct variable variable,
                         char problem[EXPORTER_PROBLEM_BYTES])
{
    const char *start = variable.value;

    config->headers = calloc(HEADERS_MAX, sizeof *config->headers);
    if (config->headers == NULL)
        return refuse(problem, "%s", out_of_memory);
    while (*start != '\0') {
        const char *end = strchr(start, ',');
        const char *refused;

        if (end == NULL)
            end = start + strlen(start);
        refused =
            strspn(start, " \t,") < (size_t)(end - start) ? take_header(config, start, end) : NULL;
        if (refused != NULL) /* without its text: it may hold a secret */
            return refuse(problem,
                          "%s %s; it is a list like api-key=secret,other=percent%%20encoded",
                          variable.name, refused);
        start = *end == ',' ? end + 1 : end;
    }
    return true;
}

/* ---- the rest ------------------------------------------------------------------------------ */

static bool take_timeout(struct exporter_config *config, struct variable variable,
                         char problem[EXPORTER_PROBLEM_BYTES])
{
    unsigned long long timeout_ms;
    char *end;

    errno = 0;
    timeout_ms = strtoull(variable.value, &end, 10);
    if (errno != 0 || *end != '\0' || variable.value[0] < '0' || variable.value[0] > '9' ||
        timeout_ms > TIMEOUT_MAX_MS)
        return refuse(problem,
                      "%s=%s is not a number of milliseconds from 0 (no limit) to %u; "
                      "for ten seconds say %s=10000",
                      variable.name, variable.value, TIMEOUT_MAX_MS, variable.name);
    config->timeout_ms = (uint32_t)timeout_ms;
    return true;
}

static bool check_protocol(struct variable variable, char problem[EXPORTER_PROBLEM_BYTES])
{
    if (strcmp(variable.value, "http/protobuf") == 0)
        return true;
    return refuse(problem,
                  "%s=%s is not spoken here; say %s=http/protobuf or unset it, and point "
                  "the endpoint to the collector's OTLP/HTTP port (usually 4318)",
                  variable.name, variable.value, variable.name);
}

bool exporter_config_from_environment(struct exporter_config *config,
                                      char problem[EXPORTER_PROBLEM_BYTES])
{
    struct variable traces_endpoint = read_variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    struct variable endpoint = read_variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    struct variable headers =
        read_either("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
    struct variable timeout =
        read_either("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
    struct variable protocol =
        read_either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");

    problem[0] = '\0';
    *config = (struct exporter_config){.timeout_ms = TIMEOUT_DEFAULT_MS};
    if (traces_endpoint.value == NULL && endpoint.value == NULL)
        return true;
    if (traces_endpoint.value != NULL) {
        if (!take_url(config, traces_endpoint, false, problem))
            return false;
    } else if (!take_url(config, endpoint, true, problem)) {
        return false;
    }
    return (headers.value == NULL || take_headers(config, headers, problem)) &&
           (timeout.value == NULL || take_timeout(config, timeout, problem)) &&
           (protocol.value == NULL || check_protocol(protocol, problem));
}

void exporter_config_free(struct exporter_config *config)
{
    for (size_t i = 0; i < config->header_count; i++) {
        free(config->headers[i].name);
        free(config->headers[i].value);
    }
    free(config->headers);
    free(config->traces_url);
    *config = (struct exporter_config){0};
}

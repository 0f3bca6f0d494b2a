/* SPDX-License-Identifier: MIT */
/* >>writer: the OTLP bytes of one span, read back by nanopb's generated decoder. */

enum {
    VALUE_STRING = opentelemetry_proto_common_v1_AnyValue_string_value_tag,
    VALUE_BOOL = opentelemetry_proto_common_v1_AnyValue_bool_value_tag,
    VALUE_INT = opentelemetry_proto_common_v1_AnyValue_int_value_tag,
    VALUE_DOUBLE = opentelemetry_proto_common_v1_AnyValue_double_value_tag
};

enum { FLAG_HAS_IS_REMOTE = 0x100, FLAG_IS_REMOTE = 0x200 };

static const opentelemetry_proto_common_v1_AnyValue *value_of(const otlp_span *span,
                                                              const char *key, unsigned type)
{
    const otlp_attribute *const attribute =
        otlp_find(span->attributes, span->attributes_count, key);

    if (attribute == NULL || attribute->value == NULL || attribute->value->which_value != type) {
        return NULL;
    }
    return attribute->value;
}

/* As the compiler of an application sees it: a pointer that only turns out to be NULL. */
static const char *volatile null_text;

static void root_span_has_every_fixed_field(void)
{
    const otlp_span *got;
    otel_context context;
    otel_span span;

    start();
    port.ticks = 5000000;
    span = otel_span_start("root");
    context = otel_span_context(span);
    port.ticks = 7000000;
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK(bytes_are(got->trace_id, context.trace_id, 16));
    CHECK(bytes_are(got->span_id, context.span_id, 8));
    CHECK(got->parent_span_id == NULL);
    CHECK(got->trace_state == NULL);
    CHECK_TEXT(got->name, "root");
    CHECK_EQUAL(got->kind, OTEL_SPAN_KIND_INTERNAL);
    CHECK(got->start_time_unix_nano >= 5000000000u && got->start_time_unix_nano < 5000100000u);
    CHECK(got->end_time_unix_nano >= 7000000000u && got->end_time_unix_nano < 7000100000u);
    CHECK_EQUAL(got->flags & 0xFFu, context.trace_flags);
    CHECK((context.trace_flags & OTEL_TRACE_FLAG_SAMPLED) != 0);
    CHECK_EQUAL(got->flags & FLAG_IS_REMOTE, 0);
    CHECK_EQUAL(got->attributes_count, 0);
    CHECK_EQUAL(got->events_count, 0);
    CHECK_EQUAL(got->dropped_attributes_count, 0);
    CHECK_EQUAL(got->dropped_events_count, 0);
    CHECK(got->status == NULL ||
          ((int)got->status->code == OTEL_SPAN_STATUS_UNSET && got->status->message == NULL));
}

static void every_kind_keeps_its_number(void)
{
    start();
    for (int kind = OTEL_SPAN_KIND_DEFAULT; kind <= OTEL_SPAN_KIND_CONSUMER; kind++) {
        otel_span_options options = {0};
        const otlp_span *got;

        options.kind = (otel_span_kind)kind;
        got = end_and_receive(otel_span_start_with("kind", &options));
        REQUIRE(got != NULL);
        CHECK_EQUAL(got->kind, kind == 0 ? OTEL_SPAN_KIND_INTERNAL : kind);
    }
}

static void given_times_are_kept(void)
{
    otel_span_options options = {0};
    const otlp_span *got;
    otel_span span;

    start();
    options.start_time_ns = 0x0123456789ABCDEFu;
    span = otel_span_start_with("times", &options);
    forget_received();
    otel_span_end_at(span, 0x0123456789ABCDF0u);
    send_all();
    got = received_span(0);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->start_time_unix_nano, 0x0123456789ABCDEFu);
    CHECK_EQUAL(got->end_time_unix_nano, 0x0123456789ABCDF0u);
}

static void an_end_before_the_start_becomes_the_start(void)
{
    otel_span_options options = {0};
    const otlp_span *got;
    otel_span span;

    start();
    options.start_time_ns = 1000;
    span = otel_span_start_with("times", &options);
    otel_span_end_at(span, 999);
    send_all();
    got = received_span(0);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->start_time_unix_nano, 1000);
    CHECK_EQUAL(got->end_time_unix_nano, 1000);
}

static void integers_keep_every_bit(void)
{
    static const int64_t values[] = {0,         1,        -1,        127,       128,
                                     16383,     16384,    INT32_MAX, INT32_MIN, (int64_t)1 << 62,
                                     INT64_MAX, INT64_MIN};

    start();
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        const opentelemetry_proto_common_v1_AnyValue *value;
        const otel_span span = otel_span_start("i");
        const otlp_span *got;

        otel_span_set_i64(span, "n", values[i]);
        got = end_and_receive(span);
        REQUIRE(got != NULL);
        value = value_of(got, "n", VALUE_INT);
        REQUIRE(value != NULL);
        CHECK_SIGNED(value->value.int_value, values[i]);
    }
}

static void doubles_keep_every_bit(void)
{
    static const uint64_t patterns[] = {0,
                                        0x8000000000000000u, /* -0 */
                                        0x3FF8000000000000u, /* 1.5 */
                                        0x7FF0000000000000u, /* infinity */
                                        0xFFF0000000000000u,
                                        0x7FF8000000000001u,  /* a quiet NaN */
                                        0x0000000000000001u,  /* the smallest */
                                        0x7FEFFFFFFFFFFFFFu}; /* the largest */

    start();
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        const opentelemetry_proto_common_v1_AnyValue *value;
        const otel_span span = otel_span_start("d");
        const otlp_span *got;
        double number;

        memcpy(&number, &patterns[i], sizeof number);
        otel_span_set_f64(span, "d", number);
        got = end_and_receive(span);
        REQUIRE(got != NULL);
        value = value_of(got, "d", VALUE_DOUBLE);
        REQUIRE(value != NULL);
        CHECK_BYTES(&value->value.double_value, 8, &patterns[i], 8);
    }
}

static void booleans_and_strings(void)
{
    const opentelemetry_proto_common_v1_AnyValue *value;
    static const struct {
        const char *given;
        const char *expected;
    } strings[] = {{"", ""}, {"a", "a"}, {"Grüße", "Grüße"}, {NULL, ""}};

    start();
    for (int flag = 0; flag <= 1; flag++) {
        const otel_span span = otel_span_start("b");
        const otlp_span *got;
        otel_span_set_bool(span, "b", flag != 0);
        got = end_and_receive(span);
        REQUIRE(got != NULL);
        value = value_of(got, "b", VALUE_BOOL);
        REQUIRE(value != NULL);
        CHECK_EQUAL(value->value.bool_value, flag);
    }
    for (size_t i = 0; i < COUNT_OF(strings); i++) {
        const otel_span span = otel_span_start("s");
        const otlp_span *got;
        otel_span_set_str(span, "s", strings[i].given);
        got = end_and_receive(span);
        REQUIRE(got != NULL);
        CHECK_TEXT(string_value(got, "s"), strings[i].expected);
    }
}

static void a_string_with_a_length_needs_no_end(void)
{
    const char text[] = {'a', 'b', 'c', 'd'};
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("n");
    otel_span_set_strn(span, "k", text, 3);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_TEXT(string_value(got, "k"), "abc");
}

static void attributes_by_value_are_the_same_as_setters(void)
{
    const otel_attribute attributes[] = {otel_str("k", "text"), otel_strn("k", "texture", 4),
                                         OTEL_ATTRIBUTE_STR("k", "text")};
    const otlp_span *got;
    otel_attribute one;
    otel_span span;

    start();
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        span = otel_span_start("v");
        otel_span_set(span, &attributes[i]);
        got = end_and_receive(span);
        REQUIRE(got != NULL);
        CHECK_TEXT(string_value(got, "k"), "text");
    }
    span = otel_span_start("v");
    one = otel_i64("k", -5);
    otel_span_set(span, &one);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_SIGNED(int_value(got, "k"), -5);
    span = otel_span_start("v");
    one = otel_bool("k", true);
    otel_span_set(span, &one);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK(value_of(got, "k", VALUE_BOOL) != NULL);
    span = otel_span_start("v");
    one = otel_f64("k", 0.5);
    otel_span_set(span, &one);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK(value_of(got, "k", VALUE_DOUBLE) != NULL);
}

static void the_last_write_of_a_key_wins(void)
{
    const otlp_span *got;
    otel_span span;

    SKIP_UNLESS(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT >= 3);
    start();
    span = otel_span_start("last");
    otel_span_set_str(span, "before", "b");
    otel_span_set_str(span, "k", "first");
    otel_span_set_str(span, "after", "a");
    otel_span_set_str(span, "k", "longer than first");
    otel_span_set_str(span, "k", "s");
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count, 3);
    CHECK_TEXT(string_value(got, "k"), "s");
    CHECK_TEXT(string_value(got, "before"), "b");
    CHECK_TEXT(string_value(got, "after"), "a");
    CHECK_EQUAL(got->dropped_attributes_count, 0);
}

static void an_overwrite_may_change_the_type(void)
{
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("type");
    otel_span_set_str(span, "k", "text");
    otel_span_set_i64(span, "k", 300);
    otel_span_set_bool(span, "k", false);
    otel_span_set_f64(span, "k", 2.5);
    otel_span_set_i64(span, "k", -7);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count, 1);
    CHECK_SIGNED(int_value(got, "k"), -7);
}

static void a_key_that_begins_another_is_another(void)
{
    const otlp_span *got;
    otel_span span;

    SKIP_UNLESS(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT >= 4);
    start();
    span = otel_span_start("keys");
    otel_span_set_i64(span, "key", 1);
    otel_span_set_i64(span, "ke", 2);
    otel_span_set_i64(span, "key2", 3);
    otel_span_set_i64(span, "Key", 4);
    otel_span_set_i64(span, "ke", 5);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count, 4);
    CHECK_SIGNED(int_value(got, "key"), 1);
    CHECK_SIGNED(int_value(got, "ke"), 5);
    CHECK_SIGNED(int_value(got, "key2"), 3);
    CHECK_SIGNED(int_value(got, "Key"), 4);
}

/* The guard makes both keys the same text, so they are the same key. */
static void keys_are_compared_as_they_arrive(void)
{
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("keys");
    otel_span_set_i64(span, "k\xE9", 1);
    otel_span_set_i64(span, "k\xE8", 2);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count, 1);
    CHECK_SIGNED(int_value(got, "k?"), 2);
}

static void an_attribute_without_a_key_is_dropped_and_counted(void)
{
    const otlp_span *got;
    otel_attribute nameless = otel_i64("x", 1);
    otel_span span;

    start();
    span = otel_span_start("keyless");
    nameless.key = NULL;
    nameless.key_length = 0;
    otel_span_set_i64(span, "", 1);
    otel_span_set_i64(span, null_text, 1);
    otel_span_set_str(span, null_text, "v");
    otel_span_set(span, &nameless);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count, 0);
    CHECK(stats_now().attributes_dropped + stats_now().calls_invalid_argument >= 4);
}

static char key_name[8];

static const char *numbered_key(unsigned number)
{
    key_name[0] = 'k';
    key_name[1] = (char)('0' + (int)(number / 100u % 10u));
    key_name[2] = (char)('0' + (int)(number / 10u % 10u));
    key_name[3] = (char)('0' + (int)(number % 10u));
    key_name[4] = '\0';
    return key_name;
}

static void attributes_over_the_count_limit_are_dropped_and_counted(void)
{
    enum { OVER = 3 };
    const unsigned limit = OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT;
    const otlp_span *got;
    otel_span span;

    SKIP_UNLESS(OTEL_SPAN_BYTES >= 128 + 14 * OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT);
    start();
    span = otel_span_start("count");
    for (unsigned i = 0; i < limit + OVER; i++) {
        otel_span_set_bool(span, numbered_key(i), true);
    }
    otel_span_set_bool(span, numbered_key(0), false); /* an overwrite is not one more */
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count, limit);
    CHECK_EQUAL(got->dropped_attributes_count, OVER);
    CHECK_EQUAL(stats_now().attributes_dropped, OVER);
    REQUIRE(value_of(got, "k000", VALUE_BOOL) != NULL);
    CHECK_EQUAL(value_of(got, "k000", VALUE_BOOL)->value.bool_value, 0);
}

static void attributes_without_room_are_dropped_and_counted(void)
{
    const otlp_span *got;
    unsigned given = 0;
    otel_span span;

    start();
    span = otel_span_start("room");
    while (stats_now().attributes_dropped < 2 && given < 1000) {
        otel_span_set_str(span, numbered_key(given++), "sixteen bytes...");
    }
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count + got->dropped_attributes_count, given);
    CHECK_EQUAL(got->dropped_attributes_count, 2);
    CHECK_TEXT(got->name, "room");
}

static char long_text[OTEL_SPAN_BYTES + 400];

static const char *text_of(char letter, size_t length)
{
    memset(long_text, letter, length);
    long_text[length] = '\0';
    return long_text;
}

/* Around every length at which a varint of the encoding grows. */
static void values_of_every_length_arrive(void)
{
    static const uint16_t middles[] = {16, 32, 64, 96, 127, 240, 512, 4096, 8192, 16000};

    start();
    for (size_t i = 0; i < COUNT_OF(middles); i++) {
        for (size_t length = middles[i] - 16u;
             length < middles[i] + 16u && length < sizeof long_text; length++) {
            const otlp_span *got;
            const otel_span span = otel_span_start("l");
            size_t expected = length;

            if (expected > OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT) {
                expected = OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT;
            }
            otel_span_set_str(span, "k", text_of('v', length));
            otel_span_set_i64(span, "k2", 5);
            got = end_and_receive(span);
            REQUIRE(got != NULL);
            if (expected + 100u < OTEL_SPAN_BYTES) {
                CHECK_BYTES(string_value(got, "k"), strlen(string_value(got, "k")), long_text,
                            expected);
            } else {
                CHECK_EQUAL(got->attributes_count + got->dropped_attributes_count, 2);
            }
        }
    }
}

static void a_value_over_its_limit_is_cut_and_counted(void)
{
    const size_t limit = OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT;
    const otlp_span *got;
    otel_span span;

    SKIP_UNLESS(OTEL_SPAN_BYTES >= OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT + 110);
    start();
    span = otel_span_start("c");
    otel_span_set_str(span, "k", text_of('v', limit));
    CHECK_EQUAL(stats_now().attributes_truncated, 0);
    otel_span_set_str(span, "k", text_of('v', limit + 1));
    CHECK_EQUAL(stats_now().attributes_truncated, 1);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_BYTES(string_value(got, "k"), strlen(string_value(got, "k")), long_text, limit);
    CHECK_EQUAL(got->dropped_attributes_count, 0);
}

static void a_cut_falls_on_a_character_boundary(void)
{
    static const char *const characters[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    const size_t limit = OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT;

    SKIP_UNLESS(OTEL_SPAN_BYTES >= OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT + 110);
    start();
    for (size_t c = 0; c < COUNT_OF(characters); c++) {
        const size_t width = strlen(characters[c]);
        for (size_t fits = 0; fits <= width; fits++) {
            const otel_span span = otel_span_start("c");
            const size_t before = limit - fits;
            const otlp_span *got;

            (void)text_of('v', before);
            memcpy(&long_text[before], characters[c], width + 1);
            otel_span_set_str(span, "k", long_text);
            got = end_and_receive(span);
            REQUIRE(got != NULL);
            CHECK_BYTES(string_value(got, "k"), strlen(string_value(got, "k")), long_text,
                        before + (fits == width ? width : 0));
        }
    }
}

static void a_megabyte_of_string_is_cut(void)
{
#ifdef TEST_ON_BOARD
    check_skip("needs a megabyte");
#else
    static char megabyte[1024 * 1024 + 1];
    const otlp_span *got;
    otel_attribute attribute;
    otel_span span;

    memset(megabyte, 'm', sizeof megabyte - 1);
    start();
    span = otel_span_start(megabyte);
    otel_span_set_str(span, megabyte, "v");
    otel_span_set_str(span, "k", megabyte);
    otel_span_set_strn(span, "k", megabyte, sizeof megabyte - 1);
    attribute = otel_str(megabyte, megabyte);
    otel_span_event_with(span, megabyte, &attribute, 1);
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, megabyte);
    otel_span_set_name(span, megabyte);
    otel_span_set_name(span, "short");
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_TEXT(got->name, "short");
    REQUIRE(got->status != NULL);
    CHECK_EQUAL(got->status->code, OTEL_SPAN_STATUS_ERROR);
    CHECK(stats_now().attributes_dropped >= 1);
#endif
}

static void a_name_that_does_not_fit_is_cut(void)
{
    const otlp_span *got;

    start();
    got = end_and_receive(otel_span_start(text_of('n', OTEL_SPAN_BYTES + 10u)));
    REQUIRE(got != NULL);
    CHECK(got->name != NULL && strlen(got->name) < OTEL_SPAN_BYTES);
    CHECK(got->name != NULL && strspn(got->name, "n") == strlen(got->name));
}

static void a_missing_name_is_empty(void)
{
    const otlp_span *got;

    start();
    got = end_and_receive(otel_span_start(null_text));
    REQUIRE(got != NULL);
    CHECK(got->name == NULL || got->name[0] == '\0');
    got = end_and_receive(otel_span_start(""));
    REQUIRE(got != NULL);
    CHECK(got->name == NULL || got->name[0] == '\0');
}

static size_t at_most(size_t length, size_t limit)
{
    return length < limit ? length : limit;
}

static void renames_keep_what_follows(void)
{
    static const char *const names[] = {"shorter", "", "a name that is longer than it was", "n"};

    start();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const otel_span span = otel_span_start("a first name");
        const otlp_span *got;

        otel_span_set_i64(span, "k", 42);
        otel_span_set_name(span, names[i]);
        otel_span_set_i64(span, "k", 43);
        otel_span_event(span, "e");
        got = end_and_receive(span);
        REQUIRE(got != NULL);
        CHECK_BYTES(got->name, got->name == NULL ? 0 : strlen(got->name), names[i],
                    at_most(strlen(names[i]), OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT));
        CHECK_SIGNED(int_value(got, "k"), 43);
        REQUIRE(got->events_count == 1);
        CHECK_TEXT(got->events[0].name, "e");
    }
}

static void a_rename_without_room_is_cut(void)
{
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("old");
    otel_span_set_i64(span, "k", 42);
    otel_span_set_name(span, text_of('n', OTEL_SPAN_BYTES));
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(strspn(got->name, "n"), strlen(got->name));
    CHECK(strlen(got->name) > 0 && strlen(got->name) <= OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT);
    CHECK_EQUAL(stats_now().attributes_truncated, 1);
    CHECK_SIGNED(int_value(got, "k"), 42);
}

static void events_keep_order_time_and_attributes(void)
{
    const otel_attribute attributes[] = {otel_str("s", "text"), otel_i64("i", -1)};
    const size_t attribute_count =
        OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT >= 2 ? 2 : OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT;
    const otlp_span *got;
    otel_span span;

    SKIP_UNLESS(OTEL_SPAN_EVENT_COUNT_LIMIT >= 2);
    start();
    span = otel_span_start("events");
    otel_span_event_at(span, "first", attributes, attribute_count, 123456789);
    port.ticks = 9000000;
    otel_span_event(span, "second");
    got = end_and_receive(span);
    REQUIRE(got != NULL && got->events_count == 2);
    CHECK_TEXT(got->events[0].name, "first");
    CHECK_EQUAL(got->events[0].time_unix_nano, 123456789);
    CHECK_EQUAL(got->events[0].attributes_count, attribute_count);
    CHECK_EQUAL(got->events[0].dropped_attributes_count, 0);
    CHECK(otlp_find(got->events[0].attributes, got->events[0].attributes_count, "s") != NULL);
    CHECK_TEXT(got->events[1].name, "second");
    CHECK(got->events[1].time_unix_nano >= 9000000000u);
    CHECK(got->events[1].time_unix_nano <= got->end_time_unix_nano);
}

static void events_over_the_limit_are_dropped_and_counted(void)
{
    const unsigned limit = OTEL_SPAN_EVENT_COUNT_LIMIT;
    const otlp_span *got;
    otel_span span;

    SKIP_UNLESS(OTEL_SPAN_BYTES >= 128 + 16 * OTEL_SPAN_EVENT_COUNT_LIMIT);
    start();
    span = otel_span_start("many");
    for (unsigned i = 0; i < limit + 2; i++) {
        otel_span_event(span, "e");
    }
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->events_count, limit);
    CHECK_EQUAL(got->dropped_events_count, 2);
    CHECK_EQUAL(stats_now().events_dropped, 2);
}

static void an_event_without_room_is_dropped_whole(void)
{
    const otlp_span *got;
    unsigned given = 0;
    otel_span span;

    SKIP_UNLESS(OTEL_SPAN_EVENT_COUNT_LIMIT * 29 > OTEL_SPAN_BYTES - 80);
    start();
    span = otel_span_start("room");
    while (stats_now().events_dropped < 2 && given < 1000) {
        otel_span_event(span, "sixteen bytes...");
        given++;
    }
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->events_count + got->dropped_events_count, given);
    CHECK_EQUAL(got->dropped_events_count, 2);
    CHECK(got->events_count < OTEL_SPAN_EVENT_COUNT_LIMIT);
}

static void event_attributes_over_the_limit_are_counted_in_the_event(void)
{
    enum { GIVEN = OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT + 2 };
    static otel_attribute attributes[GIVEN];
    static char names[GIVEN][8];
    const otlp_span *got;
    otel_span span;

    SKIP_UNLESS(OTEL_SPAN_BYTES >= 160 + 14 * OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT);
    start();
    for (unsigned i = 0; i < GIVEN; i++) {
        memcpy(names[i], numbered_key(i), sizeof key_name);
        attributes[i] = otel_bool(names[i], true);
    }
    span = otel_span_start("event");
    otel_span_event_with(span, "e", attributes, GIVEN);
    got = end_and_receive(span);
    REQUIRE(got != NULL && got->events_count == 1);
    CHECK_EQUAL(got->events[0].attributes_count, OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT);
    CHECK_EQUAL(got->events[0].dropped_attributes_count, 2);
    CHECK_EQUAL(got->dropped_attributes_count, 0);
    CHECK_EQUAL(stats_now().attributes_dropped, 2);
}

static void of_event_attributes_with_one_key_the_last_stays(void)
{
    const otel_attribute attributes[] = {otel_i64("k", 1), otel_str("k", "two"), otel_i64("k", 3)};
    const otlp_attribute *attribute;
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("event");
    otel_span_event_with(span, "e", attributes, COUNT_OF(attributes));
    got = end_and_receive(span);
    REQUIRE(got != NULL && got->events_count == 1);
    CHECK_EQUAL(got->events[0].attributes_count, 1);
    attribute = otlp_find(got->events[0].attributes, got->events[0].attributes_count, "k");
    REQUIRE(attribute != NULL && attribute->value->which_value == VALUE_INT);
    CHECK_SIGNED(attribute->value->value.int_value, 3);
}

typedef struct status_step {
    otel_span_status status;
    const char *message;
} status_step;

static const otlp_span *span_after(const status_step *steps, size_t count)
{
    const otel_span span = otel_span_start("status");

    for (size_t i = 0; i < count; i++) {
        otel_span_set_status(span, steps[i].status, steps[i].message);
    }
    return end_and_receive(span);
}

static int code_of(const otlp_span *span)
{
    return span->status == NULL ? OTEL_SPAN_STATUS_UNSET : (int)span->status->code;
}

static const char *message_of(const otlp_span *span)
{
    return span->status == NULL || span->status->message == NULL ? "" : span->status->message;
}

static void status_rules_of_the_specification(void)
{
    static const struct {
        status_step steps[3];
        size_t count;
        otel_span_status code;
        const char *message;
    } cases[] = {
        {{{OTEL_SPAN_STATUS_OK, NULL}}, 1, OTEL_SPAN_STATUS_OK, ""},
        {{{OTEL_SPAN_STATUS_OK, "ignored"}}, 1, OTEL_SPAN_STATUS_OK, ""},
        {{{OTEL_SPAN_STATUS_ERROR, "why"}}, 1, OTEL_SPAN_STATUS_ERROR, "why"},
        {{{OTEL_SPAN_STATUS_ERROR, NULL}}, 1, OTEL_SPAN_STATUS_ERROR, ""},
        {{{OTEL_SPAN_STATUS_ERROR, ""}}, 1, OTEL_SPAN_STATUS_ERROR, ""},
        {{{OTEL_SPAN_STATUS_UNSET, "ignored"}}, 1, OTEL_SPAN_STATUS_UNSET, ""},
        {{{OTEL_SPAN_STATUS_ERROR, "why"}, {OTEL_SPAN_STATUS_UNSET, NULL}},
         2,
         OTEL_SPAN_STATUS_ERROR,
         "why"},
        {{{OTEL_SPAN_STATUS_ERROR, "why"}, {OTEL_SPAN_STATUS_OK, NULL}},
         2,
         OTEL_SPAN_STATUS_OK,
         ""},
        {{{OTEL_SPAN_STATUS_OK, NULL}, {OTEL_SPAN_STATUS_ERROR, "late"}},
         2,
         OTEL_SPAN_STATUS_OK,
         ""},
        {{{OTEL_SPAN_STATUS_ERROR, "first"}, {OTEL_SPAN_STATUS_ERROR, "a longer second"}},
         2,
         OTEL_SPAN_STATUS_ERROR,
         "a longer second"},
        {{{OTEL_SPAN_STATUS_ERROR, "first"}, {OTEL_SPAN_STATUS_ERROR, NULL}},
         2,
         OTEL_SPAN_STATUS_ERROR,
         ""},
        {{{OTEL_SPAN_STATUS_OK, NULL},
          {OTEL_SPAN_STATUS_ERROR, "x"},
          {OTEL_SPAN_STATUS_UNSET, NULL}},
         3,
         OTEL_SPAN_STATUS_OK,
         ""},
    };

    SKIP_UNLESS(OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT >= 16);
    start();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const otlp_span *const got = span_after(cases[i].steps, cases[i].count);

        REQUIRE(got != NULL);
        CHECK_SIGNED(code_of(got), cases[i].code);
        CHECK_TEXT(message_of(got), cases[i].message);
    }
}

static void a_status_that_does_not_exist_changes_nothing(void)
{
    const status_step steps[] = {
        {OTEL_SPAN_STATUS_ERROR, "why"}, {(otel_span_status)3, "x"}, {(otel_span_status)7, "x"}};
    const otlp_span *got;

    start();
    got = span_after(steps, COUNT_OF(steps));
    REQUIRE(got != NULL);
    CHECK_SIGNED(code_of(got), OTEL_SPAN_STATUS_ERROR);
    CHECK_TEXT(message_of(got), "why");
}

/* Whatever the application put into the span first, its failure arrives. */
static void an_error_status_always_has_room(void)
{
    const otlp_span *got;
    unsigned given = 0;
    otel_span span;

    start();
    span = otel_span_start("full");
    while (stats_now().attributes_dropped < 2 && given < 1000) {
        otel_span_set_i64(span, numbered_key(given++), INT64_MIN);
    }
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, text_of('m', 300));
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_SIGNED(code_of(got), OTEL_SPAN_STATUS_ERROR);
    CHECK(strspn(message_of(got), "m") == strlen(message_of(got)));
}

static void a_status_between_setters_stays_one_status(void)
{
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("mixed");
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "one");
    otel_span_set_i64(span, "k", 1);
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "another");
    otel_span_event(span, "e");
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "3");
    otel_span_set_i64(span, "k", 2);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_TEXT(message_of(got), "3");
    CHECK_SIGNED(int_value(got, "k"), 2);
    CHECK_EQUAL(got->events_count, 1);
}

static void start_options_bring_attributes(void)
{
    const otel_attribute attributes[] = {otel_i64("a", 1), otel_i64("a", 2)};
    otel_span_options options = {0};
    const otlp_span *got;

    start();
    options.attributes = attributes;
    options.attribute_count = COUNT_OF(attributes);
    got = end_and_receive(otel_span_start_with("o", &options));
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count, 1);
    CHECK_SIGNED(int_value(got, "a"), 2);
}

static const check_test writer_tests[] = {
    CHECK_TEST(root_span_has_every_fixed_field),
    CHECK_TEST(every_kind_keeps_its_number),
    CHECK_TEST(given_times_are_kept),
    CHECK_TEST(an_end_before_the_start_becomes_the_start),
    CHECK_TEST(integers_keep_every_bit),
    CHECK_TEST(doubles_keep_every_bit),
    CHECK_TEST(booleans_and_strings),
    CHECK_TEST(a_string_with_a_length_needs_no_end),
    CHECK_TEST(attributes_by_value_are_the_same_as_setters),
    CHECK_TEST(the_last_write_of_a_key_wins),
    CHECK_TEST(an_overwrite_may_change_the_type),
    CHECK_TEST(a_key_that_begins_another_is_another),
    CHECK_TEST(keys_are_compared_as_they_arrive),
    CHECK_TEST(an_attribute_without_a_key_is_dropped_and_counted),
    CHECK_TEST(attributes_over_the_count_limit_are_dropped_and_counted),
    CHECK_TEST(attributes_without_room_are_dropped_and_counted),
    CHECK_TEST(values_of_every_length_arrive),
    CHECK_TEST(a_value_over_its_limit_is_cut_and_counted),
    CHECK_TEST(a_cut_falls_on_a_character_boundary),
    CHECK_TEST(a_megabyte_of_string_is_cut),
    CHECK_TEST(a_name_that_does_not_fit_is_cut),
    CHECK_TEST(a_missing_name_is_empty),
    CHECK_TEST(renames_keep_what_follows),
    CHECK_TEST(a_rename_without_room_is_cut),
    CHECK_TEST(events_keep_order_time_and_attributes),
    CHECK_TEST(events_over_the_limit_are_dropped_and_counted),
    CHECK_TEST(an_event_without_room_is_dropped_whole),
    CHECK_TEST(event_attributes_over_the_limit_are_counted_in_the_event),
    CHECK_TEST(of_event_attributes_with_one_key_the_last_stays),
    CHECK_TEST(status_rules_of_the_specification),
    CHECK_TEST(a_status_that_does_not_exist_changes_nothing),
    CHECK_TEST(an_error_status_always_has_room),
    CHECK_TEST(a_status_between_setters_stays_one_status),
    CHECK_TEST(start_options_bring_attributes),
};

/* SPDX-License-Identifier: MIT */
/* >>messages: the resource and the statistics. */

static const char *resource_text(const otlp_resource *resource, const char *key)
{
    const otlp_attribute *const attribute =
        otlp_find(resource->attributes, resource->attributes_count, key);

    if (attribute == NULL || attribute->value == NULL ||
        attribute->value->which_value != VALUE_STRING) {
        return "(missing)";
    }
    return attribute->value->value.string_value;
}

static bool receive_resource(otlp_resource *resource)
{
    link_frame frame;

    start();
    otel_span_end(otel_span_start("one"));
    send_all();
    frame = frame_of_kind(LINK_RESOURCE, 0);
    return CHECK(frame.magic != 0) &&
           CHECK(otlp_decode_resource(frame.payload, frame.payload_length, resource));
}

static void the_resource_says_who_we_are(void)
{
    otlp_resource resource;

    SKIP_UNLESS(OTEL_FRAME_BYTES >= 256);
    config.service_name = "thermostat";
    config.service_version = "1.4.2";
    REQUIRE(receive_resource(&resource));
    CHECK_TEXT(resource_text(&resource, "service.name"), "thermostat");
    CHECK_TEXT(resource_text(&resource, "service.version"), "1.4.2");
    CHECK_TEXT(resource_text(&resource, "telemetry.sdk.language"), "c");
    CHECK_TEXT(resource_text(&resource, "telemetry.sdk.version"), OTEL_VERSION);
    CHECK(strcmp(resource_text(&resource, "telemetry.sdk.name"), "opentelemetry") != 0);
    CHECK(strcmp(resource_text(&resource, "telemetry.sdk.name"), "(missing)") != 0);
    otlp_release_resource(&resource);
}

/* The device id names the instance, in 16 hexadecimal digits; an anonymous device has no such name. */
static void the_device_id_names_the_instance(void)
{
    otlp_resource resource;

    SKIP_UNLESS(OTEL_FRAME_BYTES >= 300);
    config.device_id = 0x0123456789ABCDEFu;
    REQUIRE(receive_resource(&resource));
    CHECK_TEXT(resource_text(&resource, "service.instance.id"), "0123456789abcdef");
    otlp_release_resource(&resource);
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    fixture_before();
    REQUIRE(receive_resource(&resource));
    CHECK_TEXT(resource_text(&resource, "service.instance.id"), "(missing)");
    otlp_release_resource(&resource);
}

static void a_service_without_a_name_is_unknown(void)
{
    otlp_resource resource;

    config.service_name = NULL;
    REQUIRE(receive_resource(&resource));
    CHECK_TEXT(resource_text(&resource, "service.name"), "unknown_service");
    CHECK_TEXT(resource_text(&resource, "service.version"), "(missing)");
    otlp_release_resource(&resource);
}

static void own_attributes_win_over_ours(void)
{
    static const otel_attribute attributes[] = {
        OTEL_ATTRIBUTE_STR("service.name", "mine"), OTEL_ATTRIBUTE_STR("hw.id", "7"),
        OTEL_ATTRIBUTE_STR("service.name", "mine too"), OTEL_ATTRIBUTE_STR("bad", "\xE9")};
    otlp_resource resource;

    SKIP_UNLESS(OTEL_FRAME_BYTES >= 256);
    config.resource_attributes = attributes;
    config.resource_attribute_count = COUNT_OF(attributes);
    REQUIRE(receive_resource(&resource));
    CHECK_TEXT(resource_text(&resource, "service.name"), "mine too");
    CHECK_TEXT(resource_text(&resource, "hw.id"), "7");
    CHECK_TEXT(resource_text(&resource, "bad"), "?");
    otlp_release_resource(&resource);
}

static void a_resource_that_fits_no_frame_is_refused(void)
{
    enum { LARGEST = OTEL_FRAME_BYTES > OTEL_QUEUE_BYTES ? OTEL_FRAME_BYTES : OTEL_QUEUE_BYTES };
    static otel_attribute attributes[LARGEST / (OTEL_SPAN_BYTES / 2) + 1];

    /* Keys that differ in their lengths: one text is enough for all of them. */
    (void)text_of('k', OTEL_SPAN_BYTES);
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        attributes[i] = otel_bool(long_text, true);
        attributes[i].key_length = OTEL_SPAN_BYTES - i;
    }
    config.resource_attributes = attributes;
    config.resource_attribute_count = COUNT_OF(attributes);
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_RESOURCE_TOO_LARGE);
    config.resource_attribute_count = 0;
    CHECK_SIGNED(otel_init(&config), OTEL_OK);
}

/* Specification, Attribute Limits: resource attributes are exempt. */
static void resource_values_are_not_cut(void)
{
    otel_attribute attribute;
    otlp_resource resource;

    SKIP_UNLESS(OTEL_FRAME_BYTES >= OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT + 300);
    (void)text_of('r', OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT + 1);
    attribute = otel_str("long", long_text);
    config.resource_attributes = &attribute;
    config.resource_attribute_count = 1;
    REQUIRE(receive_resource(&resource));
    CHECK_TEXT(resource_text(&resource, "long"), long_text);
    otlp_release_resource(&resource);
}

static void the_resource_comes_first_and_its_hash_names_it(void)
{
    link_frame resource, traces;

    start();
    otel_span_end(otel_span_start("one"));
    send_all();
    REQUIRE(wire.frame_count >= 2);
    CHECK(link_parse(wire.frames[0].bytes, wire.frames[0].length, &resource));
    CHECK_EQUAL(resource.kind, LINK_RESOURCE);
    traces = frame_of_kind(LINK_TRACES, 0);
    CHECK_EQUAL(traces.resource_hash, crc32_iso_hdlc(resource.payload, resource.payload_length));
    CHECK_EQUAL(resource.resource_hash, traces.resource_hash);
    CHECK_EQUAL(resource.boot_id, traces.boot_id);
}

/* The statistics are in the queue themselves when they are written: 26 and 27 are larger by that. */
#define STATS_FIELD_IS_COUNTER(number, name)                                                       \
    if ((number) != 26 && (number) != 27) {                                                        \
        CHECK_EQUAL(fields[number], stats.name);                                                   \
    }

static void the_stats_frame_has_every_counter(void)
{
    uint64_t fields[STATS_FIELD_COUNT];
    otel_stats stats;
    link_frame frame;
    otel_span span;

    start();
    span = otel_span_start("one");
    otel_span_set_str(span, "bad", "\xFF");
    otel_span_end(span);
    otel_span_end(span);
    send_all();
    forget_received();
    port.ticks += 61u * (uint64_t)port.ticks_per_second;
    stats = stats_now();
    for (unsigned i = 0; i < 4 && frames_of_kind(LINK_STATS) == 0; i++) {
        otel_poll();
    }
    frame = frame_of_kind(LINK_STATS, 0);
    REQUIRE(frame.magic != 0);
    REQUIRE(stats_decode(frame.payload, frame.payload_length, fields));
    OTEL_STATS_COUNTERS(STATS_FIELD_IS_COUNTER)
    OTEL_STATS_LEVELS(STATS_FIELD_IS_COUNTER)
    CHECK_EQUAL(fields[1], 1);
    CHECK_EQUAL(fields[5], 1);
    CHECK_EQUAL(fields[15], 1);
    CHECK_EQUAL(fields[16], 1);
    CHECK_EQUAL(fields[28], OTEL_QUEUE_BYTES);
    CHECK(fields[26] <= fields[27] && fields[27] <= fields[28]);
}

static void a_shutdown_sends_the_last_stats(void)
{
    uint64_t fields[STATS_FIELD_COUNT];
    link_frame frame;

    start();
    otel_span_end(otel_span_start("one"));
    (void)otel_span_start("open");
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    decode_received();
    frame = frame_of_kind(LINK_STATS, frames_of_kind(LINK_STATS) - 1);
    REQUIRE(frame.magic != 0);
    REQUIRE(stats_decode(frame.payload, frame.payload_length, fields));
    CHECK_EQUAL(frame.sequence, 2);
    CHECK_EQUAL(fields[5], 1);
    CHECK_EQUAL(fields[10], stats_now().spans_dropped_shutdown);
}

/* Without a way back, the gateway that starts late learns the resource with the statistics. */
static void the_resource_comes_again_with_the_stats(void)
{
    config.stats_interval_ms = 1000;
    start();
    otel_span_end(otel_span_start("one"));
    send_all();
    forget_received();
    port.ticks += 2u * port.ticks_per_second;
    for (unsigned i = 0; i < 4; i++) {
        otel_poll();
    }
    CHECK_EQUAL(frames_of_kind(LINK_STATS), 1);
    CHECK_EQUAL(frames_of_kind(LINK_RESOURCE), 1);
}

static const check_test messages_tests[] = {
    CHECK_TEST(the_resource_says_who_we_are),
    CHECK_TEST(the_device_id_names_the_instance),
    CHECK_TEST(a_service_without_a_name_is_unknown),
    CHECK_TEST(own_attributes_win_over_ours),
    CHECK_TEST(a_resource_that_fits_no_frame_is_refused),
    CHECK_TEST(resource_values_are_not_cut),
    CHECK_TEST(the_resource_comes_first_and_its_hash_names_it),
    CHECK_TEST(the_stats_frame_has_every_counter),
    CHECK_TEST(a_shutdown_sends_the_last_stats),
    CHECK_TEST(the_resource_comes_again_with_the_stats),
};

/* SPDX-License-Identifier: MIT */
/* >>random: ids that nobody else draws. */

enum { DRAWN_IDS = 200, COMPARED_IDS = TEST_ROUNDS < 1000 ? 24 : DRAWN_IDS };

static otel_context drawn_context(void)
{
    const otel_span span = otel_span_start("id");
    const otel_context context = otel_span_context(span);

    otel_span_end(span);
    send_all();
    forget_received();
    return context;
}

/* The reference sequence of xoroshiro128++ 1.0 (Blackman and Vigna) from the state 1, 2. */
static void the_generator_is_the_published_one(void)
{
    static const uint64_t published[] = {393217u,
                                         669327710093319u,
                                         1732421326133921491u,
                                         11394790081659126983u,
                                         9555452776773192676u,
                                         3586421180005889563u,
                                         1691397964866707553u,
                                         10735626796753111697u,
                                         15216282715349408991u,
                                         14247243556711267923u};
    const oteli_halves state[2] = {{1, 0}, {2, 0}};

    memcpy(oteli.random, state, sizeof state);
    for (size_t i = 0; i < COUNT_OF(published); i++) {
        CHECK_EQUAL(oteli_random(), published[i]);
    }
}

static void ids_are_valid_and_differ(void)
{
    static otel_context drawn[COMPARED_IDS];

    start();
    for (size_t i = 0; i < COMPARED_IDS; i++) {
        drawn[i] = drawn_context();
        CHECK(otel_context_is_valid(&drawn[i]));
        for (size_t j = 0; j < i; j++) {
            CHECK(memcmp(drawn[i].trace_id, drawn[j].trace_id, 16) != 0);
            CHECK(memcmp(drawn[i].span_id, drawn[j].span_id, 8) != 0);
        }
    }
}

/* A bit that is nearly always the same shows a generator that is broken, not one that is weak. */
static void every_bit_of_an_id_changes(void)
{
    unsigned ones[24 * 8] = {0};

    start();
    for (size_t i = 0; i < DRAWN_IDS; i++) {
        const otel_context context = drawn_context();
        for (size_t bit = 0; bit < COUNT_OF(ones); bit++) {
            const uint8_t byte =
                bit < 128 ? context.trace_id[bit / 8] : context.span_id[bit / 8 - 16];
            ones[bit] += byte >> bit % 8u & 1u;
        }
    }
    for (size_t bit = 0; bit < COUNT_OF(ones); bit++) {
        CHECK(ones[bit] > DRAWN_IDS / 4 && ones[bit] < DRAWN_IDS * 3 / 4);
    }
}

static void another_boot_draws_other_ids(void)
{
    otel_context first, second;

    start();
    first = drawn_context();
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    fixture_before();
    start();
    second = drawn_context();
    CHECK(memcmp(first.trace_id, second.trace_id, 16) != 0);
    CHECK(memcmp(first.span_id, second.span_id, 8) != 0);
}

/* One bit of entropy more or less changes everything: it is mixed, not copied. */
static void one_bit_of_entropy_changes_the_ids(void)
{
    otel_context first, second;

    start();
    first = drawn_context();
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    fixture_before();
    memset(port.entropy, 0, sizeof port.entropy);
    port.entropy[15] = 1;
    start();
    second = drawn_context();
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    fixture_before();
    memset(port.entropy, 0, sizeof port.entropy);
    port.entropy[15] = 3;
    start();
    first = drawn_context();
    CHECK(memcmp(first.trace_id, second.trace_id, 8) != 0);
    CHECK(memcmp(&first.trace_id[8], &second.trace_id[8], 8) != 0);
    CHECK(memcmp(first.span_id, second.span_id, 8) != 0);
}

/* W3C trace context level 2: the flag promises that the last 7 bytes of the trace id are random. */
static void the_random_flag_is_set_on_roots_and_inherited(void)
{
    otel_context root, remote;
    otel_span_options options = {0};
    otel_span span;

    start();
    root = drawn_context();
    CHECK_EQUAL(root.trace_flags, OTEL_TRACE_FLAG_SAMPLED | OTEL_TRACE_FLAG_RANDOM);
    memset(&remote, 0, sizeof remote);
    memset(remote.trace_id, 0x11, sizeof remote.trace_id);
    memset(remote.span_id, 0x22, sizeof remote.span_id);
    remote.trace_flags = OTEL_TRACE_FLAG_SAMPLED;
    remote.state = OTEL_CONTEXT_REMOTE;
    options.parent = &remote;
    span = otel_span_start_with("child", &options);
    CHECK_EQUAL(otel_span_context(span).trace_flags, OTEL_TRACE_FLAG_SAMPLED);
    otel_span_end(span);
}

static void no_entropy_no_start(void)
{
    port.entropy_fails = true;
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_ENTROPY);
    port.entropy_fails = false;
    memset(port.entropy, 0, sizeof port.entropy);
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_ENTROPY);
    CHECK_EQUAL(otel_span_start("refused").handle, 0);
    port.entropy[3] = 1;
    CHECK_SIGNED(otel_init(&config), OTEL_OK);
}

static const check_test random_tests[] = {
    CHECK_TEST(the_generator_is_the_published_one),
    CHECK_TEST(ids_are_valid_and_differ),
    CHECK_TEST(every_bit_of_an_id_changes),
    CHECK_TEST(another_boot_draws_other_ids),
    CHECK_TEST(one_bit_of_entropy_changes_the_ids),
    CHECK_TEST(the_random_flag_is_set_on_roots_and_inherited),
    CHECK_TEST(no_entropy_no_start),
};

/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin (plugin API version 1, QEMU 6 and later) that counts the instructions of Thumb
 * firmware exactly. Arguments, comma-separated after -plugin FILE:
 *
 *   out=FILE              where the result goes, when the emulator ends
 *   region=NAME:BEGIN:END  hexadecimal addresses of two marker functions, each of them one `bx lr`;
 *                          may be given many times
 *
 * A region counts what runs after the return of BEGIN and before the call of END: neither the
 * markers nor the branch to them. An instruction that its IT block skips counts, as it takes a
 * cycle.
 *
 * Lines of the result, addresses in hexadecimal:
 *   region NAME REPETITIONS MIN MAX
 *   trace NAME ADDRESS…             every instruction of the last repetition
 *   masked INSTRUCTIONS ADDRESS…    for each place that masks, its longest stretch with PRIMASK
 *                                   set: from after CPSID to what restores, inclusive
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of qemu-plugin.h that is needed here; QEMU resolves these when it loads the plugin. */
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t id,
                                                            struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*callback)(unsigned vcpu, void *user_data),
                                            enum qemu_plugin_cb_flags flags, void *user_data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
                                    void (*callback)(qemu_plugin_id_t id, void *user_data),
                                    void *user_data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
__attribute__((visibility("default"))) extern int qemu_plugin_version;
__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

int qemu_plugin_version = 1;

enum {
    REGIONS_MAX = 64,
    MASKING_PLACES_MAX = 256,
    TRACE_MAX = 1 << 20,
    MASKED_TRACE_MAX = 1 << 12
};

enum insn_kind { INSN_PLAIN, INSN_MASK, INSN_RESTORE };

typedef struct {
    uint32_t *addresses;
    size_t length;
} trace;

typedef struct {
    const char *name;
    uint32_t begin;
    uint32_t end;
    uint64_t repetitions;
    uint64_t min;
    uint64_t max;
    trace running;
    trace finished;
} region;

typedef struct {
    uint32_t key;
    uint64_t longest;
    trace path;
} masking_place;

static struct {
    const char *out;
    region regions[REGIONS_MAX];
    size_t region_count;
    region *open_region;
    uint64_t open_count;

    masking_place places[MASKING_PLACES_MAX];
    size_t place_count;
    bool masked;
    uint32_t masked_at;  /* the instruction that masked */
    uint32_t masked_key; /* where the code that called the lock goes on: tells callers apart */
    uint32_t masked_previous;
    uint64_t masked_count;
    trace masked_path;
} counter;

static void die(const char *message, const char *detail)
{
    fprintf(stderr, "insn_count: %s%s\n", message, detail);
    exit(EXIT_FAILURE);
}

static void *checked_calloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        die("out of memory", "");
    }
    return memory;
}

static void trace_append(trace *to, size_t limit, uint32_t address)
{
    if (to->addresses == NULL) {
        to->addresses = checked_calloc(limit, sizeof *to->addresses);
    }
    if (to->length < limit) {
        to->addresses[to->length++] = address;
    }
}

static void trace_swap(trace *a, trace *b)
{
    const trace kept = *a;

    *a = *b;
    *b = kept;
}

static void region_end(region *ended)
{
    const uint64_t count = counter.open_count - 1; /* the branch to END */

    counter.open_region = NULL;
    ended->running.length -= ended->running.length != 0;
    trace_swap(&ended->running, &ended->finished);
    ended->min = ended->repetitions == 0 || count < ended->min ? count : ended->min;
    ended->max = count > ended->max ? count : ended->max;
    ended->repetitions++;
}

static void region_step(uint32_t address)
{
    if (counter.open_region != NULL) {
        if (address == counter.open_region->end) {
            region_end(counter.open_region);
            return;
        }
        counter.open_count++;
        trace_append(&counter.open_region->running, TRACE_MAX, address);
        return;
    }
    for (size_t i = 0; i < counter.region_count; i++) {
        if (counter.regions[i].begin == address) {
            counter.open_region = &counter.regions[i];
            counter.open_region->running.length = 0;
            counter.open_count = 0;
        }
    }
}

static masking_place *place_of(uint32_t key)
{
    for (size_t i = 0; i < counter.place_count; i++) {
        if (counter.places[i].key == key) {
            return &counter.places[i];
        }
    }
    if (counter.place_count == MASKING_PLACES_MAX) {
        die("more places mask interrupts than the table holds", "");
    }
    counter.places[counter.place_count].key = key;
    return &counter.places[counter.place_count++];
}

static void masked_end(void)
{
    masking_place *place =
        place_of(counter.masked_key != 0 ? counter.masked_key : counter.masked_at);

    counter.masked = false;
    if (counter.masked_count > place->longest) {
        place->longest = counter.masked_count;
        trace_swap(&place->path, &counter.masked_path);
    }
}

/* PRIMASK's new value is in a register that the plugin cannot see, so a restore is taken to unmask:
 * right for firmware that takes no lock while interrupts are masked already. */
static void masked_step(uint32_t address, enum insn_kind kind)
{
    if (counter.masked) {
        const uint32_t distance = address - counter.masked_previous;

        if (counter.masked_key == 0 && distance != 2 && distance != 4) {
            counter.masked_key = address;
        }
        counter.masked_previous = address;
        counter.masked_count++;
        trace_append(&counter.masked_path, MASKED_TRACE_MAX, address);
        if (kind == INSN_RESTORE) {
            masked_end();
        }
    } else if (kind == INSN_MASK) {
        counter.masked = true;
        counter.masked_at = address;
        counter.masked_key = 0;
        counter.masked_previous = address;
        counter.masked_count = 0;
        counter.masked_path.length = 0;
    }
}

static void plain_executed(unsigned vcpu, void *address)
{
    (void)vcpu;
    region_step((uint32_t)(uintptr_t)address);
    masked_step((uint32_t)(uintptr_t)address, INSN_PLAIN);
}

static void mask_executed(unsigned vcpu, void *address)
{
    (void)vcpu;
    region_step((uint32_t)(uintptr_t)address);
    masked_step((uint32_t)(uintptr_t)address, INSN_MASK);
}

static void restore_executed(unsigned vcpu, void *address)
{
    (void)vcpu;
    region_step((uint32_t)(uintptr_t)address);
    masked_step((uint32_t)(uintptr_t)address, INSN_RESTORE);
}

static enum insn_kind decode(const struct qemu_plugin_insn *insn)
{
    const uint8_t *bytes = qemu_plugin_insn_data(insn);
    const unsigned first = bytes[0] | (unsigned)bytes[1] << 8;

    if (qemu_plugin_insn_size(insn) == 2) {
        return first == 0xB672u ? INSN_MASK : first == 0xB662u ? INSN_RESTORE : INSN_PLAIN;
    }
    const unsigned second = bytes[2] | (unsigned)bytes[3] << 8;
    const bool writes_primask = (first & 0xFFF0u) == 0xF380u && second == 0x8810u;

    return writes_primask ? INSN_RESTORE : INSN_PLAIN;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    static void (*const callbacks[])(unsigned, void *) = {
        [INSN_PLAIN] = plain_executed,
        [INSN_MASK] = mask_executed,
        [INSN_RESTORE] = restore_executed,
    };
    (void)id;

    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        void *address = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);

        qemu_plugin_register_vcpu_insn_exec_cb(insn, callbacks[decode(insn)],
                                               QEMU_PLUGIN_CB_NO_REGS, address);
    }
}

static void trace_print(FILE *file, const trace *printed)
{
    for (size_t i = 0; i < printed->length; i++) {
        fprintf(file, " %" PRIx32, printed->addresses[i]);
    }
    fputc('\n', file);
}

static void report(qemu_plugin_id_t id, void *user_data)
{
    FILE *file = fopen(counter.out, "w");
    (void)id;
    (void)user_data;

    if (file == NULL) {
        die("cannot write ", counter.out);
    }
    for (size_t i = 0; i < counter.region_count; i++) {
        const region *shown = &counter.regions[i];

        fprintf(file, "region %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", shown->name,
                shown->repetitions, shown->min, shown->max);
        fprintf(file, "trace %s", shown->name);
        trace_print(file, &shown->finished);
    }
    for (size_t i = 0; i < counter.place_count; i++) {
        fprintf(file, "masked %" PRIu64, counter.places[i].longest);
        trace_print(file, &counter.places[i].path);
    }
    if (fclose(file) != 0) {
        die("cannot write ", counter.out);
    }
}

static void region_add(char *argument)
{
    char *name = strtok(argument, ":");
    char *begin = strtok(NULL, ":");
    char *end = strtok(NULL, ":");

    if (end == NULL || counter.region_count == REGIONS_MAX) {
        die("a region is NAME:BEGIN:END, at most 64 of them; wrong one: ", argument);
    }
    region *added = &counter.regions[counter.region_count++];
    added->name = name;
    added->begin = (uint32_t)strtoul(begin, NULL, 16);
    added->end = (uint32_t)strtoul(end, NULL, 16);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        char *copy = strcpy(checked_calloc(strlen(argv[i]) + 1, 1), argv[i]);

        if (strncmp(copy, "out=", 4) == 0) {
            counter.out = copy + 4;
        } else if (strncmp(copy, "region=", 7) == 0) {
            region_add(copy + 7);
        } else {
            die("unknown argument ", copy);
        }
    }
    if (counter.out == NULL) {
        die("out=FILE is missing", "");
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, report, NULL);
    return 0;
}

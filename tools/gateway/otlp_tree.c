/* SPDX-License-Identifier: MIT */
#include "otlp_tree.h"

#include <stdlib.h>

/* Where the next child of each open message is to be linked. */
struct builder {
    struct otlp_tree *tree;
    struct otlp_node *open[OTLP_DEPTH_MAX + 1];
    struct otlp_node *last_child[OTLP_DEPTH_MAX + 1];
    size_t depth;
};

static struct otlp_node *add_child(struct builder *builder, const struct otlp_field *field)
{
    struct otlp_node *node = &builder->tree->nodes[builder->tree->node_count++];
    struct otlp_node *last = builder->last_child[builder->depth];

    *node = (struct otlp_node){.field = *field};
    if (last != NULL)
        last->next = node;
    else
        builder->open[builder->depth]->first_child = node;
    builder->last_child[builder->depth] = node;
    return node;
}

static void take_begin(void *self, const struct otlp_field *field)
{
    struct builder *builder = self;
    struct otlp_node *node = add_child(builder, field);

    builder->depth++;
    builder->open[builder->depth] = node;
    builder->last_child[builder->depth] = NULL;
}

static void take_field(void *self, const struct otlp_field *field)
{
    add_child(self, field);
}

static void take_end(void *self, enum otlp_message message)
{
    struct builder *builder = self;

    (void)message;
    builder->depth--;
}

static void count_field(void *self, const struct otlp_field *field)
{
    size_t *count = self;

    (void)field;
    (*count)++;
}

static bool reserve_nodes(struct otlp_tree *tree, size_t count)
{
    struct otlp_node *nodes;

    if (count <= tree->node_capacity)
        return true;
    nodes = realloc(tree->nodes, count * sizeof *nodes);
    if (nodes == NULL)
        return false;
    tree->nodes = nodes;
    tree->node_capacity = count;
    return true;
}

bool otlp_tree_build(struct otlp_tree *tree, enum otlp_message root, const uint8_t *bytes,
                     size_t size)
{
    static const struct otlp_visitor counter = {count_field, count_field, NULL};
    static const struct otlp_visitor taker = {take_begin, take_field, take_end};
    struct builder builder = {.tree = tree, .open = {&tree->root}};
    size_t count = 0;

    tree->node_count = 0;
    tree->root = (struct otlp_node){
        .field = {.bytes = bytes, .size = size, .type = OTLP_SUBMESSAGE, .submessage = root}};
    if (otlp_walk(root, bytes, size, &counter, &count, NULL) != NULL)
        return false;
    return reserve_nodes(tree, count) &&
           otlp_walk(root, bytes, size, &taker, &builder, NULL) == NULL;
}

void otlp_tree_free(struct otlp_tree *tree)
{
    free(tree->nodes);
    *tree = (struct otlp_tree){0};
}

const struct otlp_node *otlp_node_from(const struct otlp_node *node, uint32_t number)
{
    while (node != NULL && node->field.number_in_message != number)
        node = node->next;
    return node;
}

const struct otlp_node *otlp_node_find(const struct otlp_node *message, uint32_t number)
{
    const struct otlp_node *found = NULL;

    for (const struct otlp_node *node = message->first_child; node != NULL; node = node->next) {
        if (node->field.number_in_message == number)
            found = node;
    }
    return found;
}

uint64_t otlp_node_number(const struct otlp_node *message, uint32_t number)
{
    const struct otlp_node *node = otlp_node_find(message, number);

    return node != NULL ? node->field.number : 0;
}

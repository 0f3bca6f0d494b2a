/* SPDX-License-Identifier: MIT */
/*
 * A message of OTLP as a tree of its fields, for those who show it: protobuf allows fields in any
 * order, and a reader wants the name first. Nodes point into the bytes that they were made from.
 */
#ifndef GW_OTLP_TREE_H
#define GW_OTLP_TREE_H

#include "otlp_walk.h"

struct otlp_node {
    struct otlp_field field;
    const struct otlp_node *first_child; /* of a submessage: its fields in the order of the bytes */
    const struct otlp_node *next;        /* the next field of the same message */
};

/* Zeroed is an empty tree. Its memory is used again by the next build. */
struct otlp_tree {
    struct otlp_node root; /* its children are the fields of the outermost message */
    struct otlp_node *nodes;
    size_t node_count;
    size_t node_capacity;
};

/* False when the bytes are not a `root` message, or there is no memory. */
bool otlp_tree_build(struct otlp_tree *tree, enum otlp_message root, const uint8_t *bytes,
                     size_t size);
void otlp_tree_free(struct otlp_tree *tree);

/* The last of the fields with this number (in protobuf the last one wins); NULL: none. */
const struct otlp_node *otlp_node_find(const struct otlp_node *message, uint32_t number);

/* The first at or after `node` with this number, in the same message; NULL: none. For lists:
 * for (n = otlp_node_from(message->first_child, 9); n; n = otlp_node_from(n->next, 9)) */
const struct otlp_node *otlp_node_from(const struct otlp_node *node, uint32_t number);

/* Its number, or 0 when it is not there. */
uint64_t otlp_node_number(const struct otlp_node *message, uint32_t number);

#endif

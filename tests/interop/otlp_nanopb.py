# SPDX-License-Identifier: MIT
"""Writes what nanopb's generator needs to make C code for OTLP, from the official Python package.

    otlp_nanopb.py DIRECTORY

leaves otlp.pb (a FileDescriptorSet with every file of OTLP's traces, metrics and logs), one
PROTO.options beside each file's name, and `files`, the list of those names. Strings, bytes,
repeated fields and submessages become pointers (PB_ENABLE_MALLOC), so that a whole request of any
size decodes into plain C structs; numbers stay plain numbers.
"""

import importlib
import pathlib
import sys

from google.protobuf import descriptor_pb2

SIGNALS = ("trace", "metrics", "logs")
PACKAGE = "opentelemetry.proto"
FieldProto = descriptor_pb2.FieldDescriptorProto
POINTER_TYPES = (FieldProto.TYPE_STRING, FieldProto.TYPE_BYTES, FieldProto.TYPE_MESSAGE)


def otlp_files():
    """OTLP's files, each after the files that it imports."""
    ordered = {}

    def visit(file):
        for dependency in file.dependencies:
            visit(dependency)
        ordered[file.name] = file

    for signal in SIGNALS:
        module = f"{PACKAGE}.collector.{signal}.v1.{signal}_service_pb2"
        visit(importlib.import_module(module).DESCRIPTOR)
    return ordered.values()


def message_options(message, prefix):
    name = f"{prefix}.{message.name}"
    for field in message.field:
        repeated = field.label == FieldProto.LABEL_REPEATED
        if repeated or field.type in POINTER_TYPES:
            yield f"{name}.{field.name} type:FT_POINTER\n"
    for nested in message.nested_type:
        yield from message_options(nested, name)


def main(directory):
    descriptors = descriptor_pb2.FileDescriptorSet()
    for file in otlp_files():
        proto = descriptors.file.add()
        file.CopyToProto(proto)
        options = directory / pathlib.PurePosixPath(proto.name).with_suffix(".options")
        options.parent.mkdir(parents=True, exist_ok=True)
        options.write_text("".join(line for message in proto.message_type
                                   for line in message_options(message, proto.package)))
    (directory / "otlp.pb").write_bytes(descriptors.SerializeToString())
    (directory / "files").write_text("".join(f"{file.name}\n" for file in descriptors.file))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

# SPDX-License-Identifier: MIT
# Random spans, compared by nanopb's generated decoder and by the official protobuf runtime.
TEST_SUITES += corpus

CORPUS := $(BUILD)/corpus
CORPUS_SOURCES := tests/corpus/corpus.c tests/corpus/model.c tests/unit/test_port.c tests/unit/received.c

$(CORPUS)/corpus_%: $(CORPUS_SOURCES) tests/corpus/model.h $(wildcard tests/unit/*.h) otel.h otel_port.h $(OTLP_NANOPB_OBJECTS) \
    tests/corpus/corpus.mk
	@mkdir -p $(@D)
	$(CC) -std=c11 -g -O2 $(WARNINGS) -Werror -I. -Itests/unit -Itests/corpus $(OTLP_NANOPB_CFLAGS) \
	    -DOTEL_CONFIG_FILE='"config_$*.h"' -o $@ $(CORPUS_SOURCES) $(OTLP_NANOPB_OBJECTS)

$(CORPUS)/sanitized_%: $(CORPUS_SOURCES) tests/corpus/model.h $(wildcard tests/unit/*.h) otel.h otel_port.h $(OTLP_NANOPB_OBJECTS) \
    tests/corpus/corpus.mk
	@mkdir -p $(@D)
	$(CC) -std=c11 -g -O1 $(UNIT_SANITIZERS) $(WARNINGS) -Werror -I. -Itests/unit -Itests/corpus \
	    $(OTLP_NANOPB_CFLAGS) -DOTEL_CONFIG_FILE='"config_$*.h"' -o $@ $(CORPUS_SOURCES) $(OTLP_NANOPB_OBJECTS)

.PHONY: test-corpus
test-corpus: $(addprefix $(CORPUS)/corpus_,default tiny least huge) $(CORPUS)/sanitized_default ## 100 000 random spans, decoded by nanopb and by the official runtime
	$(PYTEST) tests/corpus

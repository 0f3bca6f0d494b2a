# SPDX-License-Identifier: MIT
TEST_SUITES += compile

.PHONY: test-compile
test-compile: ## otel.h in every language, with every compiler, and what its objects contain
	NANOPB_DIR=$(abspath $(NANOPB_DIR)) $(PYTEST) tests/compile

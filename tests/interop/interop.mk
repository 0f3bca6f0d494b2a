# SPDX-License-Identifier: MIT
TEST_SUITES += interop
COLLECTOR_SUITES += interop

.PHONY: test-interop
test-interop: ## firmware, gateway, Collector and Jaeger together
	$(PYTEST) tests/interop

# SPDX-License-Identifier: MIT
TEST_SUITES += style

.PHONY: test-style format
test-style: ## licence lines, clang-format, shellcheck
	tests/style/check

format: ## put every C file into clang-format's shape
	git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.cpp' | xargs clang-format -i

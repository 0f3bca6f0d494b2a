# SPDX-License-Identifier: MIT
"""Real peers for the tests, and the tests that use them."""

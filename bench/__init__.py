# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: Gatehouse with its peers beside it, in one run on one machine; ratios count."""

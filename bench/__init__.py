# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: Gatehouse with its peers beside it, in the same run on the same machine; ratios, not absolutes."""

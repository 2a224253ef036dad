# SPDX-License-Identifier: Apache-2.0
"""What happened: the facts, and everything that is made from them (log lines, JSON, counters)."""

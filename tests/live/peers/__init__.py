# SPDX-License-Identifier: Apache-2.0
"""Real peers for tests and benchmarks: Postfix, OpenSMTPD, swaks; unpacked, never installed."""

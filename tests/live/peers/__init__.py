# SPDX-License-Identifier: Apache-2.0
"""Real peers for tests and benchmarks: Postfix, OpenSMTPD, swaks, from Debian's packages, never installed."""

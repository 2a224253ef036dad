# SPDX-License-Identifier: Apache-2.0
"""Whole gateways and real peers, on loopback only."""

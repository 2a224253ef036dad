# SPDX-License-Identifier: Apache-2.0
"""What the house decides: access, recipients, routes, outbound TLS, retry.

Pure: no clock, no dice, no sockets. Time, chance and DNS answers are arguments, and the tables
are complete values; `config` builds them from the operator's text.
"""

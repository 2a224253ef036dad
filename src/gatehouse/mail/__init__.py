# SPDX-License-Identifier: Apache-2.0
"""The words every other room uses: address, reply, envelope, header scan, Received, DSN.

Pure: bytes and values in, bytes and values out. Time, identifiers and boundaries come in as
arguments, and nothing here trusts what came from the wire: a value is either parsed strictly or
answered with a fault.
"""

# SPDX-License-Identifier: Apache-2.0
"""Gatehouse: a mail gateway that proves its TLS."""

# SPDX-License-Identifier: Apache-2.0
"""Certificates and trust as the running gateway uses them."""

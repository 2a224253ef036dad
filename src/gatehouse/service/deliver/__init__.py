# SPDX-License-Identifier: Apache-2.0
"""Mail out: who is next, over which connection, under which TLS, and what became of it."""

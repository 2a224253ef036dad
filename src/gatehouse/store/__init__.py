# SPDX-License-Identifier: Apache-2.0
"""Remembering: the queue, the spool, numbers, revisions and secrets. Values, not rules."""

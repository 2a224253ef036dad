# SPDX-License-Identifier: Apache-2.0
"""Doing: sockets, tasks, timers and processes live in this room and in no room below it."""

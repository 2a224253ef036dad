# SPDX-License-Identifier: Apache-2.0
"""Kills a gateway under load, again and again, and counts what it promised and what it kept.

docs/crash-safety.md explains the method; `python -m tests.crash --help` runs it by hand.
"""

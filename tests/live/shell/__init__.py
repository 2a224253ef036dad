# SPDX-License-Identifier: Apache-2.0
"""Recorded sessions of the shell."""

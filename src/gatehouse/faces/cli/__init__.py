# SPDX-License-Identifier: Apache-2.0
"""The `gatehouse` command, made from the declared actions."""

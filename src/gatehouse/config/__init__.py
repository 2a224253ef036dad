# SPDX-License-Identifier: Apache-2.0
"""What the operator wants: the text form, its schema, its checks, and the values made from it."""

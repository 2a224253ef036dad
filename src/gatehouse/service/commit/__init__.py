# SPDX-License-Identifier: Apache-2.0
"""Making a configuration revision run: read, check, apply, tell."""

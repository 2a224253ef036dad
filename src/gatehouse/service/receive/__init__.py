# SPDX-License-Identifier: Apache-2.0
"""Mail in: listeners, sessions, and the intake that answers 250 only after the commit."""

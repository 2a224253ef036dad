# SPDX-License-Identifier: Apache-2.0
"""SSH: the door by which operators reach the shell from elsewhere."""

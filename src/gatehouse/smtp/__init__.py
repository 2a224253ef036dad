# SPDX-License-Identifier: Apache-2.0
"""How SMTP speaks: engines for both roles, bytes in and events out. No sockets, no clock."""

# SPDX-License-Identifier: Apache-2.0
"""What the gateway looks after by itself: alarms, and work that is due by the clock."""

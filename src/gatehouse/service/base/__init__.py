# SPDX-License-Identifier: Apache-2.0
"""What every process needs: clock, tasks, journal, resolver, the line to the supervisor."""

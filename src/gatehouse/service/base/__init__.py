# SPDX-License-Identifier: Apache-2.0
"""What every process needs: clock, tasks, journal, resolver, dialling, the line to the supervisor."""

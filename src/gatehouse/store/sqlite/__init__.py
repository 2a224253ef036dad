# SPDX-License-Identifier: Apache-2.0
"""The store on SQLite, for one machine: several processes share one database in WAL mode."""

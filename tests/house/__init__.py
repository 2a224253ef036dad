# SPDX-License-Identifier: Apache-2.0
"""The house keeps itself: contracts, budgets, documents that tell the truth."""

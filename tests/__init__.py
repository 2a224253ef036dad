# SPDX-License-Identifier: Apache-2.0
"""The tests of the house; docs/HOUSE.md says which folder holds what."""

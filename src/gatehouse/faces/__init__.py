# SPDX-License-Identifier: Apache-2.0
"""People: every action is declared once, and the faces are made from the declarations."""

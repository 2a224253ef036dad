# SPDX-License-Identifier: Apache-2.0
"""What an operator can do: declared once, carried out here, shown by the faces.

A declaration (`queue.py`) is light, so that a command's help is there at once; the work
(`queue_work.py`) is loaded when it is done.
"""

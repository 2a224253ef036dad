# SPDX-License-Identifier: Apache-2.0
"""Where the named queries of this backend lie."""

from pathlib import Path

SQL = Path(__file__).parent / "sql"

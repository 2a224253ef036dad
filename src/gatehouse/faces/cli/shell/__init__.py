# SPDX-License-Identifier: Apache-2.0
"""`gatehouse shell`: the appliance-style dialogues.

A dialogue is a generator of prompts and knows no terminal; who plays it supplies the answers, from
a person or from standard input, and carries out the actions it asks for.
"""

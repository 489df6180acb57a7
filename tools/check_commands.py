#!/usr/bin/env python3
"""Every command of zoo-tool as somebody at a terminal meets it: answers, files, exit codes and messages.

Usage: check_commands.py [TEST…]     TEST as unittest names it: Run, Run.test_columns

Exit code 0 is success, 1 an error with a message "error: …" on standard error, 2 wrong usage with a usage line there.
Whatever is given, nothing else may happen: no crash, no trace, nothing half-written.
"""

import unittest

import oracle
from commands.general import General
from commands.inspection import Check, Inspect, ListAndInfo
from commands.models import Convert, Prune, Quantize
from commands.running import Run
from commands.tensors import Bench, RunTensors, Verify

__all__ = [
    "Bench", "Check", "Convert", "General", "Inspect", "ListAndInfo", "Prune", "Quantize", "Run", "RunTensors", "Verify",
]  # fmt: skip

if __name__ == "__main__":
    oracle.announce()
    unittest.main()

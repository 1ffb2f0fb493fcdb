"""A segmenter's failures: found and described (`find`), shown (`page`), and made again to learn from (`target`)."""

from __future__ import annotations

from TextoMorphLib.failures.record import Failure, read_failures, write_failures

__all__ = ["Failure", "read_failures", "write_failures"]

"""The control plane: ground truth, switches, time, faults and people's edits, for tests only."""

from __future__ import annotations

from simulator.control.app import control_app

__all__ = ["control_app"]

"""Gcore's API on this machine: a real HTTP server with believable data, the same for ever.

It imports nothing else of ours. `Simulator` runs it in a thread, `manage.py gcore_simulator` as a process;
under `/_control/` its clock, its jobs and every fault are set (see docs/gcore-simulator.md).
"""

from gcore.simulator.beside import beside
from gcore.simulator.server import Simulator
from gcore.simulator.state import API_TOKEN, CUSTOMER_TOKEN, PASSWORD, USERNAME

__all__ = ["API_TOKEN", "CUSTOMER_TOKEN", "PASSWORD", "USERNAME", "Simulator", "beside"]

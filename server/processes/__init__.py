"""This process among others.

The signals that stop it, the service manager that started it, and the programs that it starts.
"""

from server.processes.programs import program
from server.processes.service_manager import ServiceManager
from server.processes.signals import stop_on_signal

__all__ = ["ServiceManager", "program", "stop_on_signal"]

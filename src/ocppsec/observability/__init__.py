"""What becomes of events: a log line, a metric, and for some a row in the security log.

Nobody but the command line imports this; the rooms only call the ``Emit`` they were given.
"""

from ocppsec.observability.logs import configure_logging
from ocppsec.observability.metrics import Metrics
from ocppsec.observability.observer import Observer
from ocppsec.observability.security_log import Broken, Intact, SecurityLog, verify

__all__ = ["Broken", "Intact", "Metrics", "Observer", "SecurityLog", "configure_logging", "verify"]

"""Long work in the background of the app: its record, progress, partial results, cancel, and the way on from there."""

from wsexplore.jobs.pool import Jobs
from wsexplore.jobs.record import Cancelled, Progress, State, Status, Work

__all__ = ["Cancelled", "Jobs", "Progress", "State", "Status", "Work"]

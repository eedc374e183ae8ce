from wsexplore.engine.ledger import Ledger, Receipt, Shard
from wsexplore.engine.local import MODES, Mode, run_shards

__all__ = ["MODES", "Ledger", "Mode", "Receipt", "Shard", "run_shards"]

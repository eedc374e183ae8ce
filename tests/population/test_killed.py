import os
import random
import signal
import subprocess
import sys
import textwrap

import pytest

from wsexplore.zoo import Zoo

SCRIPT = textwrap.dedent(
    """
    import sys, wsexplore as wx
    def on_step(fraction, message):
        print(fraction, flush=True)
    out, name, models, epochs, shard, config = sys.argv[1:]
    wx.train_zoo(name, "digits", models=int(models), epochs=int(epochs), seed=5, shard=int(shard), config=eval(config),
                 vary={"lr": (1e-3, 1e-2)}, out=out, on_step=on_step)
    """
)
NORM = "{'input': [1, 8, 8], 'channels': [3], 'kernel': 3, 'hidden': [], 'norm': 'batch'}"


def run(out, *arguments, kill_at=None):
    """Train in a process of its own; kill it as soon as it says that it is this far. Whether it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(out), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    killed = False
    for line in process.stdout:
        if kill_at is not None and float(line) >= kill_at:
            os.kill(process.pid, signal.SIGKILL)
            killed = True
            break
    process.wait()
    process.stdout.close()
    assert killed or process.returncode == 0
    return killed


@pytest.mark.parametrize(
    ("arguments", "kills"),
    [(("mlp", 96, 40, 4, "{}"), 5), (("cnn", 12, 3, 1, NORM), 2)],
    ids=["in threads, five times", "in processes, twice"],
)
def test_a_training_killed_again_and_again_ends_with_the_same_hash(tmp_path, arguments, kills):
    moments = random.Random(7)
    run(tmp_path / "whole", *arguments)
    count = 0
    for turn in range(kills):
        if run(tmp_path / "killed", *arguments, kill_at=(turn + moments.random()) / (kills + 1)):
            count += 1
            assert not (tmp_path / "killed").exists()
    assert count == kills
    run(tmp_path / "killed", *arguments)
    assert Zoo.open(tmp_path / "killed").fingerprint == Zoo.open(tmp_path / "whole").fingerprint
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == {"whole", "killed"}

"""The small digits that come with scikit-learn."""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from wsexplore.datasets.samples import Raw


def read_digits() -> Raw:
    """1,437 training and 360 test images of 8x8 pixels, as fractions of 1, every class in both."""
    bunch = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        bunch.images / 16.0, bunch.target, test_size=360, random_state=0, stratify=bunch.target
    )
    return Raw((train_x, train_y), (test_x, test_y), tuple(str(digit) for digit in range(10)))

"""scikit-learn's side: its network, of which a ``partial_fit`` is one epoch."""

from sklearn.neural_network import MLPClassifier

from tests.benchmarks import shared
from tests.benchmarks.shared import MOMENTUM, RATE


def train(hidden, batch_size, n):
    learner = MLPClassifier(
        (hidden,), solver="sgd", alpha=0, batch_size=batch_size, learning_rate_init=RATE, momentum=MOMENTUM,
        nesterovs_momentum=False, random_state=0,
    )  # fmt: skip
    rows, labels = shared.train_rows()[:n], shared.labels(n)

    def work():
        learner.partial_fit(rows, labels, classes=range(10))
        return learner.t_  # images seen so far

    return work

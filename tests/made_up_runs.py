"""Contests, runs and sides that are made up, for the tests of the benchmark."""

from dataclasses import asdict

from tests.benchmarks import contests
from tests.benchmarks.turns import Contest, Peer, Row, Work


class FakeSides(dict):
    """Sides whose turns take the seconds that they are given, and who note whose turn it was."""

    def __init__(self, cores=2, results=(), **seconds):
        self.cores, self.turns, self.forgotten = cores, [], 0
        super().__init__({name: FakeSide(name, iter(times), self) for name, times in seconds.items()})
        self.results = {name: iter(values) for name, values in dict(results).items()}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def forget(self):
        self.forgotten += 1


class FakeSide:
    def __init__(self, name, seconds, sides):
        self.name, self.seconds, self.sides, self.prepared = name, seconds, sides, []

    def prepare(self, work):
        self.prepared.append(work)
        return len(self.prepared) - 1

    def turn(self, number):
        self.sides.turns.append(f"{self.name} {self.prepared[number].name}")
        return next(self.seconds)

    def result(self):
        return next(self.sides.results[self.name])

    def forget(self):
        self.prepared = []


def contest(name="reading, batch 1", wanted=1.0, amount=10):
    peers = (Peer("a friend", Work("friend", "read"), wanted), Peer("ourselves, slowly", Work("ours", "spell")))
    return Contest(name, Work("ours", "read"), peers, amount)


def all_contests(n_train=60_000, n_test=10_000):
    for cores in (1, 2):
        for quick in (False, True):
            yield from contests.contests(n_train, n_test, cores, quick)
        yield from contests.rungs(n_train, cores)
    yield from contests.contests_on_more_cores(n_train, 4)
    yield from contests.contests_when_busy(n_train, 2)
    yield contests.rung_when_busy(n_train, 2)


def row(name="reading, batch 1", ratio=2.0, threads=1, wanted=1.0, peer="a friend", theirs=1.0):
    return asdict(Row(name, ratio * theirs, theirs, peer, "images/s", ratio, threads, wanted))


def run(*rows, ladder=()):
    return {"machine": "an abacus", "rows": list(rows), "ladder": list(ladder), "growth": []}

"""Threads of our own: who works, what is left behind, and that nobody's number of threads changes a weight."""

import contextlib
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.linalg.blas  # noqa: F401 - so that both BLAS libraries are there to be counted
from threadpoolctl import threadpool_info, threadpool_limits

from mnist_scratch import threads as module
from mnist_scratch.descent import SHARED
from mnist_scratch.network import Network
from mnist_scratch.threads import HALVES, Threads, one_blas_thread, product, sharing_products
from mnist_scratch.training import DivergenceError, train


@pytest.fixture(autouse=True)
def _libraries_looked_for_anew():
    """Another test may have loaded a BLAS of its own (OpenCV's, say) since they were looked for."""
    module._blas.cache_clear()


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def ours():
    return [thread for thread in threading.enumerate() if thread.name.startswith("mnist_scratch")]


LEARN = """
import hashlib, sys
import numpy as np
from mnist_scratch.network import Network
from mnist_scratch.training import train
batch_size, threads = int(sys.argv[1]), eval(sys.argv[2])
rng = np.random.default_rng(0)
n = 1100 if batch_size > 1 else 100
images, labels = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), rng.integers(0, 10, n)
network = Network.from_sizes([784, 500, 10], "relu", "softmax", "cross_entropy", seed=1)
history = train(network, images, labels, epochs=2, batch_size=batch_size, learning_rate=0.05, momentum=0.9,
                validation=(images, labels), threads=threads, progress=False)
print(hashlib.sha256(network.join_parameters().tobytes() + repr(history.validation_cost).encode()).hexdigest())
"""


@pytest.mark.parametrize("batch_size", [1, 32, 550])
def test_the_same_seed_gives_the_same_weights_on_any_number_of_threads_and_cores(batch_size):
    """Bit for bit: also where only one core may be used, and where BLAS would have threads of its own."""
    assert HALVES < 550 * 784 * 500
    assert SHARED < 784 * 500
    kinds = [("1", {}), ("2", {}), ("4", {}), ("None", {}), ("None", {"OPENBLAS_NUM_THREADS": "1"})]
    found = []
    for threads, environment in kinds:
        command = [sys.executable, "-c", LEARN, str(batch_size), threads]
        found.append(subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment))
    if hasattr(os, "sched_setaffinity"):
        pinned = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})\n" + LEARN
        command = [sys.executable, "-c", pinned, str(batch_size), "None"]
        found.append(subprocess.run(command, capture_output=True, text=True, check=True))
    assert len({done.stdout for done in found}) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(700, 300, 200), (200, 300, 700), (513, 401, 257), (64, 8000, 64), (65, 8000, 65)])
def test_a_product_in_halves_is_the_product_whoever_makes_them(shape, dtype):
    m, k, n = shape
    assert m * k * n >= HALVES
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((n, k)).astype(dtype).T
    alone = product(left, right)
    np.testing.assert_allclose(alone, left @ right, rtol=1e-4, atol=1e-2)
    given = np.full((m, n), np.nan, dtype)
    with Threads(3) as pool, sharing_products(pool):
        np.testing.assert_array_equal(product(left, right), alone)
        assert product(left, right, out=given) is given
    np.testing.assert_array_equal(given, alone)
    assert alone.dtype == dtype


def test_a_small_product_is_made_whole_in_the_callers_thread(monkeypatch):
    with Threads(2) as pool, sharing_products(pool):
        monkeypatch.setattr(pool, "run", lambda tasks: pytest.fail("handed over"))
        np.testing.assert_allclose(product(np.ones((2, 3)), np.ones((3, 4))), np.full((2, 4), 3.0))


def test_tasks_are_all_done_by_whoever_is_free_and_an_error_comes_out():
    done, names = [], set()
    met = threading.Barrier(2, timeout=20)

    def wait(k):
        met.wait()
        names.add(threading.current_thread().name)
        done.append(k)

    with Threads(2) as pool:
        pool.run([lambda k=k: wait(k) for k in range(2)])
        pool.run([lambda k=k: done.append(k) for k in range(2, 50)])
        assert sorted(done) == list(range(50))
        assert len(names) == 2

        def fails():
            raise ArithmeticError("in a task")

        for place in range(3):
            tasks = [lambda: None] * 3
            tasks[place] = fails
            with pytest.raises(ArithmeticError, match="in a task"):
                pool.run(tasks)
        pool.run([lambda: done.append(50), lambda: done.append(51)])
        assert len(done) == 52
    assert ours() == []


def test_a_task_has_the_callers_errstate():
    with np.errstate(over="raise"), Threads(2) as pool:
        for _ in range(20):
            with pytest.raises(FloatingPointError):
                pool.run([lambda: np.float32(3e38) * np.float32(10), lambda: np.float32(3e38) * np.float32(10)])


def test_blas_keeps_to_one_thread_until_the_last_block_has_ended():
    with threadpool_limits(limits=2):
        before = blas_threads()
        with one_blas_thread():
            with one_blas_thread():
                assert set(blas_threads()) <= {1}
            assert set(blas_threads()) <= {1}
        assert blas_threads() == before
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(blas_threads()) <= {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before


@pytest.mark.parametrize("times", [1, 2])
def test_blas_held_for_the_whole_process_stays_at_one_thread_after_training_too(times):
    code = (
        "import numpy as np\nimport scipy.linalg.blas\nfrom threadpoolctl import threadpool_info, threadpool_limits\n"
        "from mnist_scratch.network import Network\nfrom mnist_scratch.threads import hold_blas_to_one_thread\n"
        "from mnist_scratch.training import train\n"
        "def found():\n"
        "    print([pool['num_threads'] for pool in threadpool_info() if pool['user_api'] == 'blas'])\n"
        "threadpool_limits(limits=2)\nfound()\n" + "hold_blas_to_one_thread()\n" * times + "found()\n"
        "train(Network.from_sizes([4, 3, 2]), np.ones((8, 4)), np.zeros(8, dtype=int), progress=False)\nfound()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, held, after_training = [set(json.loads(line)) for line in done.stdout.splitlines()]
    assert before <= {1, 2}  # {1} on a single core
    assert held <= {1}
    assert after_training <= {1}


def held(free):
    """Hold BLAS in a thread of its own until told to let go; return what it saw, and the thread, which lives on."""
    seen, let_go, end, ready = [], threading.Event(), threading.Event(), threading.Event()

    def work():
        with one_blas_thread():
            seen.append(blas_threads())
            ready.set()
            let_go.wait(20)
        free.release()
        end.wait(20)

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(20)
    return seen, let_go, end, thread


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("limited_outside", [False, True])
def test_blas_is_held_and_let_go_from_any_thread_whoever_was_first(order, limited_outside):
    """Newer threadpoolctl lets a single thread set it, and ignores all others in silence; here both live on."""
    at_first = blas_threads()
    with contextlib.ExitStack() as outside:
        if limited_outside:
            outside.enter_context(threadpool_limits(limits=2))
        before, free = blas_threads(), threading.Semaphore(0)
        holders = [held(free), held(free)]
        try:
            assert all(set(found) <= {1} for seen, *_ in holders for found in seen)
            holders[order[0]][1].set()
            assert free.acquire(timeout=20)
            assert set(blas_threads()) <= {1}
            holders[order[1]][1].set()
            assert free.acquire(timeout=20)
            assert blas_threads() == before
        finally:
            for _, let_go, end, thread in holders:
                let_go.set()
                end.set()
                thread.join()
    assert blas_threads() == at_first


def data(n=64):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 6, 6), dtype=np.uint8), rng.integers(0, 4, n)


def interrupt(progress):
    raise KeyboardInterrupt


def fail(images, rng):
    raise RuntimeError("no")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, None),
        ({"schedule": interrupt}, KeyboardInterrupt),
        ({"augment": fail}, RuntimeError),
        ({"learning_rate": 1e38, "epochs": 3}, DivergenceError),
    ],
)
def test_blas_is_as_it_was_and_no_thread_is_left_behind(options, error):
    inside = []
    with threadpool_limits(limits=2):
        before = blas_threads()
        network = Network.from_sizes([36, 8, 4], "identity", "identity")
        forward = network.layers[0].forward
        network.layers[0].forward = lambda rows: (inside.append(blas_threads()), forward(rows))[1]
        if error is None:
            train(network, *data(), threads=2, progress=False, **options)
        else:
            with pytest.raises(error):
                train(network, *data(), threads=2, progress=False, **options)
        assert blas_threads() == before
        assert all(set(found) <= {1} for found in inside)
        Network.from_sizes([36, 8, 4]).predict(np.ones((5000, 36)), threads=2)
        assert blas_threads() == before
    assert ours() == []


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True, 10**9])
def test_threads_must_be_a_number_of_them(threads):
    network = Network.from_sizes([36, 8, 4])
    for use in (
        lambda: train(network, *data(), threads=threads, progress=False),
        lambda: network.predict(np.ones((2, 36)), threads=threads),
        lambda: network.mean_cost(np.ones((2, 36)), np.ones((2, 4)), threads=threads),
    ):
        with pytest.raises((TypeError, ValueError), match="threads must be a whole number from 1 to 1,024"):
            use()


@pytest.mark.parametrize("threads", [1, 2, 5, None])
def test_predictions_and_costs_do_not_depend_on_threads(threads):
    network = Network.from_sizes([36, 8, 4], seed=1)
    rows = np.random.default_rng(0).standard_normal((457, 36)).astype(np.float32)
    targets = np.eye(4, dtype=np.float32)[np.arange(457) % 4]
    np.testing.assert_array_equal(network.predict(rows, 50, threads), network.forward(rows).argmax(axis=1))
    assert network.mean_cost(rows, targets, 50, threads) == network.mean_cost(rows, targets, 50, 1)


@pytest.mark.parametrize("threads", [1, 2, 3, 10])
def test_side_by_side_each_thread_has_a_network_of_its_own_and_alone_it_is_the_network(threads, monkeypatch):
    network, used = Network.from_sizes([36, 8, 4], seed=1), []
    forward = Network._forward
    monkeypatch.setattr(Network, "_forward", lambda self, rows: (used.append(self), forward(self, rows))[1])
    network.predict(np.ones((40, 36), np.float32), batch_size=10, threads=threads)
    assert len(used) == 4
    assert len({id(one) for one in used}) <= min(threads, 4)
    assert all((one is network) is (threads == 1) for one in used)


def test_side_by_side_trainings_do_not_disturb_each_other():
    def learn(seed):
        network = Network.from_sizes([36, 300, 4], seed=seed)
        train(network, *data(300), epochs=3, batch_size=100, threads=2, progress=False)
        return network.join_parameters().copy()

    alone, found = [learn(seed) for seed in range(3)], [None] * 3
    with threadpool_limits(limits=2):
        before = blas_threads()
        workers = [threading.Thread(target=lambda seed=seed: found.__setitem__(seed, learn(seed))) for seed in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert blas_threads() == before
    for one, other in zip(alone, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_first_training_of_a_process_holds_a_blas_that_it_is_about_to_load():
    code = (
        "import json\nfrom threadpoolctl import threadpool_info\nfrom mnist_scratch.threads import one_blas_thread\n"
        "with one_blas_thread():\n    import scipy.linalg.blas\n"
        "    print(json.dumps([p['num_threads'] for p in threadpool_info() if p['user_api'] == 'blas']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) <= {1}


def test_the_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    assert module.n_cores() == 3
    assert module.check_threads(None, "test") == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert module.n_cores() == 6

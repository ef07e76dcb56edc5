"""What a run's record must hold. Who reads one, from a study's folder or the package, asks here whether it is whole."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Record = dict[str, Any]
"""What JSON gives: ``Run.record``; in a study's results with the recipe's name in place of the recipe."""


def check_record(record: Any) -> Record:  # noqa: ANN401
    """Return a run's record, or say what it lacks.

    Parameters
    ----------
    record : dict
        What JSON gave.

    Raises
    ------
    ValueError
        If a part is missing, of the wrong kind, or holds a number that is not finite.
    """
    if not isinstance(record, dict):
        raise ValueError(f"a run's record must be a dict; it is {type(record).__name__}")
    for key in ("seed", "versions", "cores", "data", "result", "seconds"):
        if key not in record:
            raise ValueError(f"a run's record has no {key!r}")
    if not _is_whole(record["seed"]):
        raise ValueError(f"a run's seed must be a whole number, 0 or more; it is {record['seed']!r}")
    if record["data"] not in ("full", "sample"):
        raise ValueError(f"a run's data must be 'full' or 'sample'; they are {record['data']!r}")
    if not isinstance(record["versions"], dict):
        raise ValueError(f"a run's versions must be a dict; they are {record['versions']!r}")
    _check_cost(record["seconds"], "seconds")
    result = record["result"]
    if not isinstance(result, dict):
        raise ValueError(f"a run's result must be a dict; it is {type(result).__name__}")
    for key in ("probe_cost", "train_cost", "test_confusion"):
        if key not in result:
            raise ValueError(f"a run's result has no {key!r}")
    _check_result(result)
    return record


def measured(record: Record) -> list[str]:
    """Return the names of what a record holds measures of, such as "test"."""
    return [key.removesuffix("_confusion") for key in record["result"] if key.endswith("_confusion")]


def _check_result(result: dict[str, Any]) -> None:
    for key, value in result.items():
        if key.endswith("_confusion"):
            _check_confusion(value, key)
        elif key == "train_cost":
            if not isinstance(value, list) or not value:
                raise ValueError(f"train_cost must be a list, a number an epoch; it is {value!r}")
            for cost in value:
                _check_cost(cost, key)
        else:
            _check_cost(value, key)


def _check_confusion(counts: Any, key: str) -> None:  # noqa: ANN401
    try:
        matrix: NDArray[Any] = np.array(counts)
    except ValueError:  # rows of different lengths
        matrix = np.empty(0)
    if matrix.shape != (10, 10) or matrix.dtype.kind != "i" or matrix.min() < 0 or not matrix.any(axis=1).all():
        raise ValueError(f"{key} must be 10 rows of 10 counts, 0 or more, with an image of each digit at least")


def _check_cost(value: Any, key: str) -> None:  # noqa: ANN401
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{key} must be a finite number, 0 or more; it is {value!r}")


def _is_whole(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

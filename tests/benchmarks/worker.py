"""What runs in the process of one library: it prepares work, does it when it is its turn, and says how long it took."""

import importlib
import time
import traceback


def serve(connection, module):
    """Answer what ``turns.Side`` asks over the connection, until that is closed or this process interrupted."""
    library, works, value = None, [], None
    try:
        while True:
            request, *arguments = connection.recv()
            try:
                answer = None
                if request == "prepare":
                    library = library or importlib.import_module(module)
                    name, options = arguments
                    works.append(getattr(library, name)(**options))
                    answer = len(works) - 1
                elif request == "turn":
                    started = time.perf_counter()
                    value = works[arguments[0]]()
                    answer = time.perf_counter() - started
                elif request == "result":
                    answer = value() if callable(value) else value
                elif request == "forget":
                    works, value = [], None
                else:
                    raise ValueError(f"no request: {request}")
                connection.send((True, answer))
            except Exception:
                connection.send((False, traceback.format_exc()))
    except (EOFError, OSError, KeyboardInterrupt):
        return

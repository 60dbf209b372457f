"""How a peer talks with `deepcluster bench`: JSON objects, one a line, requests on stdin and one answer each on stdout.

    (at start)            -> {"ready": true}, or {"missing": "torch is not installed"} and the end
    {"prepare": {work}}   -> {"name": "PyTorch 2.5.1, 2 threads"}   loaded, warm, ready to run
    {"run": repeats}      -> {"seconds": 1.23}                      of all repeats; timed here, unless a run tells its own
    anything that fails   -> {"error": "..."}
"""
import json
import sys
import time


def answer(reply):
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


def missing(library):
    answer({"missing": f"{library} is not installed"})
    sys.exit(0)


def serve(prepare):
    """Answers until stdin ends. `prepare(work)` gives the peer's name and a function that does the work once."""
    answer({"ready": True})
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                run = None  # what was ready before gives its memory back first
                name, run = prepare(request["prepare"])
                answer({"name": name})
            else:
                answer({"seconds": seconds_of(run, request["run"])})
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}"})


def seconds_of(run, repeats=1):
    start = time.perf_counter()
    own = 0.0
    for _ in range(repeats):
        told = run()
        own += told if isinstance(told, float) else 0.0
    return own or time.perf_counter() - start

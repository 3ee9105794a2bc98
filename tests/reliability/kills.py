"""A process that kills children of its own while they decide: what `test_kill9_decisions.py` starts.

Each line that it reads is JSON, {"code": Python, "point": number}. A child of it runs the code and dies by SIGKILL
before it writes or commits for the so-manieth time. What it answers is the child's exit status, negative for a signal.
Children are forked, so that a kill costs no start of an interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import count
from typing import Any

WRITES = ("INSERT", "UPDATE", "DELETE")


def run(code: str, point: int) -> None:
    from django.db import connection

    steps = count()

    def step() -> None:
        if next(steps) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def writing(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(WRITES):
            step()
        return execute(sql, params, many, context)

    commit = connection._commit  # type: ignore[attr-defined]

    def committing() -> Any:
        step()
        return commit()

    connection._commit = committing  # type: ignore[attr-defined]
    with connection.execute_wrapper(writing):
        exec(code)


def main() -> None:
    import django

    django.setup()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                run(**json.loads(line))
            except BaseException:  # noqa: BLE001  (the child ends here, whatever it was)
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""A client in a process of its own, which submits, follows, and is killed in the middle of it.

`python -m tests.soak.visitor <first number> <group>` prints the id and the errand of each job before it asks for it.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from random import Random

from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.client import JobClient
from tests.crash.plan import random_errand
from tests.crash.story import submission

__all__: list[str] = []


async def visit(first: int, group: str) -> None:
    """Submit jobs, one after the other, until killed."""
    random = Random(first)
    async with await JobClient.connect(group=group) as client:
        for number in range(first, first + 1_000):
            errand, id_ = random_errand(random, number, alone=True), str(uuid.uuid4())
            print(id_, errand.to_json(), flush=True)  # noqa: T201  # whoever kills it reads that
            await client.api.run(calls.submit(submission(client, errand, id_)))
            await asyncio.sleep(random.uniform(0.0, 2.0))


if __name__ == "__main__":
    asyncio.run(visit(int(sys.argv[1]), sys.argv[2]))

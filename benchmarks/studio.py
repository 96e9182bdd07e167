"""The studio's server under load: many clients stylizing at once for a minute.

    pip install '.[dev]'
    python benchmarks/studio.py [--clients 64] [--seconds 60] [--size 256]

Each client posts a photograph, reads the stylized image, and asks again at once; where it is told to come back (429),
it waits as long as it is told. Reported: answers by status, seconds from request to picture (median and 99th
percentile), and the server's memory at intervals. Any status but 200 and 429 is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx2
import numpy as np
import psutil
from PIL import Image

PHOTO = Path(__file__).parents[1] / "examples" / "astronaut.jpg"


async def client(address: str, photo: bytes, until: float, statuses: Counter[int], seconds: list[float]) -> None:
    """One client, until it is time."""
    async with httpx2.AsyncClient(base_url=address, timeout=120) as session:
        while time.monotonic() < until:
            start = time.monotonic()
            files, fields = {"image": ("photo.jpg", photo)}, {"style": "great-wave"}
            answer = await session.post("/api/stylize", files=files, data=fields)
            statuses[answer.status_code] += 1
            if answer.status_code == 200:
                seconds.append(time.monotonic() - start)
                Image.open(io.BytesIO(answer.content)).verify()
            else:
                await asyncio.sleep(float(answer.headers.get("retry-after", 1)))


async def watch(process: psutil.Process, until: float, found: list[float], every: float) -> None:
    """The server's memory in MB, at intervals."""
    while time.monotonic() < until:
        found.append(process.memory_info().rss / 1e6)
        await asyncio.sleep(every)


async def load(address: str, process: psutil.Process, clients: int, duration: float, photo: bytes) -> None:
    statuses: Counter[int] = Counter()
    seconds: list[float] = []
    memory: list[float] = []
    until = time.monotonic() + duration
    tasks = [client(address, photo, until, statuses, seconds) for _ in range(clients)]
    await asyncio.gather(*tasks, watch(process, until, memory, duration / 12))
    print(f"answers: {dict(sorted(statuses.items()))}")
    if seconds:
        p50, p99 = np.percentile(seconds, [50, 99])
        print(f"{len(seconds) / duration:.1f} pictures/s, p50 {p50:.2f} s, p99 {p99:.2f} s")
    print("memory in MB:", " ".join(f"{one:.0f}" for one in memory))
    wrong = {status: count for status, count in statuses.items() if status not in (200, 429)}
    if wrong:
        sys.exit(f"errors: {wrong}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", type=int, default=256, help="long side of the photograph in px")
    parser.add_argument("--port", type=int, default=8643)
    arguments = parser.parse_args()
    image, buffer = Image.open(PHOTO), io.BytesIO()
    image.thumbnail((arguments.size, arguments.size))
    image.save(buffer, "JPEG", quality=90)
    command = [sys.executable, "-m", "impasto", "studio", "--no-open", "--port", str(arguments.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            server.stdout.readline()  # its address: it listens
            process = psutil.Process(server.pid)
            address = f"http://127.0.0.1:{arguments.port}"
            asyncio.run(load(address, process, arguments.clients, arguments.seconds, buffer.getvalue()))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()

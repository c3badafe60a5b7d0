"""Listens for nginx, takes commands from its standard input, ends when that ends.

The first line says where: `{"seed": 1, "lines": {NAME: {"protocol": .., "listen": PORT, "store":
PORT}}}`. Each further line switches the fault of one line and is answered when that is done:
`{"line": NAME, "fault": NAME}`, or `{"line": NAME, "fault": NAME, "quiet": true}` for what is done
once to connections on which nothing is outstanding. The answer has the number of faults so far,
and of commands that asked for several keys.
"""

import asyncio
import json
import sys
from typing import Any

from . import faults
from .line import Line


async def commands() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def answer(lines: dict[str, Line]) -> None:
    counts = {name: [line.injected, line.shared] for name, line in lines.items()}
    print(json.dumps(counts), flush=True)


async def obey(lines: dict[str, Line], command: dict[str, Any]) -> None:
    line = lines[command["line"]]
    if command.get("quiet"):
        line.say_unasked(faults.UNASKED[line.protocol])
        return
    await line.switch(faults.make(command["fault"], line, lines))


async def main() -> None:
    reader = await commands()
    job = json.loads(await reader.readline())
    lines = {
        name: Line(name, one["protocol"], one["listen"], one["store"], f"{job['seed']} {name}")
        for name, one in job["lines"].items()
    }
    for line in lines.values():
        await line.listen()
    answer(lines)
    while text := await reader.readline():
        await obey(lines, json.loads(text))
        answer(lines)
    for line in lines.values():
        await line.end()


asyncio.run(main())

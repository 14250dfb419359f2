"""Serves the TCK's models on HOST and PORT."""

import asyncio
import sys
from pathlib import Path

# What build.py has generated.
sys.path.insert(0, str(Path(__file__).resolve().parent / "generated"))

from models import action, event_log, event_sourced, value_entity
from support.server import serve

ENTITIES = [
    event_sourced.Model,
    event_sourced.Two,
    event_sourced.Configured,
    value_entity.Model,
    value_entity.Two,
    value_entity.Configured,
    event_log.One,
    event_log.Two,
]
ACTIONS = [action.Model(), action.Two(), event_log.Subscriber()]

if __name__ == "__main__":
    try:
        asyncio.run(serve("tck-models-python", "0.1.0", ENTITIES, ACTIONS))
    except KeyboardInterrupt:
        pass

"""``python -m persist_agents.langgraph.migrate`` is ``persist-langgraph``."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())

"""Moving LangGraph's checkpoints into Persist and back."""

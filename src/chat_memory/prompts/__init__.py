"""The room that speaks to a model: the summarizer protocol, extraction, the gate and token counting."""

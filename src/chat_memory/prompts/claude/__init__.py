"""Claude as the summarizer: words and request, the provider behind one door, and what its answer must be."""

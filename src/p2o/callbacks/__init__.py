"""What watches a run: live progress, logs, summaries and reports."""

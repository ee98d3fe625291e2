"""What was mined in each epoch, kept for study."""

"""What stands in a prompt: the one renderer of chats, templates and the bank that covers the dev questions."""

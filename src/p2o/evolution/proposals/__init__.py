"""What happens to proposals between the reflector and the search: checks, novelty, their cost, replies kept."""

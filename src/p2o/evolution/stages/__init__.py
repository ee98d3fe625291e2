"""The stages that may follow the search on the screen: covering the other dev questions, and confirming lucky hits."""

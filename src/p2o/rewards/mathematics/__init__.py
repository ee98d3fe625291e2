"""When two mathematical answers are equal: by what can be seen, by their structure, else by math-verify."""

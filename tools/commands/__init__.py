"""What check_commands.py runs: the commands of zoo-tool by family."""

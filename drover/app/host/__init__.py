"""What the nodes of running workflows ask the server for, one family of operations a file."""

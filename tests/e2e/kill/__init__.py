"""Kill tests: real binaries, ended by SIGKILL at each of their requests; the end state is the same as without."""
